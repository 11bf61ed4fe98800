"""Training of SEMs and of the embedded LLM's adapter, and the loop that both share."""
