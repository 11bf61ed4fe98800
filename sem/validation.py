"""What a SEM is asked: refuse what cannot be read, in the same words everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from ..contract import Dialogue, SetupError, Turn, View, apply_view
from .protocol import SemDescription, resolve_views


def apply_views(dialogues: Sequence[Dialogue], views: Sequence[View] | None) -> list[tuple[View, list[Turn]]]:
    """Return for each dialogue its view, and the turns that the view keeps.

    Raises:
        SetupError: A dialogue has no turns, or there is not one view a dialogue.
    """
    require_turns(dialogues)
    looks = resolve_views(dialogues, views)
    return [(view, apply_view(dialogue, view)) for dialogue, view in zip(dialogues, looks, strict=True)]


def require_turns(dialogues: Sequence[Dialogue]) -> None:
    """Refuse dialogues without turns.

    Raises:
        SetupError: There is one.
    """
    if not all(len(dialogue) for dialogue in dialogues):
        raise SetupError("a dialogue without turns cannot be read; give at least one turn")


def require_known_emotions(dialogues: Sequence[Dialogue], emotions: Sequence[str], description: SemDescription) -> None:
    """Refuse questions for causes that have no answer.

    Raises:
        SetupError: A dialogue has no turns, there is not one emotion a dialogue, or the SEM does not
            know an emotion.
    """
    require_turns(dialogues)
    if len(emotions) != len(dialogues):
        raise SetupError(f"{len(emotions)} emotions for {len(dialogues)} dialogues; give one a dialogue")
    for emotion in emotions:
        if emotion not in description.taxonomy:
            known = ", ".join(description.taxonomy.labels)
            raise SetupError(f"unknown emotion {emotion!r}; SEM {description.name!r} knows {known}")
