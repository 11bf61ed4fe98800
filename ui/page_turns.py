"""The turns that the page shows: what was said, the reply, what was understood; and the one that is running."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..contract import Empathy, Memory, Reading
from ..graph.turn_events import EmotionDecided, Event, Replied, Restarted, Step, Token

if TYPE_CHECKING:
    from .spoken_turns import Segment


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
class LiveTurn:
    """The turn that is running."""

    turn: PageTurn
    status: str = ""
    """Kind of the last event, see `STATUS_AFTER_EVENT`; empty at the beginning."""


def page_turn(segment: Segment, understanding: Understanding | None) -> PageTurn:
    """Return a turn of a thread as it is shown."""
    return PageTurn(segment.key, segment.text, segment.reply, segment.index, understanding)


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
