"""Evaluation of the memory: recall of past turns, and retrieval by sentence vectors."""
