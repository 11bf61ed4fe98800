"""A chat model that judges, which may wait, and replies, chunk by chunk: in a call for each, or in one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

WAIT = 5
"""Seconds after which what a test waits for is held to be missing."""
FIRST_LINE = "write [none]"
"""In the prompt of a reply that is to begin with a line."""
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

    Where the reply is to begin with a line, `line` comes first, by default the judgement in brackets. An error among
    the chunks of a reply is raised there. At its end the list of replies starts again.
    """

    line: str | None = None
    """The line before a reply that is asked for with one; None is the judgement in brackets."""

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
        if "<dialogue>" in str(messages[-1].text) or "<dialogue>" in str(messages[0].text):
            self.judgements += 1
            return None
        self.prompts.append(messages)
        self.began.open()
        return self.replies[(len(self.prompts) - 1) % len(self.replies)]

    def _line(self, messages: list[BaseMessage]) -> list[str]:
        """Return the pieces of the line that a reply begins with."""
        if FIRST_LINE not in str(messages[0].text):
            return []
        if isinstance(self.judgement, BaseException):
            raise self.judgement
        own = "[none]\n" if self.judgement == "none" else f"[{self.judgement}:]\n"
        line = own if self.line is None else self.line
        return [line[:3], line[3:]]

    def _judged(self) -> ChatGenerationChunk:
        if isinstance(self.judgement, BaseException):
            raise self.judgement
        return ChatGenerationChunk(message=AIMessageChunk(self.judgement))

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        if (chunks := self._begin(messages)) is None:
            self.judging.wait()
            yield self._judged()
            return
        how = "stopped"
        try:
            for piece in self._line(messages):
                self.judging.wait()
                yield _chunk(piece, last=False)
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
            yield self._judged()
            return
        how = "stopped"
        try:
            for piece in self._line(messages):
                await self.judging.await_()
                yield _chunk(piece, last=False)
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
