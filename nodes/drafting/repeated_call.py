"""A chat model that repeats a recorded call, within the wrappers that were around the model that was called."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import cached_property
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase

from ...contract.chat_model import ChatModel
from ...contract.sync_async import run_sync
from .call_recording import CallFailure, Part, Recording


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


def without_callbacks(model: ChatModel) -> ChatModel:
    """Return a chat model without the callbacks and listeners that are attached to it and to its wrappers."""
    return _rewrapped(
        model, lambda inner: inner.model_copy(update={"callbacks": None}) if inner.callbacks else inner, silent=True
    )


def repeating_model(model: ChatModel, recording: Recording, *, asynchronous: bool) -> ChatModel:
    """Return a chat model, with its wrappers, that gives the answers of a recording instead of its own.

    Each call of it repeats the next call of the recording: a wrapper that tried again tries again, as it did then.

    Args:
        model: The chat model that was recorded.
        recording: Its calls.
        asynchronous: Whether it is called by its asynchronous methods.
    """
    return _rewrapped(model, lambda inner: _repeated_inner(inner, recording, asynchronous))


def stopped_model(model: ChatModel, recording: Recording) -> ChatModel:
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


def _as_chunk(message: BaseMessage) -> AIMessageChunk:
    fields = {name: value for name, value in message.model_dump().items() if name != "type"}
    return AIMessageChunk(**fields)
