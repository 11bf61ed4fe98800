"""A call of a chat model that is recorded while it runs, and a chat model that repeats it."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase

from ...contract.chat_model import ChatModel
from ...contract.sync_async import maybe_await, run_sync


@dataclass(frozen=True, slots=True)
class CallFailure:
    """The end of a call that failed."""

    error: BaseException
    """Why."""
    is_last: bool = False
    """Whether no wrapper around the chat model tries again."""


Part: TypeAlias = ChatGenerationChunk | LLMResult | CallFailure
"""What a call gives, in this order: chunks where it is streamed, then its end."""


class Recording:
    """Parts of a call, or of several one after another where a wrapper tries again; each is read once.

    It is written in any thread, and read by synchronous or asynchronous code, which waits for what is not there yet.

    Args:
        asynchronous: Whether it is read in the event loop that runs now.
    """

    def __init__(self, *, asynchronous: bool) -> None:
        self._parts: Any = asyncio.Queue() if asynchronous else queue.SimpleQueue()
        self._loop = asyncio.get_running_loop() if asynchronous else None
        self._unread: Any = None

    def put(self, part: Any) -> None:
        """Add a part."""
        if self._loop is None:
            self._parts.put(part)
        else:
            self._loop.call_soon_threadsafe(self._parts.put_nowait, part)

    async def get(self) -> Any:
        """Return the next part."""
        if (part := self._unread) is not None:
            self._unread = None
            return part
        return await maybe_await(self._parts.get())

    def unread(self, part: Any) -> None:
        """Let a part that was read be the next one again."""
        self._unread = part

    def received(self) -> Iterator[Any]:
        """Yield the parts that are there, without waiting for more."""
        while not self._parts.empty():
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
            candidate.model_copy(update={"message": _without_id(candidate.message, run_id)})
            for candidate in response.generations[0]
            if isinstance(candidate, ChatGeneration)
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


class RepeatedChat(BaseChatModel):
    """A chat model whose answers are those of a recording; to callbacks it is the chat model that gave them."""

    inner: BaseChatModel
    """The chat model that was called."""
    recording: Any
    """The `Recording` of its calls."""
    streaming: bool = False
    """Whether the chat model always streams."""

    @property
    def _llm_type(self) -> str:
        return self.inner._llm_type

    @cached_property
    def _serialized(self) -> dict[str, Any]:
        return self.inner._serialized

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return self.inner._get_ls_params(stop=stop, **kwargs)

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        return self.inner._get_invocation_params(stop=stop, **kwargs)

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return run_sync(self._whole_answer())

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return await self._whole_answer()

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        chunks = self._chunks()
        while (chunk := run_sync(_next_or_none(chunks))) is not None:
            yield chunk

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in self._chunks():
            yield chunk

    async def _whole_answer(self) -> ChatResult:
        while isinstance(part := await self.recording.get(), ChatGenerationChunk):
            pass
        return _answer(part)

    async def _chunks(self) -> AsyncIterator[ChatGenerationChunk]:
        is_streamed = False
        while isinstance(part := await self.recording.get(), ChatGenerationChunk):
            is_streamed = True
            yield part
        answer = _answer(part)
        if not is_streamed:
            yield ChatGenerationChunk(message=_as_chunk(answer.generations[0].message))


class StoppedChat(RepeatedChat):
    """A chat model that answers with what there is of a call that was stopped."""

    async def _whole_answer(self) -> ChatResult:
        texts: list[str] = []
        for part in self.recording.received():
            if isinstance(part, LLMResult):
                return _answer(part)
            if isinstance(part, ChatGenerationChunk):
                texts.append(str(part.message.text))
        return ChatResult(generations=[ChatGeneration(message=AIMessage("".join(texts)))])


def can_repeat(model: ChatModel) -> bool:
    """Return whether the calls of a chat model can be recorded and repeated, with the wrappers around it."""
    if isinstance(model, RunnableBindingBase):
        return can_repeat(model.bound)
    if isinstance(model, RunnableWithFallbacks):
        return all(map(can_repeat, model.runnables))
    return isinstance(model, BaseChatModel)


def silent(model: ChatModel) -> ChatModel:
    """Return a chat model without the callbacks and listeners that are attached to it and to its wrappers."""
    return _rewrapped(
        model, lambda inner: inner.model_copy(update={"callbacks": None}) if inner.callbacks else inner, silent=True
    )


def repeated(model: ChatModel, recording: Recording, *, asynchronous: bool) -> ChatModel:
    """Return a chat model, with its wrappers, that gives the answers of a recording instead of its own.

    Each call of it repeats the next call of the recording: a wrapper that tried again tries again, as it did then.

    Args:
        model: The chat model that was recorded.
        recording: Its calls.
        asynchronous: Whether it is called by its asynchronous methods.
    """
    return _rewrapped(model, lambda inner: _repeated_inner(inner, recording, asynchronous))


def stopped(model: ChatModel, recording: Recording) -> ChatModel:
    """Return a chat model, with its wrappers, that answers with what there is of a call that was stopped."""
    return _rewrapped(model, lambda inner: StoppedChat(**_fields(inner, recording), disable_streaming=True))


def _repeated_inner(inner: BaseChatModel, recording: Recording, asynchronous: bool) -> BaseChatModel:
    kind = type(inner)
    can_stream = kind._stream is not BaseChatModel._stream or (
        asynchronous and kind._astream is not BaseChatModel._astream
    )
    always: dict[str, Any] = (
        {"streaming": getattr(inner, "streaming", False)} if "streaming" in inner.model_fields_set else {}
    )
    return RepeatedChat(
        **_fields(inner, recording), **always, disable_streaming=inner.disable_streaming if can_stream else True
    )


def _fields(inner: BaseChatModel, recording: Recording) -> dict[str, Any]:
    """Return what callbacks see of a chat model; what came from its cache, or was limited, was so when recorded."""
    own = {name: getattr(inner, name) for name in ("name", "tags", "metadata", "verbose", "callbacks")}
    return {**own, "inner": inner, "recording": recording, "cache": False, "output_version": None}


def _rewrapped(
    model: ChatModel, change: Callable[[BaseChatModel], BaseChatModel], *, silent: bool = False
) -> ChatModel:
    """Return a chat model that is changed inside of the wrappers around it."""
    if isinstance(model, RunnableBindingBase):
        update: dict[str, Any] = {"bound": _rewrapped(model.bound, change, silent=silent)}
        if silent:
            update["config"] = {name: value for name, value in model.config.items() if name != "callbacks"}
            update["config_factories"] = []
        return model.model_copy(update=update)
    if isinstance(model, RunnableWithFallbacks):
        first, *others = (_rewrapped(wrapped, change, silent=silent) for wrapped in model.runnables)
        return model.model_copy(update={"runnable": first, "fallbacks": others})
    assert isinstance(model, BaseChatModel)  # see `can_repeat`
    return change(model)


async def _next_or_none(chunks: AsyncIterator[ChatGenerationChunk]) -> ChatGenerationChunk | None:
    return await anext(chunks, None)


def _answer(part: Part) -> ChatResult:
    """Return the answer that a call ended with, or raise why it failed."""
    if isinstance(part, CallFailure):
        raise part.error
    assert isinstance(part, LLMResult)
    answers = [answer for answer in part.generations[0] if isinstance(answer, ChatGeneration)]
    return ChatResult(generations=answers, llm_output=part.llm_output)


def _without_id(message: BaseMessage, run_id: UUID) -> Any:
    """Return a copy of a message, without the id that LangChain made of that of the call."""
    is_made = message.id is not None and str(run_id) in message.id
    return message.model_copy(update={"id": None if is_made else message.id})


def _as_chunk(message: BaseMessage) -> AIMessageChunk:
    fields = {name: value for name, value in message.model_dump().items() if name != "type"}
    return AIMessageChunk(**fields)
