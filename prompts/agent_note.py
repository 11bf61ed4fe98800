"""The note that another agent's own model is given: how the person feels, and why."""

from __future__ import annotations

from collections.abc import Sequence

from ..contract import Empathy, Memory
from .fence import plain
from .loader import Prompts
from .messages import CAUSES, remembered

LIKELIEST = 3
"""How many emotions are named; a sure reading leaves the others near 0."""


def empathy_note(prompts: Prompts, empathy: Empathy, memories: Sequence[Memory]) -> str:
    """Return what an agent is told of the person; their own words are quoted and cannot leave their quotation.

    Args:
        prompts: The templates.
        empathy: What was understood.
        memories: Past turns that bear on this one.
    """
    return prompts.render(
        "note",
        emotions=", ".join(f"{plain(label)} {empathy.distribution[label]:.0%}" for label in _likeliest(empathy)),
        causes=", ".join(f'"{_unquoted(cause.text)}"' for cause in empathy.causes[:CAUSES]),
        memories="\n".join(map(remembered, memories)),
    )


def _likeliest(empathy: Empathy) -> list[str]:
    """Return the decided emotion and then the most probable others; it need not be the most probable itself."""
    others = sorted(
        (label for label in empathy.distribution if label != empathy.emotion),
        key=lambda label: (-empathy.distribution[label], label),
    )
    return [empathy.emotion, *others][:LIKELIEST]


def _unquoted(text: str) -> str:
    return plain(text).replace('"', "'")
