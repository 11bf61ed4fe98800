"""One turn of HEF as a stream of events: steps, the emotion, the reply's tokens, the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.types import Command, StreamMode

    from ..contract import Empathy, HefContext, Memory

REPLYING = ("draft_response", "crisis_reply", "human_takeover")
"""The nodes whose tokens are the reply."""
LAST_OF_EMOTION = "cause_words"
"""The node after which emotion and causes are decided."""
LAST_NODE = "remember"
"""The node after which a turn is over."""

STATUS_AFTER_EVENT = {
    "safety": "reading what you said",
    "memories": "remembering",
    "reading": "reading the emotion",
    "verdict": "weighing it",
    "decision": "finding the cause words",
    "causes": "thinking of a reply",
}
"""What is being done after each custom event of the graph."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the turn begins."""

    status: str
    """What is being done now."""
    after: str = ""
    """Kind of the graph's event that it begins after: a key of `STATUS_AFTER_EVENT`."""


@dataclass(frozen=True, slots=True)
class EmotionDecided:
    """Emotion and causes are decided; the reply is about to begin."""

    empathy: Empathy
    memories: tuple[Memory, ...] = ()
    """The past turns that were recalled in this run."""


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """The LLM failed mid-reply; generation restarts."""


@dataclass(frozen=True, slots=True)
class Replied:
    """The turn is over."""

    empathy: Empathy
    reply: str
    message: AnyMessage | None = None
    """The reply as its node wrote it, with what the LLM said of it, such as why it ended."""
    memories: tuple[Memory, ...] = ()
    """The past turns that were recalled in this run."""


@dataclass(frozen=True, slots=True)
class Question:
    """The turn waits for a person to confirm or correct the emotion."""

    request: dict[str, Any]
    """The request, in the form of agent inboxes."""

    @property
    def text(self) -> str:
        """The question as text."""
        return str(self.request["action_requests"][0]["description"])

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that it can be."""
        return tuple(self.request["review_configs"][0]["args_schema"]["properties"]["emotion"]["enum"])


Event: TypeAlias = Step | EmotionDecided | Token | Restarted | Replied | Question


async def stream_turn(
    hef: CompiledStateGraph[Any, Any, Any, Any],
    turn_input: list[AnyMessage] | Command[Any],
    context: HefContext,
    thread: str | None = None,
    configurable: Mapping[str, Any] | None = None,
) -> AsyncIterator[Event]:
    """Run one turn and yield its events, in this order: steps, one `EmotionDecided`, tokens, one `Replied`.

    Where the person is in danger, no emotion is read, and there is no `EmotionDecided`.
    Where the LLM fails mid-reply and is tried again, a `Restarted` separates the tokens. Where a person must confirm
    the emotion, a `Question` is the last event; a `Command` that resumes the graph continues the turn.

    Args:
        hef: The compiled graph.
        turn_input: What is new in the conversation.
        context: Settings of the turn.
        thread: Id of the conversation; None for one that is kept nowhere.
        configurable: What else the config of the run says, such as `turn_key` and `turn_number`.
    """
    empathy: Empathy | None = None
    memories: tuple[Memory, ...] = ()
    question: Question | None = None
    reply: AnyMessage | None = None
    emotion_sent = False
    message_id: str | None = None
    config: Any = {"configurable": {**({"thread_id": thread} if thread else {}), **(configurable or {})}}
    modes: list[StreamMode] = ["custom", "updates", "messages"]
    graph_input: Any = {"messages": turn_input} if isinstance(turn_input, list) else turn_input
    events: AsyncIterator[Any] = hef.astream(graph_input, config, context=context, stream_mode=modes)
    async for mode, chunk in events:
        if mode == "custom":
            kind = str(chunk.get("hef", ""))
            yield Step(STATUS_AFTER_EVENT.get(kind, "working"), kind)
        elif mode == "updates":
            # The stream is read to its end: the checkpointer saves later updates only then.
            question = _question(chunk) or question
            empathy = _empathy(chunk) or empathy
            memories = _memories(chunk, memories)
            reply = _reply(chunk) or reply
            emotion_sent = emotion_sent or (empathy is not None and empathy.safety.level == "danger")
            if empathy and not emotion_sent and LAST_OF_EMOTION in chunk:
                emotion_sent = True
                yield EmotionDecided(empathy, memories)
        elif text := _token(*chunk):
            if empathy and not emotion_sent:
                emotion_sent = True
                yield EmotionDecided(empathy, memories)
            if message_id not in (None, chunk[0].id):
                yield Restarted()
            message_id = chunk[0].id
            yield Token(text)
    for event in _last_events(question, empathy, reply, memories, emotion_sent=emotion_sent):
        yield event


def _last_events(
    question: Question | None,
    empathy: Empathy | None,
    reply: AnyMessage | None,
    memories: tuple[Memory, ...],
    *,
    emotion_sent: bool,
) -> Iterator[Event]:
    if question:
        yield question
        return
    if empathy is None:
        raise RuntimeError("the graph ended without an emotion")
    if not emotion_sent:
        yield EmotionDecided(empathy, memories)
    yield Replied(empathy, str(reply.text) if reply else "", reply, memories)


def _question(update: dict[str, Any]) -> Question | None:
    """Return the question of an update that interrupts the graph."""
    interrupts = update.get("__interrupt__")
    return Question(interrupts[0].value) if interrupts else None


def _empathy(update: dict[str, Any]) -> Empathy | None:
    """Return the empathy that the last node of an update wrote."""
    values = [state["empathy"] for state in update.values() if isinstance(state, dict) and state.get("empathy")]
    return values[-1] if values else None


def _memories(update: dict[str, Any], before: tuple[Memory, ...]) -> tuple[Memory, ...]:
    """Return the past turns that a node of an update wrote; those of before where none did."""
    from ..contract import Memory

    written = [state["memories"] for state in update.values() if isinstance(state, dict) and "memories" in state]
    return tuple(map(Memory.model_validate, written[-1] or ())) if written else before


def _reply(update: dict[str, Any]) -> AnyMessage | None:
    messages = [message for node in REPLYING for message in (update.get(node) or {}).get("messages") or []]
    return messages[-1] if messages else None


def _token(message: Any, metadata: dict[str, Any]) -> str:
    """Return the text of a chunk of the reply; complete messages come again in the update."""
    from langchain_core.messages import AIMessageChunk

    is_replying = metadata.get("langgraph_node") in REPLYING
    return str(message.text) if is_replying and isinstance(message, AIMessageChunk) else ""
