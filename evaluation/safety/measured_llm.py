"""An LLM that looks for danger as it does in the graph, measured."""

from __future__ import annotations

from collections.abc import Iterable

from ...contract import Dialogue, HefError, Safety
from ...contract.chat_model import ChatModel
from ...contract.dialogue import dialogue_digest
from ...safety import LlmSafetyCheck, assess
from ..batch_chat import UnansweredQuestion


class MeasuredLlmCheck:
    """Assess as `LlmSafetyCheck` does, and as `hef.safety.assess` where the LLM fails, which is counted.

    Args:
        model: The LLM; what it answers twice should come from a cache.
    """

    def __init__(self, model: ChatModel) -> None:
        self._check = LlmSafetyCheck(model)
        self._failed: set[bytes] = set()

    @property
    def failures(self) -> int:
        """Number of dialogues of which the LLM said nothing that could be used."""
        return len(self._failed)

    def __call__(self, dialogue: Dialogue) -> Safety:
        """Return the safety of a dialogue.

        Raises:
            UnansweredQuestion: The LLM answers in rounds, and has not answered this question yet.
        """
        if dialogue_digest(dialogue) in self._failed:
            return assess(dialogue)
        try:
            return self._check.assess(dialogue)
        except UnansweredQuestion:
            raise
        except HefError:
            self._failed.add(dialogue_digest(dialogue))
            return assess(dialogue)

    def ask_ahead(self, dialogues: Iterable[Dialogue]) -> None:
        """Ask about all dialogues.

        Raises:
            UnansweredQuestion: Some have no answer yet; all others were asked before.
        """
        unanswered: UnansweredQuestion | None = None
        for dialogue in dialogues:
            try:
                self(dialogue)
            except UnansweredQuestion as error:
                unanswered = error
        if unanswered:
            raise unanswered
