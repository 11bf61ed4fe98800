"""The samples a figure is taken on: one a listener turn, all turns before it as input."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ..contract import SetupError
from .conversations import Conversation, Sample, listener_turns, read_conversations
from .json_lines import read_json_lines

T = TypeVar("T")


def read_samples(path: Path, labels: Sequence[str]) -> tuple[list[Sample], list[str]]:
    """Read the samples of a file of conversations.

    Args:
        path: JSON lines, gzipped or not, of EmpatheticDialogues' form.
        labels: The taxonomy; a conversation with another emotion counts as broken.

    Returns:
        The samples in the file's order, and one message for each row that was left out.

    Raises:
        SetupError: There is no such file, or nothing in it can be read.
    """
    known, broken = read_labelled(path, labels)
    samples = list(listener_turns(known))
    if not samples:
        why = f" ({broken[0]})" if broken else ""
        raise SetupError(
            f"{path} holds no listener turn to measure on{why}; expected rows with `emotion` and `utterances`"
        )
    return samples, broken


def read_labelled(path: Path, labels: Sequence[str]) -> tuple[list[Conversation], list[str]]:
    """Read the conversations of a file whose emotion is one of the labels.

    Returns:
        The conversations, and one message for each row that was left out.

    Raises:
        SetupError: There is no such file.
    """
    _check(path)
    conversations, broken = read_conversations(path)
    strange = [held for held in conversations if held.emotion not in labels]
    broken += [f"{path.name}: {held.conv_id}: unknown emotion {held.emotion!r}" for held in strange]
    return [held for held in conversations if held.emotion in labels], broken


def read_rows(path: Path, make: Callable[[dict[str, Any]], T]) -> tuple[list[T], list[str]]:
    """Read a file of JSON lines, gzipped or not, into objects; name each row that cannot be one.

    Raises:
        SetupError: There is no such file, or nothing in it can be read.
    """
    _check(path)
    made, broken = read_json_lines(path, make)
    if not made:
        raise SetupError(f"{path} holds no row that can be read" + (f" ({broken[0]})" if broken else ""))
    return made, broken


def subsample(items: Sequence[T], limit: int | None, seed: int) -> list[T]:
    """Return `limit` items chosen at random, in their old order; all where there is no limit."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[i] for i in sorted(random.Random(seed).sample(range(len(items)), limit))]


def split_by_conversation(samples: Sequence[Sample], share: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Part samples by conversation: about a share of the conversations to fit on, the others to measure on.

    Raises:
        SetupError: There are fewer than two conversations.
    """
    names = sorted({sample.conv_id for sample in samples})
    if len(names) < 2:
        raise SetupError("all samples come from one conversation; fitting and measuring need one each")
    random.Random(seed).shuffle(names)
    fitting = set(names[: min(max(1, round(share * len(names))), len(names) - 1)])
    return (
        [sample for sample in samples if sample.conv_id in fitting],
        [sample for sample in samples if sample.conv_id not in fitting],
    )


def _check(path: Path) -> None:
    if not path.is_file():
        raise SetupError(f"there is no file {path}; give JSON lines, gzipped or not")
