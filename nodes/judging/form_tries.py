"""Which LLMs do not keep to a form that they are asked for, and are asked for it only now and then."""

from __future__ import annotations

from ...contract.chat_model import ChatModel, ModelKey, model_key

FORM_TRIES = 3
"""Failures in a row after which an LLM is asked without the form at once."""
FORM_RETRY = 20
"""Number of turns without the form after which it is tried again."""


class FormTries:
    """Failures in a row of each LLM at one form, for whatever turns."""

    def __init__(self) -> None:
        self._failures: dict[ModelKey, int] = {}

    def is_due(self, model: ChatModel) -> bool:
        """Return whether an LLM is to be asked for the form in this turn; one that is not counts as another failure."""
        key = model_key(model)
        failures = self._failures.get(key, 0)
        if failures >= FORM_TRIES and (failures - FORM_TRIES) % FORM_RETRY != FORM_RETRY - 1:
            self._failures[key] = failures + 1
            return False
        return True

    def note(self, model: ChatModel, *, kept: bool) -> None:
        """Note whether an LLM kept to the form."""
        key = model_key(model)
        self._failures[key] = 0 if kept else self._failures.get(key, 0) + 1
