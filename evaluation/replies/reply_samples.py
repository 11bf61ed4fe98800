"""What replies are measured on: listener turns that answer the speaker, with what the person replied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...contract import SetupError, Turn
from ...data.conversations import Conversation
from ...data.samples import read_labelled


@dataclass(frozen=True, slots=True)
class ReplySample:
    """One listener turn."""

    id: str
    """The conversation and the turn's place in it."""
    turns: tuple[Turn, ...]
    """The dialogue context; the speaker's turn comes last."""
    emotion: str
    """The speaker's emotion."""
    conv_id: str
    """The conversation it comes from."""
    reply: str
    """What the human listener said."""


def read_reply_samples(path: Path, labels: Sequence[str]) -> tuple[list[ReplySample], list[str]]:
    """Read the listener turns of a file of conversations that follow a speaker's turn and are not blank.

    Args:
        path: JSON lines, gzipped or not, of EmpatheticDialogues' form.
        labels: The taxonomy; a conversation with another emotion counts as broken.

    Returns:
        The samples in the file's order, and one message for each row that was left out.

    Raises:
        SetupError: There is no such file, or nothing in it can be read.
    """
    conversations, broken = read_labelled(path, labels)
    samples = [sample for held in conversations for sample in _replies(held)]
    if not samples:
        raise SetupError(f"{path} holds no listener turn that answers a speaker's turn")
    return samples, broken


def _replies(held: Conversation) -> list[ReplySample]:
    pairs = list(zip(held.turns, held.turns[1:], strict=False))
    return [
        ReplySample(f"{held.conv_id}:{place}", held.turns[:place], held.emotion, held.conv_id, turn.text)
        for place, (before, turn) in enumerate(pairs, start=1)
        if turn.role == "listener" and before.role == "speaker" and turn.text.strip() and before.text.strip()
    ]
