"""A thread's messages as the turns that the page shows: what the person said, and the reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from langchain_core.messages import AnyMessage

from ..nodes import to_dialogue
from ..nodes.support.message_text import message_role, message_text


@dataclass(slots=True)
class Segment:
    """The messages of one turn."""

    said: list[AnyMessage] = field(default_factory=list)
    """Those of the person."""
    messages: list[AnyMessage] = field(default_factory=list)
    """All of them."""
    reply: str = ""
    """What was answered."""
    index: int = 0
    """Index of what the person said among the turns of the dialogue."""
    end_of_said: int = 0
    """Number of the thread's messages up to the person's last one in it."""

    @property
    def key(self) -> str:
        """Id of the person's last message."""
        return str(self.said[-1].id)

    @property
    def text(self) -> str:
        """What the person said, a line for each message, as every SEM reads it."""
        return "".join(turn.text for turn in to_dialogue(self.said))


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
            segment.said.append(message)
            segment.end_of_said = number
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
