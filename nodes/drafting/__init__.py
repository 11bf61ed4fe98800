"""Drafting the reply while the LLM still judges the emotion."""
