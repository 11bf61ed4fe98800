"""One turn of the graph as the reply that a client gets: its pieces, and its end with what was understood."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage
from langgraph.graph.state import CompiledStateGraph

from ..contract import Empathy, HefContext
from ..graph.turn_events import EmotionDecided, Replied, Restarted, Token, stream_turn
from .chat_chunks import Delta, FinishReason, ReplyEnd, ReplyEvent
from .chat_conversations import TurnPlan
from .front_ends.emotion_tags import EmotionTags

_CUT = frozenset({"length", "max_tokens", "MAX_TOKENS", "model_length"})
"""What providers call the end of a reply that was too long for `max_tokens`."""


async def run_turn(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    plan: TurnPlan,
    context: HefContext,
    *,
    tags: EmotionTags,
) -> AsyncIterator[ReplyEvent]:
    """Run a turn; yield the reply in pieces, then its end.

    Args:
        graph: HEF, compiled.
        plan: The conversation, and which turn of it.
        context: Settings of the turn.
        tags: What the reply begins with.
    """
    streamed = StreamedReply()
    tag: str | None = None
    decided: Empathy | None = None
    async for event in stream_turn(graph, plan.messages, context, plan.thread_id, plan.configurable):
        match event:
            case EmotionDecided(empathy):
                decided = empathy
            case Token(text) if piece := streamed.feed(text):
                if tag is None and (tag := tags.tag(decided)):
                    yield Delta(tag)
                yield Delta(piece)
            case Restarted():
                streamed.restart()
            case Replied(empathy, reply, message):
                if tag is None and (tag := tags.tag(empathy)):
                    yield Delta(tag)
                if piece := streamed.finish(reply):
                    yield Delta(piece)
                faults = "; ".join(filter(None, [empathy.degraded, plan.fault])) or None
                understood = empathy.model_copy(update={"degraded": faults})
                yield ReplyEnd(f"{tag}{reply}", _finish_reason(message), _usage(message), understood)


class StreamedReply:
    """What was sent of a reply, which cannot be taken back where the LLM fails in its middle and begins anew."""

    def __init__(self) -> None:
        self._earlier = ""
        """What was sent of tries before, as far as the present one may repeat it."""
        self._text = ""
        """The present try."""

    def feed(self, text: str) -> str:
        """Return what is sent for a token: what an earlier try has sent is not sent again."""
        before = self._text
        self._text += text
        if not self._earlier:
            return text
        if self._earlier.startswith(self._text):
            return ""
        if self._text.startswith(self._earlier):
            return self._text[max(len(before), len(self._earlier)) :]
        self._earlier = ""
        return f"\n\n{self._text}"

    def restart(self) -> None:
        """Begin another try."""
        self._earlier = self._earlier if len(self._earlier) > len(self._text) else self._text
        self._text = ""

    def finish(self, reply: str) -> str:
        """Return what is missing of the reply: all where it was not streamed, nothing where other words were sent."""
        for sent in (self._text, self._text.rstrip()):
            if reply.startswith(sent):
                return self.feed(reply[len(sent) :]) if sent == self._text else reply[len(sent) :]
        return ""


def _finish_reason(message: AnyMessage | None) -> FinishReason:
    """Return why a reply ended; what providers call it beside these is a normal end."""
    metadata = message.response_metadata if message else {}
    reason = metadata.get("finish_reason") or metadata.get("stop_reason") or metadata.get("done_reason")
    if reason in _CUT:
        return "length"
    return "content_filter" if reason == "content_filter" else "stop"


def _usage(message: AnyMessage | None) -> tuple[int, int] | None:
    counts = message.usage_metadata if isinstance(message, AIMessage) else None
    return (counts["input_tokens"], counts["output_tokens"]) if counts else None
