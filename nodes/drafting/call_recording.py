"""A call of a chat model that is recorded while it runs, what it says first of the person's feeling apart."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, LLMResult

from ...contract.sync_async import maybe_await
from ...prompts.first_line import Feeling, FirstLine, LineReader


@dataclass(frozen=True, slots=True)
class CallFailure:
    """The end of a call that failed."""

    error: BaseException
    """Why."""
    is_last: bool = False
    """Whether no wrapper around the chat model tries again."""


@dataclass(frozen=True, slots=True)
class Line:
    """The first line of an answer that was asked for one."""

    feeling: Feeling | None
    """What it says; None where the answer has none."""


Part: TypeAlias = Line | ChatGenerationChunk | LLMResult | CallFailure
"""What a call gives: a first line, where it is asked for one, before all else that it says, chunks where it is
streamed, then its end."""


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
        read: Reads the answer's first line, which is then written apart, and the rest without it and without thoughts;
            None where none was asked for.
    """

    run_inline = True
    raise_error = True

    def __init__(self, recording: Recording, read: LineReader | None = None) -> None:
        self._recording, self._read = recording, read
        self.is_stopped = False
        """Whether the call is to end at its next chunk."""
        self.has_begun = False
        """Whether a chat model was called."""
        self._line: FirstLine | None = None
        """What takes off the line; None where none was asked for."""
        self._is_streaming = False
        """Whether the answer comes in chunks, of which there was no last one yet."""

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Note that there is a call."""
        self._check()
        self.has_begun, self._is_streaming = True, False
        self._line = FirstLine(self._read) if self._read else None

    def on_llm_new_token(self, token: Any, *, chunk: Any = None, run_id: UUID, **kwargs: Any) -> None:
        """Write a chunk."""
        self._check()
        if not isinstance(chunk, ChatGenerationChunk):
            return
        message: Any = _without_id(chunk.message, run_id)
        text, is_last = str(message.text), getattr(message, "chunk_position", None) == "last"
        if self._line is not None and (text or is_last):
            self._is_streaming = not is_last
            shown = self._take(self._line, text, is_last=is_last)
            message = _with_text(message, shown)
            if not shown and not is_last and not _holds_more(message):
                return
        self._recording.put(chunk.model_copy(update={"text": str(message.text), "message": message}))

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Write the whole answer."""
        if self._line is not None and self._is_streaming and (rest := self._take(self._line, "", is_last=True)):
            self._recording.put(ChatGenerationChunk(message=AIMessageChunk(content=rest)))
        answers = [
            self._whole(candidate, run_id)
            for candidate in response.generations[0]
            if isinstance(candidate, ChatGeneration)
        ]
        self._recording.put(LLMResult(generations=[list(answers)], llm_output=response.llm_output))

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        """Write why it failed."""
        self._recording.put(CallFailure(error))

    def _whole(self, answer: ChatGeneration, run_id: UUID) -> ChatGeneration:
        """Return an answer as it is repeated; the line of one that was not streamed is written before."""
        message = _without_id(answer.message, run_id)
        if self._line is not None and self._read is not None:
            line = FirstLine(self._read) if self._line.is_complete else self._line
            message = _with_text(message, self._take(line, str(message.text), is_last=True))
        return answer.model_copy(update={"text": str(message.text), "message": message})

    def _take(self, line: FirstLine, text: str, *, is_last: bool) -> str:
        """Return what a piece holds of the reply; the call's line is written once it is complete."""
        is_known = line is not self._line or line.is_complete
        shown = line.feed(text) + (line.close() if is_last else "")
        if not is_known and line.is_complete:
            self._recording.put(Line(line.feeling))
        return shown

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


def _with_text(message: BaseMessage, text: str) -> Any:
    """Return a message whose parts of text are one text; all else stays."""
    if isinstance(message.content, str):
        return message.model_copy(update={"content": text})
    parts = list(message.content)
    texts = [index for index, part in enumerate(parts) if isinstance(part, str) or part.get("type") == "text"]
    if not texts:
        return message
    first = parts[texts[0]]
    parts[texts[0]] = text if isinstance(first, str) else {**first, "text": text}
    kept = [part for index, part in enumerate(parts) if index not in texts[1:]]
    return message.model_copy(update={"content": kept})


def _holds_more(message: Any) -> bool:
    """Return whether a chunk holds something beside its text, such as counted tokens."""
    is_text = isinstance(message.content, str) or len(message.content) <= 1
    fields = ("usage_metadata", "response_metadata", "additional_kwargs", "tool_call_chunks")
    return not is_text or any(getattr(message, name, None) for name in fields)
