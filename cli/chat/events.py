"""One turn of HEF as a stream: what was understood, the reply's tokens, the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.types import Command, StreamMode

    from ...contract import Empathy, HefContext

DRAFTING = "draft_response"
"""The node whose tokens are the reply."""
EXPLAINED = "cause_words"
"""The node after which the understanding is whole."""

STATUS_AFTER_EVENT = {
    "memories": "remembering",
    "reading": "reading the emotion",
    "verdict": "weighing it",
    "decision": "finding the cause words",
    "causes": "thinking of a reply",
}
"""For each event what is being done after it."""


@dataclass(frozen=True, slots=True)
class Step:
    """The turn went on."""

    doing: str
    """What is being done now."""


@dataclass(frozen=True, slots=True)
class EmotionDecided:
    """Emotion and causes are decided; the reply is about to begin."""

    empathy: Empathy


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """The LLM failed within its reply and begins it anew."""


@dataclass(frozen=True, slots=True)
class Replied:
    """The turn is over."""

    empathy: Empathy
    reply: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The turn waits for a person to say which emotion it is."""

    request: dict[str, Any]
    """What is asked, as agent inboxes read it."""

    @property
    def question(self) -> str:
        """What is asked, as text."""
        return str(self.request["action_requests"][0]["description"])


Event: TypeAlias = Step | EmotionDecided | Token | Restarted | Replied | Asked


async def stream_turn(
    hef: CompiledStateGraph[Any, Any, Any, Any],
    said: list[AnyMessage] | Command[Any],
    context: HefContext,
    thread: str | None = None,
) -> AsyncIterator[Event]:
    """Run one turn and yield what happens, in this order: steps, one `Understood`, tokens, one `Replied`.

    Where the LLM fails within its reply and is tried again, an `Again` parts the tokens. Where a person must say
    which emotion it is, an `Asked` is the last event; the turn goes on with a `Command` that resumes it.
    """
    empathy: Empathy | None = None
    asked: Asked | None = None
    reply, told = "", False
    writing: str | None = None
    config: Any = {"configurable": {"thread_id": thread}} if thread else {}
    modes: list[StreamMode] = ["custom", "updates", "messages"]
    given: Any = {"messages": said} if isinstance(said, list) else said
    events: AsyncIterator[Any] = hef.astream(given, config, context=context, stream_mode=modes)
    async for mode, chunk in events:
        if mode == "custom":
            yield Step(STATUS_AFTER_EVENT.get(chunk.get("hef", ""), "working"))
        elif mode == "updates":
            # The stream is read to its end, since what comes after is kept only then.
            asked = _asked(chunk) or asked
            empathy = _empathy(chunk) or empathy
            reply = _reply(chunk) or reply
            if empathy and not told and EXPLAINED in chunk:
                told = True
                yield EmotionDecided(empathy)
        elif text := _token(*chunk):
            if empathy and not told:
                told = True
                yield EmotionDecided(empathy)
            if writing not in (None, chunk[0].id):
                yield Restarted()
            writing = chunk[0].id
            yield Token(text)
    for event in _ending(asked, empathy, reply, told=told):
        yield event


def _ending(asked: Asked | None, empathy: Empathy | None, reply: str, *, told: bool) -> Iterator[Event]:
    if asked:
        yield asked
        return
    if empathy is None:
        raise RuntimeError("the graph ended without an understanding")
    if not told:
        yield EmotionDecided(empathy)
    yield Replied(empathy, reply)


def _asked(update: dict[str, Any]) -> Asked | None:
    """Return what an update asks a person."""
    asked = update.get("__interrupt__")
    return Asked(asked[0].value) if asked else None


def _empathy(update: dict[str, Any]) -> Empathy | None:
    """Return what the newest node of an update understood."""
    found = [held["empathy"] for held in update.values() if isinstance(held, dict) and held.get("empathy")]
    return found[-1] if found else None


def _reply(update: dict[str, Any]) -> str:
    messages = (update.get(DRAFTING) or {}).get("messages") or []
    return str(messages[-1].text) if messages else ""


def _token(message: Any, about: dict[str, Any]) -> str:
    """Return the text of a chunk of the reply; whole messages come again in the update."""
    from langchain_core.messages import AIMessageChunk

    drafting = about.get("langgraph_node") == DRAFTING
    return str(message.text) if drafting and isinstance(message, AIMessageChunk) else ""
