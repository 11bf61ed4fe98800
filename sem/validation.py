"""What a SEM is asked: refuse what cannot be read, in the same words everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from ..contract import Dialogue, SetupError, Turn, View, look
from .protocol import SemDescription, every_view


def looked_at(dialogues: Sequence[Dialogue], views: Sequence[View] | None) -> list[tuple[View, list[Turn]]]:
    """Return for each dialogue its view, and the turns that the view keeps.

    Raises:
        SetupError: A dialogue has no turns, or there is not one view a dialogue.
    """
    refuse_empty(dialogues)
    looks = every_view(dialogues, views)
    return [(view, look(dialogue, view)) for dialogue, view in zip(dialogues, looks, strict=True)]


def refuse_empty(dialogues: Sequence[Dialogue]) -> None:
    """Refuse dialogues without turns.

    Raises:
        SetupError: There is one.
    """
    if not all(len(dialogue) for dialogue in dialogues):
        raise SetupError("a dialogue without turns cannot be read; give at least one turn")


def refuse_unknown(dialogues: Sequence[Dialogue], emotions: Sequence[str], description: SemDescription) -> None:
    """Refuse questions for causes that have no answer.

    Raises:
        SetupError: A dialogue has no turns, there is not one emotion a dialogue, or the SEM does not
            know an emotion.
    """
    refuse_empty(dialogues)
    if len(emotions) != len(dialogues):
        raise SetupError(f"{len(emotions)} emotions for {len(dialogues)} dialogues; give one a dialogue")
    for emotion in emotions:
        if emotion not in description.taxonomy:
            known = ", ".join(description.taxonomy.labels)
            raise SetupError(f"unknown emotion {emotion!r}; SEM {description.name!r} knows {known}")
