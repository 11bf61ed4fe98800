"""How many past turns an LLM is told in a run that does not say it."""

from __future__ import annotations

RECALLED_TURNS, RECALLED_TOKENS = 3, 400
"""For an LLM that is not hosted: each token of the prompt takes time there, and a small model takes up what is told."""
HOSTED_TURNS, HOSTED_TOKENS = 10, 900
"""For a hosted LLM, which leaves out by itself what does not matter."""


def turn_limit(memory_limit: int | None, *, is_hosted: bool) -> int:
    """Return how many past turns are recalled at most.

    Args:
        memory_limit: The setting of the run.
        is_hosted: Whether the LLM that is told of them is hosted.
    """
    if memory_limit is None:
        return HOSTED_TURNS if is_hosted else RECALLED_TURNS
    return memory_limit


def token_budget(memory_budget: int | None, *, is_hosted: bool) -> int:
    """Return how many tokens of past turns a prompt has at most.

    Args:
        memory_budget: The setting of the run.
        is_hosted: Whether the LLM that is told of them is hosted.
    """
    if memory_budget is None:
        return HOSTED_TOKENS if is_hosted else RECALLED_TOKENS
    return memory_budget
