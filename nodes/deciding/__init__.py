"""The fine decision: joining the SEM's probabilities with the LLM's judgement."""
