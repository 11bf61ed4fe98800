"""Checks of what goes into a SEM and what comes out, with the same error messages for every SEM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import fsum, isfinite

from ..contract import Cause, Dialogue, HefError, ModelError, Reading, SetupError, Turn, View, apply_view
from ..contract.errors import error_text
from .protocol import SemDescription, resolve_views


def apply_views(dialogues: Sequence[Dialogue], views: Sequence[View] | None) -> list[tuple[View, list[Turn]]]:
    """Return for each dialogue its view and the turns that the view keeps.

    Raises:
        SetupError: A dialogue has no turns, or there is not one view per dialogue.
    """
    require_turns(dialogues)
    resolved = resolve_views(dialogues, views)
    return [(view, apply_view(dialogue, view)) for dialogue, view in zip(dialogues, resolved, strict=True)]


def require_turns(dialogues: Sequence[Dialogue]) -> None:
    """Refuse dialogues without turns.

    Raises:
        SetupError: There is one.
    """
    if not all(len(dialogue) for dialogue in dialogues):
        raise SetupError("a dialogue without turns cannot be read; give at least one turn")


def require_known_emotions(dialogues: Sequence[Dialogue], emotions: Sequence[str], description: SemDescription) -> None:
    """Refuse cause requests that cannot be answered.

    Raises:
        SetupError: A dialogue has no turns, there is not one emotion per dialogue, or the SEM does not
            know an emotion.
    """
    require_turns(dialogues)
    if len(emotions) != len(dialogues):
        raise SetupError(f"{len(emotions)} emotions for {len(dialogues)} dialogues; give one per dialogue")
    for emotion in emotions:
        if emotion not in description.taxonomy:
            known = ", ".join(description.taxonomy.labels)
            raise SetupError(f"unknown emotion {emotion!r}; SEM {description.name!r} knows {known}")


def check_reading(reading: Reading, labels: Sequence[str], sem: str) -> Reading:
    """Return a reading whose distribution is valid over the labels.

    Raises:
        ModelError: It has other labels, a value that is not a probability, or does not sum to 1.
    """
    distribution = reading.distribution
    if set(distribution) != set(labels):
        raise ModelError(f"SEM {sem!r} returned other labels than its taxonomy's")
    if not all(isfinite(value) and -1e-6 <= value <= 1 + 1e-6 for value in distribution.values()):
        raise ModelError(f"SEM {sem!r} returned something that is not a probability")
    if abs(fsum(distribution.values()) - 1) > 1e-3:
        raise ModelError(f"SEM {sem!r} returned a distribution that sums to {fsum(distribution.values()):.3f}, not 1")
    return reading


def causes_fault(causes: object, dialogue: Dialogue) -> str:
    """Return what is wrong with the causes that a SEM returned for a dialogue; empty if nothing is."""
    if not isinstance(causes, tuple) or not all(isinstance(cause, Cause) for cause in causes):
        return "`causes` did not return tuples of Cause"
    for cause in causes:
        actual = dialogue[cause.turn].text[cause.start : cause.end] if cause.turn < len(dialogue) else None
        if actual != cause.text or not cause.text:
            where = f"turn {cause.turn}, characters {cause.start} to {cause.end}"
            return f"the text of a cause is not at {where}"
    weights = [cause.weight for cause in causes]
    if not all(isfinite(weight) and 0 <= weight <= 1 for weight in weights) or fsum(weights) > 1 + 1e-6:
        return f"the weights of causes are {weights}; expected 0 to 1 each, and a sum of at most 1"
    if weights != sorted(weights, reverse=True):
        return "the causes do not come strongest first"
    is_repeated = len({(cause.turn, cause.start, cause.end) for cause in causes}) < len(causes)
    return "a cause comes twice" if is_repeated else ""


@contextmanager
def model_errors(what: str) -> Iterator[None]:
    """Turn any failure into a `ModelError` that names what failed.

    HEF's own errors pass unchanged, and so do interrupts and the control-flow exceptions of a graph.
    """
    try:
        yield
    except HefError:
        raise
    except Exception as error:
        from langgraph.errors import GraphBubbleUp  # slow to import, and needed only here

        if isinstance(error, GraphBubbleUp):
            raise
        raise ModelError(f"{what} failed: {error_text(error)}") from error
