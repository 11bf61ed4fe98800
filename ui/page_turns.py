"""The turns that the page shows: what was said, the reply, what was understood; and the one that is running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..contract import Cause, Empathy, HefError, Memory, Reading
from ..graph.thread_turns import ThreadTurn
from ..graph.turn_events import EmotionDecided, Event, Replied, Restarted, Step, Token
from ..nodes.support.human_review import ACTION


@dataclass(frozen=True, slots=True)
class Understanding:
    """What was understood of the person in one turn, and what it was made of."""

    empathy: Empathy
    memories: tuple[Memory, ...] = ()
    """The past turns that were recalled."""
    readings: tuple[Reading, ...] = ()
    """What the SEM read, one reading per round."""
    is_from_memory: bool = False
    """Whether it is what the memory holds of a turn of an earlier visit: the emotion, its share and cause words."""


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


def remembered_understanding(memory: Memory, turn: ThreadTurn) -> Understanding | None:
    """Return what the memory holds of what was understood in a turn; None where no emotion was read in it.

    Args:
        memory: The turn as it is stored.
        turn: The turn in its thread.
    """
    if memory.emotion is None:
        return None
    causes: list[Cause] = []
    for words in memory.causes:
        start = turn.text.find(words)
        if words and start >= 0:
            causes.append(Cause(text=words, turn=turn.index, start=start, end=start + len(words), weight=0))
    share = 1.0 if memory.probability is None else memory.probability
    empathy = Empathy(
        emotion=memory.emotion,
        distribution={memory.emotion: share},
        causes=tuple(causes),
        confirmed=memory.confirmed,
    )
    return Understanding(empathy, is_from_memory=True)


def page_turn(turn: ThreadTurn, understanding: Understanding | None) -> PageTurn:
    """Return a turn of a thread as it is shown."""
    return PageTurn(turn.key, turn.text, turn.reply, turn.index, understanding)


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
