"""What nodes share: run settings, the view on a turn, prompts of the reply, events, records."""
