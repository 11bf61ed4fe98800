"""The turns that the page shows: what was said, the reply, what was understood; and the one that is running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from langchain_core.messages import AnyMessage, HumanMessage, RemoveMessage
from langgraph.store.base import BaseStore

from ..contract import Empathy, HefError, Memory, Reading
from ..graph.turn_events import EmotionDecided, Event, Replied, Restarted, Step, Token
from ..memory import turn_id
from ..memory.selection import replaced_ids
from ..nodes import to_dialogue
from ..nodes.support.human_review import ACTION
from ..nodes.support.message_text import message_role, message_text
from ..nodes.support.transcript import turn_key


@dataclass(slots=True)
class Segment:
    """The messages of one turn."""

    own_messages: list[AnyMessage] = field(default_factory=list)
    """Those of the person."""
    messages: list[AnyMessage] = field(default_factory=list)
    """All of them."""
    reply: str = ""
    """What was answered."""
    index: int = 0
    """Index of what the person said among the turns of the dialogue."""
    end_of_own_messages: int = 0
    """Number of the thread's messages up to the person's last one in it."""

    @property
    def key(self) -> str:
        """Id of the person's last message."""
        return str(self.own_messages[-1].id)

    @property
    def text(self) -> str:
        """What the person said, a line for each message, as every SEM reads it."""
        return "".join(turn.text for turn in to_dialogue(self.own_messages))


def split_turns(messages: Sequence[AnyMessage]) -> list[Segment]:
    """Return the turns of a thread, oldest first; what nobody says (see `to_dialogue`) belongs to the turn before."""
    segments: list[Segment] = []
    turns = 0
    last_role = None
    for number, message in enumerate(messages, 1):
        role = message_role(message)
        if role is None or not message_text(message).strip():
            if segments:
                segments[-1].messages.append(message)
            continue
        if role == "speaker" and last_role != "speaker":
            segments.append(Segment(index=turns))
        turns += not role == last_role == "speaker"
        last_role = role
        if not segments:
            continue
        segment = segments[-1]
        segment.messages.append(message)
        if role == "speaker":
            segment.own_messages.append(message)
            segment.end_of_own_messages = number
        else:
            segment.reply = f"{segment.reply}\n\n{message_text(message)}".strip()
    return segments


def opening_text(messages: Sequence[AnyMessage]) -> str:
    """Return what was said before the person said anything, such as a character's greeting."""
    texts: list[str] = []
    for message in messages:
        role = message_role(message)
        if role == "speaker":
            break
        if role == "listener":
            texts.append(message_text(message))
    return "\n\n".join(texts)


@dataclass(frozen=True, slots=True)
class Understanding:
    """What was understood of the person in one turn, and what it was made of."""

    empathy: Empathy
    memories: tuple[Memory, ...] = ()
    """The past turns that were recalled."""
    readings: tuple[Reading, ...] = ()
    """What the SEM read, one reading per round."""


@dataclass(frozen=True, slots=True)
class PageTurn:
    """What the person said since the reply before, and the reply."""

    key: str
    """Id of the person's last message in it."""
    text: str
    """What they said, a line per message; offsets of cause words refer to it."""
    reply: str = ""
    """What was answered; empty as long as nothing was."""
    index: int = 0
    """Index of the text among the turns of the dialogue, which `Cause.turn` counts."""
    understanding: Understanding | None = None
    """None where the turn is of an earlier visit, or was stopped before it was understood."""


@dataclass(frozen=True, slots=True)
class EmotionQuestion:
    """The question which emotion it is, in the middle of a turn whose SEM and LLM disagree."""

    empathy: Empathy
    """What is decided as long as nobody answers."""
    labels: tuple[str, ...]
    """The emotions that it can be."""

    @property
    def likely(self) -> tuple[str, ...]:
        """The emotions that are offered first: the decided one, then those that SEM and LLM think of."""
        empathy = self.empathy
        named = [empathy.emotion, *empathy.primary, empathy.hypothesis]
        return tuple(dict.fromkeys(label for label in named if label in self.labels))

    def answer(self, label: str) -> dict[str, Any]:
        """Return the decision that an emotion stands for; that it is none of the likely ones for a blank."""
        if not label:
            return {"type": "reject"}
        if label == self.empathy.emotion:
            return {"type": "approve"}
        return {"type": "edit", "edited_action": {"name": ACTION, "args": {"emotion": label}}}


@dataclass(frozen=True, slots=True)
class LiveTurn:
    """The turn that is running."""

    turn: PageTurn
    status: str = ""
    """Kind of the last event, see `STATUS_AFTER_EVENT`; empty at the beginning."""
    question: EmotionQuestion | None = None
    """What the person is asked, and the turn waits for."""


def page_turn(segment: Segment, understanding: Understanding | None) -> PageTurn:
    """Return a turn of a thread as it is shown."""
    return PageTurn(segment.key, segment.text, segment.reply, segment.index, understanding)


def human_message(text: str) -> HumanMessage:
    """Return what the person says as a message with an id of its own."""
    # Half characters, which a broken script may send, can be written neither to a database nor to a model.
    return HumanMessage(text.encode(errors="replace").decode(), id=str(uuid4()))


def removals(messages: Sequence[AnyMessage]) -> list[RemoveMessage]:
    """Return what takes messages out of a thread."""
    return [RemoveMessage(str(message.id)) for message in messages]


def error_sentence(error: Exception) -> str:
    """Return why a turn failed."""
    return str(error) if isinstance(error, HefError) else f"{type(error).__name__}: {error}"


def after_question(live: LiveTurn, empathy: Empathy, labels: Sequence[str]) -> LiveTurn:
    """Return the running turn where it waits for the person to say which emotion it is.

    Args:
        live: The turn.
        empathy: What is decided as long as nobody answers.
        labels: The emotions that it can be.
    """
    turn = replace(live.turn, understanding=Understanding(empathy))
    return LiveTurn(turn, live.status, EmotionQuestion(empathy, tuple(labels)))


def after_event(live: LiveTurn, event: Event) -> LiveTurn:
    """Return the running turn after an event of the graph."""
    turn, status = live.turn, live.status
    match event:
        case Step():
            status = event.after or status
        case EmotionDecided():
            turn = replace(turn, understanding=Understanding(event.empathy))
            status = "causes"
        case Token():
            turn = replace(turn, reply=turn.reply + event.text)
        case Restarted():
            turn = replace(turn, reply="")
        case Replied():
            turn = replace(turn, reply=event.reply)
    return LiveTurn(turn, status)


def memory_id(messages: Sequence[AnyMessage], turn: Segment, thread: str) -> str:
    """Return the id under which a turn of a thread is remembered."""
    return turn_id(thread, turn_key(messages[: turn.end_of_own_messages], thread))


async def stored_ids(
    store: BaseStore | None,
    user_id: str | None,
    thread: str,
    messages: Sequence[AnyMessage],
    replaced: Sequence[Segment],
) -> set[str]:
    """Return the ids under which turns are remembered that are replaced, the last ones of a thread."""
    if not replaced or store is None or user_id is None:
        return set()
    kept = {memory_id(messages, turn, thread) for turn in split_turns(messages)[: -len(replaced)]}
    turns = [({memory_id(messages, turn, thread)}, turn.text) for turn in replaced]
    return await replaced_ids(store, user_id, thread, turns, kept)
