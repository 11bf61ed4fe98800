"""Calls of an LLM: retries, one that takes no system message or fewer tokens, the stream without thoughts."""
