"""Labelled conversations, and the samples made of them: one per listener turn, with all turns before it as input."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..contract import SetupError, Turn
from .json_lines import read_json_lines, require_file

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One labelled conversation in the format of EmpatheticDialogues."""

    conv_id: str
    """Identifier; training and evaluation data are separated by it."""
    emotion: str
    """The speaker's emotion."""
    situation: str
    """The sentence the speaker wrote before the conversation; for training only, never an input of an evaluation."""
    turns: tuple[Turn, ...]
    """All turns, oldest first."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One training or evaluation example."""

    turns: tuple[Turn, ...]
    """The dialogue context."""
    emotion: str
    """The label; empty where there is none."""
    conv_id: str
    """The conversation it comes from."""


def read_conversations(path: Path) -> tuple[list[Conversation], list[str]]:
    """Read a (gzipped) JSON-lines file of conversations.

    Returns:
        The conversations, and one message for each row that could not be read, naming its line.
    """
    return read_json_lines(path, _parse_conversation)


def read_texts(path: Path) -> tuple[list[Sample], list[str]]:
    """Read a (gzipped) JSON-lines file of unlabelled texts, rows with `text`, as dialogues of one turn.

    Returns:
        The samples, and one message for each row that could not be read, naming its line.
    """
    return read_json_lines(path, _parse_text)


def read_labelled(path: Path, labels: Collection[str]) -> tuple[list[Conversation], list[str]]:
    """Read the conversations of a file whose emotion is one of the labels.

    Returns:
        The conversations, and one message for each row that was skipped.

    Raises:
        SetupError: The file does not exist.
    """
    require_file(path)
    conversations, broken = read_conversations(path)
    unknown = [conversation for conversation in conversations if conversation.emotion not in labels]
    broken += [f"{path.name}: {one.conv_id}: unknown emotion {one.emotion!r}" for one in unknown]
    return [conversation for conversation in conversations if conversation.emotion in labels], broken


def read_samples(path: Path, labels: Collection[str]) -> tuple[list[Sample], list[str]]:
    """Read the samples of a file of conversations.

    Args:
        path: JSON lines, gzipped or not, in the format of EmpatheticDialogues.
        labels: The taxonomy; a conversation with another emotion is skipped.

    Returns:
        The samples in the order of the file, and one message for each row that was skipped.

    Raises:
        SetupError: The file does not exist, or has no sample.
    """
    conversations, broken = read_labelled(path, labels)
    samples = list(listener_turns(conversations))
    if not samples:
        reason = f" ({broken[0]})" if broken else ""
        raise SetupError(
            f"{path} has no listener turn to measure on{reason}; expected rows with `emotion` and `utterances`"
        )
    return samples, broken


def listener_turns(conversations: Sequence[Conversation]) -> Iterator[Sample]:
    """Yield one sample per listener turn: all turns before it, as in the literature's tables."""
    for conversation in conversations:
        for index, turn in enumerate(conversation.turns):
            if turn.role == "listener" and index:
                yield Sample(conversation.turns[:index], conversation.emotion, conversation.conv_id)


def subsample(items: Sequence[T], limit: int | None, seed: int) -> list[T]:
    """Return `limit` random items in their original order; all where there is no limit."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[i] for i in sorted(random.Random(seed).sample(range(len(items)), limit))]


def split(
    conversations: Sequence[Conversation], share: float, seed: int
) -> tuple[list[Conversation], list[Conversation]]:
    """Split conversations into a training part and a held-out share for calibration."""
    order = sorted(conversations, key=lambda conversation: conversation.conv_id)
    random.Random(seed).shuffle(order)
    cut = max(1, round(len(order) * share))
    return order[cut:], order[:cut]


def split_by_conversation(samples: Sequence[Sample], share: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Split samples by conversation: about a share of the conversations for fitting, the others for evaluation.

    Raises:
        SetupError: There are fewer than two conversations.
    """
    names = shuffled_conversations([sample.conv_id for sample in samples], seed)
    fitting = set(names[: min(max(1, round(share * len(names))), len(names) - 1)])
    return (
        [sample for sample in samples if sample.conv_id in fitting],
        [sample for sample in samples if sample.conv_id not in fitting],
    )


def conversation_folds(conv_ids: Sequence[str], folds: int, seed: int) -> list[int]:
    """Return the fold of each sample for cross-fitting; the turns of a conversation share a fold.

    Raises:
        SetupError: There are fewer than two conversations.
    """
    fold = {name: number % folds for number, name in enumerate(shuffled_conversations(conv_ids, seed))}
    return [fold[name] for name in conv_ids]


def shuffled_conversations(conv_ids: Sequence[str], seed: int) -> list[str]:
    """Return the distinct conversations in random order.

    Raises:
        SetupError: There are fewer than two.
    """
    names = sorted(set(conv_ids))
    if len(names) < 2:
        raise SetupError("all samples come from one conversation; fitting and measuring need at least 2")
    random.Random(seed).shuffle(names)
    return names


def _parse_text(row: dict[str, object]) -> Sample:
    text = row["text"]
    if not isinstance(text, str) or not text.strip():
        raise ValueError("`text` is empty or not a string")
    return Sample((Turn("speaker", text),), "", "")


def _parse_conversation(row: dict[str, object]) -> Conversation:
    utterances = row["utterances"]
    if not isinstance(utterances, list):
        raise TypeError("`utterances` is not a list")
    turns = tuple(Turn(item["role"], str(item["text"])) for item in utterances)
    if any(turn.role not in ("speaker", "listener") for turn in turns):
        raise ValueError("a role is neither speaker nor listener")
    return Conversation(str(row["conv_id"]), str(row["emotion"]), str(row.get("situation", "")), turns)
