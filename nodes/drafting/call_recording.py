"""A call of a chat model that is recorded while it runs."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, LLMResult

from ...contract.sync_async import maybe_await


@dataclass(frozen=True, slots=True)
class CallFailure:
    """The end of a call that failed."""

    error: BaseException
    """Why."""
    is_last: bool = False
    """Whether no wrapper around the chat model tries again."""


Part: TypeAlias = ChatGenerationChunk | LLMResult | CallFailure
"""What a call gives: chunks where it is streamed, then its end."""


class Recording:
    """Parts of a call, or of several one after another where a wrapper tries again; each is read once.

    It is written in any thread, and read by synchronous or asynchronous code, which waits for what is not there yet.

    Args:
        asynchronous: Whether it is read in the event loop that runs now.
    """

    def __init__(self, *, asynchronous: bool) -> None:
        self._parts: Any = asyncio.Queue() if asynchronous else queue.SimpleQueue()
        self._loop = asyncio.get_running_loop() if asynchronous else None
        self._unread: list[Any] = []

    def put(self, part: Any) -> None:
        """Add a part."""
        if self._loop is None:
            self._parts.put(part)
        else:
            self._loop.call_soon_threadsafe(self._parts.put_nowait, part)

    async def get(self) -> Any:
        """Return the next part."""
        return self._unread.pop(0) if self._unread else await maybe_await(self._parts.get())

    def unread(self, *parts: Any) -> None:
        """Let parts that were read be the next ones again."""
        self._unread[:0] = parts

    def received(self) -> Iterator[Any]:
        """Yield the parts that are there, without waiting for more."""
        while self._unread:
            yield self._unread.pop(0)
        with suppress(queue.Empty, asyncio.QueueEmpty):  # whoever waited for a part may take it meanwhile
            while True:
                yield self._parts.get_nowait()


class CallStopped(BaseException):
    """Nobody needs the rest of a call; no wrapper around a chat model tries it again."""


class CallRecorder(BaseCallbackHandler):
    """Writes the parts of a call of a chat model into a recording; once `is_stopped`, it ends the call.

    Args:
        recording: Where they are written.
    """

    run_inline = True
    raise_error = True

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.is_stopped = False
        """Whether the call is to end at its next chunk."""
        self.has_begun = False
        """Whether a chat model was called."""

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Note that there is a call."""
        self._check()
        self.has_begun = True

    def on_llm_new_token(self, token: Any, *, chunk: Any = None, run_id: UUID, **kwargs: Any) -> None:
        """Write a chunk."""
        self._check()
        if isinstance(chunk, ChatGenerationChunk):
            self._recording.put(chunk.model_copy(update={"message": _without_id(chunk.message, run_id)}))

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Write the whole answer."""
        answers = [
            answer.model_copy(update={"message": _without_id(answer.message, run_id)})
            for answer in response.generations[0]
            if isinstance(answer, ChatGeneration)
        ]
        self._recording.put(LLMResult(generations=[list(answers)], llm_output=response.llm_output))

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        """Write why it failed."""
        self._recording.put(CallFailure(error))

    def _check(self) -> None:
        if self.is_stopped:
            raise CallStopped


class StreamRecorder(CallRecorder):
    """A recorder for which LangChain streams the call."""

    def tap_output_aiter(self, run_id: UUID, output: Any) -> Any:
        """Return the output; a handler with this method is one that LangChain streams to."""
        return output

    def tap_output_iter(self, run_id: UUID, output: Any) -> Any:
        """Return the output."""
        return output


def _without_id(message: BaseMessage, run_id: UUID) -> Any:
    """Return a copy of a message, without the id that LangChain made of that of the call."""
    is_made = message.id is not None and str(run_id) in message.id
    return message.model_copy(update={"id": None if is_made else message.id})
