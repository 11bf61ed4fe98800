"""What nodes share: run settings, the view on a turn, calls of the LLM and of tools, events, records."""
