"""One turn of the graph as the reply that a client gets: its pieces, and its end with what was understood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage
from langgraph.graph.state import CompiledStateGraph

from ..contract import Empathy, HefContext
from ..graph.build import remembering_graph, turn_telemetry
from ..graph.turn_events import EmotionDecided, Event, Replied, Restarted, Token, stream_turn
from .chat_chunks import Delta, FinishReason, ReplyEnd, ReplyEvent
from .chat_conversations import TurnPlan
from .front_ends.begun_reply import are_words_apart
from .front_ends.emotion_tags import EmotionTags

INTERRUPTED = "…"
"""End of a remembered reply whose client hung up."""
_CUT = frozenset({"length", "max_tokens", "MAX_TOKENS", "model_length"})
"""What providers call the end of a reply that was too long for `max_tokens`."""


class TurnRun:
    """A turn that runs.

    Args:
        graph: HEF, compiled with its store.
        plan: The conversation, and which turn of it.
        context: Settings of the turn.
        tags: What the reply begins with.
    """

    def __init__(
        self,
        graph: CompiledStateGraph[Any, Any, Any, Any],
        plan: TurnPlan,
        context: HefContext,
        tags: EmotionTags,
    ) -> None:
        self._graph, self._plan, self._context, self._tags = graph, plan, context, tags
        self._reply = StreamedReply()
        self._tag: str | None = "" if plan.begun else None
        self._empathy: Empathy | None = None

    async def events(self) -> AsyncIterator[ReplyEvent]:
        """Yield the reply in pieces, then its end.

        Where the client hangs up, as voice clients do when the person goes on speaking, what they said is remembered
        with as much of the reply as there was.
        """
        plan = self._plan
        try:
            async for event in stream_turn(
                self._graph, plan.messages, self._context, plan.thread_id, plan.configurable
            ):
                for part in self._parts(event):
                    yield part
        except asyncio.CancelledError:
            await self._remember_fragment()
            raise

    def _parts(self, event: Event) -> Iterator[ReplyEvent]:
        """Yield what a client gets of an event of the graph."""
        match event:
            case EmotionDecided(empathy):
                self._empathy = empathy
            case Token(text) if piece := self._reply.feed(text):
                yield from self._first_part()
                yield Delta(piece)
            case Restarted():
                self._reply.restart()
            case Replied(empathy, reply, message, memories):
                self._empathy = empathy
                yield from self._first_part()
                if piece := self._reply.finish(reply):
                    yield Delta(piece)
                yield ReplyEnd(f"{self._tag}{reply}", _finish_reason(message), _usage(message), empathy, memories)

    def _first_part(self) -> Iterator[ReplyEvent]:
        """Yield the tag, once."""
        if self._tag is None:
            self._tag = self._tags.tag(self._empathy)
            if self._tag:
                yield Delta(self._tag)

    async def _remember_fragment(self) -> None:
        """Store the turn, if the emotion was decided and a word of the reply was said; the client may send it again.

        A turn in danger has no decided emotion, and is not stored.
        """
        fragment = self._reply.text.strip()
        if self._empathy is None or not fragment:
            return
        begun = self._plan.begun
        reply = AIMessage(f"{begun}{' ' * are_words_apart(begun, fragment)}{fragment}{INTERRUPTED}")
        state = {"messages": [*self._plan.messages, reply], "empathy": self._empathy}
        config: Any = {"configurable": {"thread_id": self._plan.thread_id, **self._plan.configurable}}
        hef = remembering_graph(turn_telemetry()).compile(store=self._graph.store)
        await hef.ainvoke(state, config, context=self._context)
        await self._plan.interrupted(fragment)


class StreamedReply:
    """What was sent of a reply, which cannot be taken back where the LLM fails in its middle and begins anew."""

    def __init__(self) -> None:
        self._earlier = ""
        """What was sent of tries before, as far as the present one may repeat it."""
        self._text = ""
        """The present try."""

    @property
    def text(self) -> str:
        """What was said in the present try."""
        return self._text

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
