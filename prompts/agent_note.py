"""The note for another agent's own model: how the person feels, and why."""

from __future__ import annotations

from collections.abc import Sequence

from ..contract import Empathy, Memory
from .fence import one_line
from .loader import Prompts
from .messages import MAX_CAUSES, remembered

MAX_EMOTIONS = 3
"""How many emotions are named; a confident reading leaves the others near 0."""


def empathy_note(prompts: Prompts, empathy: Empathy, memories: Sequence[Memory]) -> str:
    """Return the note about the person; their own words are quoted and cannot leave their quotation.

    Args:
        prompts: The templates.
        empathy: What was understood.
        memories: Past turns that bear on this one.
    """
    return prompts.render(
        "note",
        emotions=", ".join(
            f"{one_line(label)} {empathy.distribution[label]:.0%}" for label in _named_emotions(empathy)
        ),
        causes=", ".join(f'"{_without_quotes(cause.text)}"' for cause in empathy.causes[:MAX_CAUSES]),
        memories="\n".join(map(remembered, memories)),
    )


def _named_emotions(empathy: Empathy) -> list[str]:
    """Return the decided emotion and then the most probable others; it need not be the most probable itself."""
    others = sorted(
        (label for label in empathy.distribution if label != empathy.emotion),
        key=lambda label: (-empathy.distribution[label], label),
    )
    return [empathy.emotion, *others][:MAX_EMOTIONS]


def _without_quotes(text: str) -> str:
    return one_line(text).replace('"', "'")
