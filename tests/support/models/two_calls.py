"""A chat model that judges, which may wait, and replies, chunk by chunk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from hef.prompts import Prompts
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

WAIT = 5
"""Seconds after which what a test waits for is held to be missing."""
FEELING_LINE = Prompts().render("feeling_line", labels="…").partition(":")[0]
"""Begins the task in a prompt that asks for the line that says what is felt."""
USAGE = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}


class Gate:
    """What a call waits for, in whatever form it runs."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.event = threading.Event()
        if is_open:
            self.event.set()

    def open(self) -> None:
        self.event.set()

    def wait(self) -> None:
        assert self.event.wait(WAIT), "nothing opened the gate"

    async def await_(self) -> None:
        for _ in range(WAIT * 100):
            if self.event.is_set():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("nothing opened the gate")


class TwoCallChat(BaseChatModel):
    """Answers the question about the emotion with `judgement`, and everything else with the next of `replies`.

    An error among the chunks of a reply is raised there. At its end the list of replies starts again.
    """

    line: str | None = None
    """The answer where a line is asked for that says what is felt; None is the judgement."""
    lines: int = 0
    """How often a line was asked for; each is a judgement, too."""
    judgement: Any = "sad"
    replies: list[list[Any]] = Field(default_factory=lambda: [["I ", "hear ", "you."]])
    judging: Any = Field(default_factory=Gate)
    """The judgement waits for it."""
    writing: Any = Field(default_factory=Gate)
    """A reply waits for it after its first chunk."""
    began: Any = Field(default_factory=lambda: Gate(is_open=False))
    """Opened when a reply is begun."""
    prompts: list[list[BaseMessage]] = Field(default_factory=list)
    """The prompts of the replies."""
    ended: list[str] = Field(default_factory=list)
    """How each reply ended."""
    judgements: int = 0

    @property
    def _llm_type(self) -> str:
        return "two calls"

    def _begin(self, messages: list[BaseMessage]) -> list[Any] | None:
        """Return the chunks of a reply, None for a judgement."""
        self.lines += (is_line := FEELING_LINE in str(messages[0].text))
        if is_line or "<dialogue>" in str(messages[-1].text) or "<dialogue>" in str(messages[0].text):
            self.judgements += 1
            return None
        self.prompts.append(messages)
        self.began.open()
        return self.replies[(len(self.prompts) - 1) % len(self.replies)]

    def _judged(self, messages: list[BaseMessage]) -> ChatGenerationChunk:
        if isinstance(self.judgement, BaseException):
            raise self.judgement
        is_line = FEELING_LINE in str(messages[0].text) and self.line is not None
        return ChatGenerationChunk(message=AIMessageChunk(self.line if is_line else self.judgement))

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        if (chunks := self._begin(messages)) is None:
            self.judging.wait()
            yield self._judged(messages)
            return
        how = "stopped"
        try:
            for number, text in enumerate(chunks):
                if number == 1:
                    self.writing.wait()
                yield _chunk(text, last=number == len(chunks) - 1)
            how = "written"
        finally:
            self.ended.append(how)

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        if (chunks := self._begin(messages)) is None:
            await self.judging.await_()
            yield self._judged(messages)
            return
        how = "stopped"
        try:
            for number, text in enumerate(chunks):
                if number == 1:
                    await self.writing.await_()
                yield _chunk(text, last=number == len(chunks) - 1)
            how = "written"
        finally:
            self.ended.append(how)

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return _whole(list(self._stream(messages)))

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return _whole([chunk async for chunk in self._astream(messages)])


class HostedChat(TwoCallChat):
    """One that needs an API key."""

    @property
    def lc_secrets(self) -> dict[str, str]:
        return {"api_key": "TWO_CALLS_API_KEY"}


def _chunk(text: Any, *, last: bool) -> ChatGenerationChunk:
    if isinstance(text, BaseException):
        raise text
    usage: Any = USAGE if last else None
    message = AIMessageChunk(text, usage_metadata=usage, response_metadata={"model_name": "two"} if last else {})
    return ChatGenerationChunk(message=message)


def _whole(chunks: list[ChatGenerationChunk]) -> ChatResult:
    text = "".join(str(chunk.message.text) for chunk in chunks)
    usage: Any = getattr(chunks[-1].message, "usage_metadata", None)
    return ChatResult(generations=[ChatGeneration(message=AIMessage(text, usage_metadata=usage))])
