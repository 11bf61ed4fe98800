"""The emotion decision: pooling of the SEM's probabilities with the LLM's judgement."""
