"""One turn of HEF as a stream: what was understood, the reply's tokens, the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.types import StreamMode

    from ..contract import Empathy, HefContext

DRAFTING = "draft_response"
"""The node whose tokens are the reply."""
EXPLAINED = "cause_words"
"""The node after which the understanding is whole."""

NEWS = {
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
class Understood:
    """Emotion and causes are decided; the reply is about to begin."""

    empathy: Empathy


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class Again:
    """The LLM failed within its reply and begins it anew."""


@dataclass(frozen=True, slots=True)
class Replied:
    """The turn is over."""

    empathy: Empathy
    reply: str


Event: TypeAlias = Step | Understood | Token | Again | Replied


async def follow(
    hef: CompiledStateGraph[Any, Any, Any, Any],
    messages: list[AnyMessage],
    context: HefContext,
    thread: str | None = None,
) -> AsyncIterator[Event]:
    """Run one turn and yield what happens, in this order: steps, one `Understood`, tokens, one `Replied`.

    Where the LLM fails within its reply and is tried again, an `Again` parts the tokens.
    """
    empathy: Empathy | None = None
    reply, told = "", False
    writing: str | None = None
    config: Any = {"configurable": {"thread_id": thread}} if thread else {}
    modes: list[StreamMode] = ["custom", "updates", "messages"]
    events: AsyncIterator[Any] = hef.astream({"messages": messages}, config, context=context, stream_mode=modes)
    async for mode, chunk in events:
        if mode == "custom":
            yield Step(NEWS.get(chunk.get("hef", ""), "working"))
        elif mode == "updates":
            empathy = _empathy(chunk) or empathy
            reply = _reply(chunk) or reply
            if empathy and not told and EXPLAINED in chunk:
                told = True
                yield Understood(empathy)
        elif text := _token(*chunk):
            if empathy and not told:
                told = True
                yield Understood(empathy)
            if writing not in (None, chunk[0].id):
                yield Again()
            writing = chunk[0].id
            yield Token(text)
    if empathy is None:
        raise RuntimeError("the graph ended without an understanding")
    if not told:
        yield Understood(empathy)
    yield Replied(empathy, reply)


def _empathy(update: dict[str, Any]) -> Empathy | None:
    """Return what the newest node of an update understood."""
    found = [values["empathy"] for values in update.values() if values and values.get("empathy")]
    return found[-1] if found else None


def _reply(update: dict[str, Any]) -> str:
    messages = (update.get(DRAFTING) or {}).get("messages") or []
    return str(messages[-1].text) if messages else ""


def _token(message: Any, about: dict[str, Any]) -> str:
    """Return the text of a chunk of the reply; whole messages come again in the update."""
    from langchain_core.messages import AIMessageChunk

    drafting = about.get("langgraph_node") == DRAFTING
    return str(message.text) if drafting and isinstance(message, AIMessageChunk) else ""
