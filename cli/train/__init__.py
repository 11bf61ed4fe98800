"""`hef train`: SEMs, the embedded LLM's adapter, calibration and feedback."""
