"""Stand-ins for benchmarks of HEF itself: a chat model without latency, and a serializer that counts bytes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

REPLY = "That sounds like a lot at once. How do you feel about it today?"
_WORD = re.compile(r"\S+\s*")


class InstantChat(BaseChatModel):
    """Agree with the SEM's first emotion and give the same reply to everyone, without latency.

    Its input is counted: `calls`, and `characters` of all messages of all prompts.
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
        return self._answer(messages)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._answer(messages)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        text = str(self._answer(messages).generations[0].message.text)
        for word in _WORD.findall(text):
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))

    def _answer(self, messages: Sequence[BaseMessage]) -> ChatResult:
        self.calls += 1
        self.characters += sum(len(str(message.text)) for message in messages)
        question = str(messages[-1].text)
        text = self._first_label(question) if "</dialogue>" in question else REPLY
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    def _first_label(self, prompt: str) -> str:
        """Return the label that a question names first, after the dialogue."""
        question = prompt.rpartition("</dialogue>")[2]
        positions = {label: question.find(label) for label in self.labels}
        return min((label for label in self.labels if positions[label] >= 0), key=lambda label: positions[label])


class CountingSerializer:
    """LangGraph's serializer of checkpoints, which counts the bytes that pass: `written` and `read`."""

    def __init__(self) -> None:
        self._serializer = JsonPlusSerializer()
        self.written = 0
        self.read = 0

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the type and the bytes of a value."""
        kind, data = self._serializer.dumps_typed(obj)
        self.written += len(data)
        return kind, data

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the value of a type and bytes."""
        self.read += len(data[1])
        return self._serializer.loads_typed(data)
