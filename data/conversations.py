"""Conversations with an emotion label, and the samples made of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..contract.dialogue import Turn
from .json_lines import read_json_lines


@dataclass(frozen=True, slots=True)
class Conversation:
    """One labelled conversation of EmpatheticDialogues' form."""

    conv_id: str
    """Identifier; fitting and measuring data are kept apart by it."""
    emotion: str
    """The speaker's emotion."""
    situation: str
    """The sentence the speaker wrote before the conversation; training only, never an input when measuring."""
    turns: tuple[Turn, ...]
    """All turns, oldest first."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One training or measuring example."""

    turns: tuple[Turn, ...]
    """The dialogue context."""
    emotion: str
    """The label; empty where there is none."""
    conv_id: str
    """Where it comes from."""


def read_conversations(path: Path) -> tuple[list[Conversation], list[str]]:
    """Read a (gzipped) JSON-lines file of conversations.

    Returns:
        The conversations, and one message for each row that could not be read, naming its line.
    """
    return read_json_lines(path, _conversation)


def read_texts(path: Path) -> tuple[list[Sample], list[str]]:
    """Read a (gzipped) JSON-lines file of texts without a label, rows with `text`, as dialogues of one turn.

    Returns:
        The samples, and one message for each row that could not be read, naming its line.
    """
    return read_json_lines(path, _text)


def _text(row: dict[str, object]) -> Sample:
    text = row["text"]
    if not isinstance(text, str) or not text.strip():
        raise ValueError("`text` is empty or no text")
    return Sample((Turn("speaker", text),), "", "")


def _conversation(row: dict[str, object]) -> Conversation:
    utterances = row["utterances"]
    if not isinstance(utterances, list):
        raise TypeError("`utterances` is not a list")
    turns = tuple(Turn(item["role"], str(item["text"])) for item in utterances)
    if any(turn.role not in ("speaker", "listener") for turn in turns):
        raise ValueError("a role is neither speaker nor listener")
    return Conversation(str(row["conv_id"]), str(row["emotion"]), str(row.get("situation", "")), turns)


def listener_turns(conversations: Sequence[Conversation]) -> Iterator[Sample]:
    """Yield one sample a listener turn: all turns before it, as in the field's tables."""
    for conversation in conversations:
        for index, turn in enumerate(conversation.turns):
            if turn.role == "listener" and index:
                yield Sample(conversation.turns[:index], conversation.emotion, conversation.conv_id)


def split(
    conversations: Sequence[Conversation], share: float, seed: int
) -> tuple[list[Conversation], list[Conversation]]:
    """Split by conversation into what is fitted and a held-out share for calibration."""
    order = sorted(conversations, key=lambda conversation: conversation.conv_id)
    random.Random(seed).shuffle(order)
    cut = max(1, round(len(order) * share))
    return order[cut:], order[:cut]
