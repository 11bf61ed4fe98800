"""How many characters of dialogue an LLM is shown in a run that does not say it."""

from __future__ import annotations

QUESTION_CHARACTERS = 6000
"""In a question, such as that for the emotion, and for a reply of an LLM that is not hosted."""
REPLY_CHARACTERS = 40_000
"""For a reply of a hosted LLM: some ten thousand tokens of English, thirty thousand of Chinese."""


def question_limit(dialogue_limit: int | None) -> int:
    """Return how many characters a question shows.

    Args:
        dialogue_limit: The setting of the run.
    """
    return QUESTION_CHARACTERS if dialogue_limit is None else dialogue_limit
