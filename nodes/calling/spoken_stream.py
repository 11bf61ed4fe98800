"""The stream of a reply's tokens without what is not said: thoughts, markers of chat templates, a role before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.config import get_config
from langgraph.constants import TAG_NOSTREAM

from ...contract.dialogue import MAX_TURN_CHARACTERS
from ...prompts.spoken_reply import ReplyFilter, spoken_reply
from ...prompts.thoughts import with_text

try:  # the only place that knows private classes; `spoken_stream` and `streams_tokens` say what happens without them
    from langgraph.pregel._messages import StreamMessagesHandler, StreamMessagesHandlerV2
except ImportError:
    TOKEN_STREAMS: tuple[type, ...] = ()
    """Handlers of LangGraph that stream tokens, which `SpokenTokens` cleans."""
    EVENT_STREAMS: tuple[type, ...] = (BaseCallbackHandler,)
    """Handlers of LangGraph that stream something else of a call: any may, where their classes are unknown."""
else:
    TOKEN_STREAMS, EVENT_STREAMS = (StreamMessagesHandler,), (StreamMessagesHandlerV2,)
try:
    from langchain_core.tracers._streaming import _StreamingCallbackHandler
except ImportError:
    STREAMING_HANDLERS: tuple[type, ...] = (BaseCallbackHandler,)
    """Handlers for which LangChain streams the answers of chat models: any may be one, where their class is unknown."""
else:
    STREAMING_HANDLERS = (_StreamingCallbackHandler,)


@contextmanager
def spoken_stream(persona: str) -> Iterator[RunnableConfig]:
    """Yield the config of a call whose tokens reach `stream_mode="messages"` as the reply is said.

    Every other callback (traces, `astream_events`, the host's own) sees what the LLM wrote. What only the end of a
    text shows cannot be taken back: thoughts that are closed without having been opened were streamed by then. To hold
    them back, every reply would have to be held back to its end.

    A stream whose tokens cannot be cleaned gets the reply whole, as the node returns it: `stream_events(version="v3")`,
    and every stream once LangGraph has moved the classes that are known here.
    """
    config = get_config()
    manager = config.get("callbacks")
    if not isinstance(manager, BaseCallbackManager):
        yield {}
        return
    if any(isinstance(handler, EVENT_STREAMS) for handler in manager.handlers):
        yield {"tags": [TAG_NOSTREAM]}
        return
    if not any(map(_is_message_stream, manager.handlers)):
        yield {}
        return
    spoken = manager.copy()
    streams = {id(handler): SpokenTokens(handler, persona) for handler in filter(_is_message_stream, manager.handlers)}
    for handlers in (spoken.handlers, spoken.inheritable_handlers):
        handlers[:] = [streams.get(id(handler), handler) for handler in handlers]
    # A wrapper around the LLM (`bind`) adds the callbacks of the run around it to those of its call: unless both are
    # the same, each token is streamed twice.
    token = var_child_runnable_config.set({**config, "callbacks": spoken})
    try:
        yield {"callbacks": spoken}
    finally:
        var_child_runnable_config.reset(token)


def streams_tokens(handlers: Iterable[Any]) -> bool:
    """Return whether one of a run's callback handlers makes LangChain stream the answers of chat models.

    Each does once LangChain has moved the class that is known here: an answer that nobody reads while it is written is
    streamed for nothing then.
    """
    return any(isinstance(handler, STREAMING_HANDLERS) for handler in handlers)


def _is_message_stream(handler: BaseCallbackHandler) -> bool:
    return isinstance(handler, TOKEN_STREAMS) and not isinstance(handler, EVENT_STREAMS)


class SpokenTokens(BaseCallbackHandler):
    """Passes on to LangGraph's stream of messages what a reply says.

    Args:
        stream: LangGraph's handler.
        persona: Who replies.
    """

    run_inline = True

    def __init__(self, stream: Any, persona: str) -> None:
        self._stream = stream
        self._persona = persona
        self._replies: dict[UUID, ReplyFilter] = {}
        self._lengths: dict[UUID, int] = {}
        """Characters that were read of each reply, of which one has no more than `MAX_TURN_CHARACTERS`."""

    def tap_output_aiter(self, run_id: UUID, output: Any) -> Any:
        """Return the output; a handler with this method is one that LangChain streams to."""
        return output

    def tap_output_iter(self, run_id: UUID, output: Any) -> Any:
        """Return the output."""
        return output

    def on_chat_model_start(self, *args: Any, run_id: UUID, **kwargs: Any) -> None:
        """Begin a reply."""
        self._replies[run_id] = ReplyFilter(self._persona)
        self._stream.on_chat_model_start(*args, run_id=run_id, **kwargs)

    def on_llm_new_token(self, token: Any, *, chunk: Any = None, run_id: UUID, **kwargs: Any) -> None:
        """Pass on what is said in a token; nothing where it is none of the reply."""
        reply = self._replies.get(run_id)
        if reply is None or not isinstance(chunk, ChatGenerationChunk):
            return
        message = chunk.message
        text = str(message.text)[: MAX_TURN_CHARACTERS - self._lengths.get(run_id, 0)]
        self._lengths[run_id] = self._lengths.get(run_id, 0) + len(text)
        spoken_text = reply.feed(text)
        is_last = isinstance(message, AIMessageChunk) and message.chunk_position == "last"
        if is_last:
            spoken_text += reply.close()
        if spoken_text or is_last or not message.content:
            spoken = with_text(message, spoken_text)
            self._stream.on_llm_new_token(
                spoken_text, chunk=ChatGenerationChunk(message=spoken), run_id=run_id, **kwargs
            )

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """End a reply; one that was not streamed is passed on whole."""
        self._forget(run_id)
        generations: list[Generation] = [
            ChatGeneration(message=message)
            for candidates in response.generations[:1]
            for candidate in candidates[:1]
            if isinstance(candidate, ChatGeneration)
            and (message := self._spoken_message(candidate.message)) is not None
        ]
        self._stream.on_llm_end(LLMResult(generations=[generations]), run_id=run_id, **kwargs)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """End a reply that failed."""
        self._forget(run_id)
        self._stream.on_llm_error(error, run_id=run_id, **kwargs)

    def _forget(self, run_id: UUID) -> None:
        self._replies.pop(run_id, None)
        self._lengths.pop(run_id, None)

    def _spoken_message(self, message: BaseMessage) -> BaseMessage | None:
        text = spoken_reply(str(message.text), self._persona)
        return with_text(message, text) if text else None
