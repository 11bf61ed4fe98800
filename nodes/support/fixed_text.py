"""A text that stands fast, said as a chat model's answer, so that every kind of stream carries it as any reply.

No model is asked. Callbacks see a call with the tag `FIXED`, which counts as none in the telemetry.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NamedTuple

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.config import get_config
from langgraph.constants import TAG_NOSTREAM

from ...prompts import Prompts
from ...safety import help_line
from ..calling.llm_calls import LlmCalls
from ..calling.spoken_stream import EVENT_STREAMS
from .message_text import message_role, message_text
from .node_record import FIXED
from .turn_view import TurnView

NOT_REMEMBERED = "hef:not_remembered"
"""Key of a reply's `response_metadata`: it is not stored with the turn, as it repeats other turns."""
RECENT_REPLIES = 5
"""How many replies back the line that says who helps still counts as just said."""
_PIECE = re.compile(r"[^\s\u2e80-\uffef]+\s*|[\u2e80-\uffef]\s*|\s+")
"""A word or one character of Chinese, with the space after it."""


class FixedText(BaseChatModel):
    """A chat model that says one text, a word at a time where it is streamed."""

    cache: bool | Any = False
    reply: str
    """The text."""
    message_id: str | None = None
    """Id of the message that the text is a part of; None makes it one of its own."""

    @property
    def _llm_type(self) -> str:
        return "hef-fixed-text"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        message = AIMessage(self.reply, id=self.message_id)
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return self._generate(messages)

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in self._chunks():
            if run_manager:
                run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
            yield chunk

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._chunks():
            if run_manager:
                await run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
            yield chunk

    def _chunks(self) -> Iterator[ChatGenerationChunk]:
        pieces = _PIECE.findall(self.reply)
        for number, piece in enumerate(pieces, start=1):
            # Without it LangChain adds a last chunk, under the id of the call.
            position: Any = "last" if number == len(pieces) else None
            yield ChatGenerationChunk(
                message=AIMessageChunk(content=piece, id=self.message_id, chunk_position=position)
            )


class HelpLine(NamedTuple):
    """The line that says who helps where somebody is at risk."""

    text: str
    """Empty where nobody is."""
    is_due: bool
    """Whether it follows the reply; otherwise the person was shown it a moment ago."""


def turn_help_line(turn: TurnView, prompts: Prompts) -> HelpLine:
    """Return the line of a turn that says who helps.

    Args:
        turn: The turn.
        prompts: The templates of the run.
    """
    line = help_line(turn.safety, turn.settings.region, prompts=prompts)
    return HelpLine(line, is_due=bool(line) and not _was_just_said(line, turn.state["messages"]))


def _was_just_said(line: str, messages: Sequence[AnyMessage]) -> bool:
    """Return whether one of the last replies ends with a line and answered, perhaps among others, who speaks now."""
    spoken = [message for message in messages if message_role(message)]
    person = next((message.name for message in reversed(spoken) if message_role(message) == "speaker"), None)
    answered: set[str | None] = set()
    has_line: list[bool] = []
    """Of each reply whether it ends with the line and was to this person."""
    for message in spoken:
        if message_role(message) == "speaker":
            answered.add(message.name)
        elif text := message_text(message).strip():
            has_line.append(text.endswith(line) and (person in answered or not answered))
            answered.clear()
    return any(has_line[-RECENT_REPLIES:])


async def say(calls: LlmCalls, text: str) -> BaseMessage:
    """Return a text as a message, streamed as a reply."""
    answer: BaseMessage = await calls.invoke(FixedText(reply=text), [], {"tags": [FIXED]})
    return answer


async def say_after(calls: LlmCalls, reply: BaseMessage, text: str) -> BaseMessage:
    """Return a reply with a text at its end, which is streamed as the rest of it.

    A stream that gets the reply whole (see `spoken_stream`) gets it with the text.
    """
    added = f"\n\n{text}"
    manager = get_config().get("callbacks")
    handlers = manager.handlers if isinstance(manager, BaseCallbackManager) else []
    is_whole = any(isinstance(handler, EVENT_STREAMS) for handler in handlers)
    tags = [FIXED, *([TAG_NOSTREAM] if is_whole else [])]
    await calls.invoke(FixedText(reply=added, message_id=reply.id), [], {"tags": tags})
    content: Any = reply.content
    content = f"{content}{added}" if isinstance(content, str) else [*content, {"type": "text", "text": added}]
    return reply.model_copy(update={"content": content})
