"""Chats of several subjects, each turn of the person marked with what is felt in it and what it is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..contract import Turn
from ..contract.dialogue import Role
from .json_lines import read_rows

NOTHING_FELT = "none"
"""What a file calls the emotion of a turn that carries none."""
ROLES: dict[str, Role] = {"user": "speaker", "assistant": "listener"}


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """A turn of the person in a chat, with all turns before it."""

    chat_id: str
    """Identifier of the chat."""
    turns: tuple[Turn, ...]
    """The chat up to this turn, which is the last one."""
    subjects: tuple[int, ...]
    """Number of each turn's subject, a listener's being that of the turn before it."""
    emotion: str
    """What the person feels in this turn; empty where nothing is felt."""
    also_right: tuple[str, ...]
    """Further emotions that a reader would accept."""
    causes: tuple[str, ...]
    """Words of the person's turns about this subject that tell what the feeling is about."""
    earlier_emotions: frozenset[str]
    """What was felt earlier about other subjects."""
    felt_before: frozenset[str]
    """What was felt in any earlier turn."""

    @property
    def emotions(self) -> frozenset[str]:
        """Return all emotions that are right."""
        return frozenset((self.emotion, *self.also_right)) if self.emotion else frozenset()

    @property
    def same_subject(self) -> tuple[bool, ...]:
        """Return for each turn whether it is about the last one's subject."""
        return tuple(subject == self.subjects[-1] for subject in self.subjects)


@dataclass(frozen=True, slots=True)
class LabelledChat:
    """A chat with a mark for each turn of the person."""

    id: str
    """Identifier in its file."""
    language: str
    """ISO 639-1 code."""
    turns: tuple[ChatTurn, ...]
    """The person's turns, in order."""


def read_chats(path: Path) -> tuple[list[LabelledChat], list[str]]:
    """Return the chats of a file of JSON lines, and a message for each row that could not be read.

    A row has `id`, `language` and `turns`, each with `role` (`user` or `assistant`) and `text`; a user's also has
    `emotion` (a label or "none") and `topic` (number of the subject), and may have `also` (labels as right) and
    `causes` (words).

    Raises:
        SetupError: The file does not exist, or no row of it can be read.
    """
    return read_rows(path, _parse_chat)


def _parse_chat(row: dict[str, Any]) -> LabelledChat:
    return LabelledChat(str(row["id"]), str(row["language"]), tuple(_marked_turns(row)))


def _marked_turns(row: dict[str, Any]) -> Iterator[ChatTurn]:
    turns: list[Turn] = []
    subjects: list[int] = []
    felt: list[tuple[int, str]] = []
    for item in row["turns"]:
        turns.append(Turn(ROLES[item["role"]], str(item["text"])))
        if turns[-1].role == "listener":
            subjects.append(subjects[-1])
            continue
        subject, emotion = int(item["topic"]), str(item["emotion"]).replace(NOTHING_FELT, "")
        subjects.append(subject)
        yield ChatTurn(
            chat_id=str(row["id"]),
            turns=tuple(turns),
            subjects=tuple(subjects),
            emotion=emotion,
            also_right=tuple(map(str, item.get("also", ()))),
            causes=tuple(map(str, item.get("causes", ()))),
            earlier_emotions=frozenset(label for other, label in felt if other != subject),
            felt_before=frozenset(label for _, label in felt),
        )
        if emotion:
            felt.append((subject, emotion))
