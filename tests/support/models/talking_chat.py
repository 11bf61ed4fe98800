"""A chat model for servers: what the person says decides how it answers, and it can be held and watched."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field


class TalkingChat(BaseChatModel):
    """Answers "I hear you: …" with the person's last words, a word at a time.

    Where their last line says "hold", it waits before its first word until `release` is called; where it says "hang",
    after its first two words. Where it says "fail", it fails at once, where it says "break", after two words.
    """

    prompts: list[list[BaseMessage]] = Field(default_factory=list)
    settings: list[dict[str, Any]] = Field(default_factory=list)
    """The settings of each call."""
    begun: Any = Field(default_factory=threading.Event)
    """Set when a reply is held or hangs."""
    closed: Any = Field(default_factory=threading.Event)
    """Set when a reply is ended by who asked for it."""
    released: Any = Field(default_factory=list)
    usage: dict[str, int] | None = None
    """Tokens that it counts."""

    @property
    def _llm_type(self) -> str:
        return "talking"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self._reply(messages)))])

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        self.prompts.append(messages)
        self.settings.append({**kwargs, **({"stop": stop} if stop else {})})
        said = str(messages[-1].text).splitlines()[-1]
        if "fail" in said:
            raise ValueError(f"refused: {said}")
        if "hold" in said:
            await self._hold()
        words = re.findall(r"\S+\s*", self._reply(messages))
        for number, word in enumerate(words):
            if number == 2 and "break" in said:
                raise ValueError(f"refused: {said}")
            if number == 2 and "hang" in said:
                await self._hold()
            yield ChatGenerationChunk(message=AIMessageChunk(word))
        usage: Any = self.usage
        yield ChatGenerationChunk(message=AIMessageChunk("", usage_metadata=usage))

    async def _hold(self) -> None:
        opened = asyncio.Event()
        self.released.append((asyncio.get_running_loop(), opened))
        self.begun.set()
        try:
            await opened.wait()
        except asyncio.CancelledError:
            self.closed.set()
            raise

    def release(self) -> None:
        """Let all replies go on that are held."""
        for loop, opened in self.released:
            loop.call_soon_threadsafe(opened.set)
        self.released.clear()
        self.begun.clear()

    def _reply(self, messages: list[BaseMessage]) -> str:
        return f"I hear you: {str(messages[-1].text).splitlines()[-1]}"
