"""Faults of a turn: what each node left out, and what `Empathy.degraded` tells of it."""

from __future__ import annotations

from collections.abc import Mapping

from ...contract import Empathy, HefState

_ERROR_CHARACTERS = 200
"""Characters of an error's text that are passed on."""


def summarise_faults(faults: Mapping[str, str] | None) -> str | None:
    """Return all faults of the turn in one text, None when there is none."""
    return "; ".join(dict.fromkeys(text for text in (faults or {}).values() if text)) or None


def degraded_empathy(state: HefState, node: str, fault: str) -> Empathy:
    """Return what was understood with the faults of the turn so far, to which those of a node are added."""
    faults = {**state.get("faults", {}), node: fault}
    return state["empathy"].model_copy(update={"degraded": summarise_faults(faults)})


def error_text(error: Exception) -> str:
    """Return what an error says, in one line; its class where it says nothing."""
    text = " ".join(str(error).split())
    return f"{text[:_ERROR_CHARACTERS]}…" if len(text) > _ERROR_CHARACTERS else text or type(error).__name__
