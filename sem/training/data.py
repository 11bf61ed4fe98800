"""Conversations with an emotion label, and the views of them that a pass trains on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...contract.dialogue import Turn
from .json_lines import read_json_lines
from .recipe import Recipe


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


def views(conversations: Sequence[Conversation], recipe: Recipe, number: int) -> list[Sample]:
    """Return the samples of one pass: a random prefix of each conversation, and its situation."""
    chance = random.Random(f"{recipe.seed}:{number}")
    samples: list[Sample] = []
    for conversation in conversations:
        cuts = [i for i, turn in enumerate(conversation.turns) if turn.role == "listener" and i]
        turns = conversation.turns[: chance.choice(cuts)] if cuts else conversation.turns
        shown = chance.random()
        if shown < recipe.speaker_view:
            turns = tuple(turn for turn in turns if turn.role == "speaker")
        elif shown < recipe.speaker_view + recipe.last_turn_view:
            turns = turns[-1:]
        if turns:
            samples.append(Sample(turns, conversation.emotion, conversation.conv_id))
        if recipe.situations and conversation.situation:
            situation = (Turn("speaker", conversation.situation),)
            samples.append(Sample(situation, conversation.emotion, conversation.conv_id))
    return samples


def batches(lengths: Sequence[int], size: int, seed: str, pool: int = 200) -> list[list[int]]:
    """Return shuffled batches of indices whose rows have similar lengths.

    Rows are shuffled, sorted by length within pools of `pool` batches, and the batches are
    shuffled again: little padding, yet another order each pass.
    """
    chance = random.Random(seed)
    order = list(range(len(lengths)))
    chance.shuffle(order)
    made: list[list[int]] = []
    for start in range(0, len(order), size * pool):
        part = sorted(order[start : start + size * pool], key=lambda i: lengths[i])
        made += [part[i : i + size] for i in range(0, len(part), size)]
    chance.shuffle(made)
    return made
