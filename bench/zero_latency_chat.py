"""A chat model that answers at once, so that what is measured is HEF's own time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

REPLY = "That sounds like a lot at once. How do you feel about it today?"


class InstantChat(BaseChatModel):
    """Agree with the SEM's first emotion and reply the same to everyone, without any wait.

    What it is sent is counted: `calls`, and `characters` of all messages of all prompts.
    """

    labels: tuple[str, ...]
    """The taxonomy."""
    calls: int = 0
    """Calls so far."""
    characters: int = 0
    """Characters of all prompts so far."""

    @property
    def _llm_type(self) -> str:
        return "instant"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._answered(messages)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._answered(messages)

    def _answered(self, messages: Sequence[BaseMessage]) -> ChatResult:
        self.calls += 1
        self.characters += sum(len(str(message.text)) for message in messages)
        # The draft goes on from the judgement, which stands in its prompt as an answer.
        drafting = any(isinstance(message, AIMessage) for message in messages)
        said = REPLY if drafting else self._first_named(str(messages[-1].text))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(said))])

    def _first_named(self, question: str) -> str:
        """Return the label that a question names first, after the dialogue."""
        asked = question.rpartition("</dialogue>")[2]
        places = {label: asked.find(label) for label in self.labels}
        return min((label for label in self.labels if places[label] >= 0), key=lambda label: places[label])
