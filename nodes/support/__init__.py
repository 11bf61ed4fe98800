"""What nodes share: run settings, events, telemetry and the transcript."""
