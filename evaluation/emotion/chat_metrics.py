"""Real chats: what a SEM reads in each turn of chats that change their subject, and often carry no feeling."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files

import numpy as np
from pydantic import BaseModel, Field

from ...contract import Reading
from ...contract.progress import Progress, ignore_progress, map_batches
from ...contract.text import word_spans
from ...data.labelled_chats import ChatTurn, LabelledChat, read_chats
from ...sem import Sem
from ..metrics import Estimate, mean_estimate

BATCH = 8
"""Turns that are read at once: of so many a SEM keeps what their cause words need."""


class ChatReport(BaseModel, frozen=True):
    """How a SEM reads the turns of chats in one language; intervals are over chats."""

    language: str = Field(description="ISO 639-1 code")
    chats: int = Field(description="Number of chats")
    with_feeling: int = Field(description="Turns in which something is felt")
    without: int = Field(description="Turns in which nothing is felt")
    right: Estimate = Field(description="Share of all turns that are read right: a right emotion, or none")
    emotion_right: Estimate = Field(description="With a feeling: not called neutral, and a right emotion first")
    emotion_in_three: Estimate = Field(description="With a feeling: a right emotion among the first three")
    missed: Estimate = Field(description="With a feeling, called neutral")
    called_neutral: Estimate = Field(description="Without a feeling, called neutral")
    carried_over: Estimate | None = Field(
        description="Without a feeling, behind another subject that had one: read as that one's emotion"
    )
    causes_in_subject: Estimate = Field(description="Cause words that stand in turns about the current subject")
    causes_right: Estimate = Field(description="With a feeling: some cause word is one that the reader marked")


def measured_chats() -> list[LabelledChat]:
    """Return the project's chats for measuring in both languages; nothing is fitted on them."""
    chats: list[LabelledChat] = []
    for language in ("en", "zh"):
        with as_file(files("hef.evaluation.emotion").joinpath(f"cases/chats_{language}.jsonl")) as path:
            chats += read_chats(path)[0]
    return chats


def measure_chats(sem: Sem, chats: Sequence[LabelledChat], progress: Progress = ignore_progress) -> list[ChatReport]:
    """Read each turn of the person behind all turns before it, and report each language by itself.

    Args:
        sem: What reads.
        chats: Marked chats.
        progress: Called after each batch.
    """
    turns = [(chat.language, turn) for chat in chats for turn in chat.turns]

    def read(batch: Sequence[tuple[str, ChatTurn]]) -> list[_Row]:
        dialogues = [turn.turns for _, turn in batch]
        readings = sem.read(dialogues)
        causes = sem.causes(dialogues, [reading.ranked[0] for reading in readings])
        return [
            _Row(turn, reading, [(cause.turn, cause.text) for cause in words])
            for (_, turn), reading, words in zip(batch, readings, causes, strict=True)
        ]

    rows = map_batches(read, turns, size=BATCH, task="chats", progress=progress)
    languages = list(dict.fromkeys(language for language, _ in turns))
    return [
        report_chats(name, [row for row, (language, _) in zip(rows, turns, strict=True) if language == name])
        for name in languages
    ]


class _Row:
    """A turn, its reading and the words that are given for its first emotion."""

    def __init__(self, turn: ChatTurn, reading: Reading, causes: Sequence[tuple[int, str]]) -> None:
        self.turn, self.reading, self.causes = turn, reading, causes
        self.is_neutral = reading.is_neutral
        self.first = reading.ranked[0]

    def is_right(self) -> bool:
        """Return whether a right emotion is read, or none where none is felt."""
        if not self.turn.emotion:
            return self.is_neutral
        return not self.is_neutral and self.first in self.turn.emotions

    def has_marked_cause(self) -> bool:
        """Return whether some cause word is part of a word that the reader marked, or the other way round."""
        marked = [word.casefold() for word in self.turn.causes]
        words = [text[start:end].casefold() for _, text in self.causes for start, end in word_spans(text)]
        return any(word in mark or mark in word for word in words for mark in marked)


def report_chats(language: str, rows: Sequence[_Row]) -> ChatReport:
    """Return the figures of the turns of one language."""
    felt = [row for row in rows if row.turn.emotion]
    plain = [row for row in rows if not row.turn.emotion]
    behind = [row for row in plain if row.turn.earlier_emotions]
    told = [row for row in felt if row.causes]

    def share(group: Sequence[_Row], values: Sequence[float]) -> Estimate:
        return mean_estimate(np.array(values, dtype=float), [row.turn.chat_id for row in group])

    return ChatReport(
        language=language,
        chats=len({row.turn.chat_id for row in rows}),
        with_feeling=len(felt),
        without=len(plain),
        right=share(rows, [row.is_right() for row in rows]),
        emotion_right=share(felt, [row.is_right() for row in felt]),
        emotion_in_three=share(felt, [bool(row.turn.emotions & {*row.reading.ranked[:3]}) for row in felt]),
        missed=share(felt, [row.is_neutral for row in felt]),
        called_neutral=share(plain, [row.is_neutral for row in plain]),
        carried_over=share(behind, [not row.is_neutral and row.first in row.turn.earlier_emotions for row in behind])
        if behind
        else None,
        causes_in_subject=share(
            told, [float(np.mean([row.turn.same_subject[turn] for turn, _ in row.causes])) for row in told]
        ),
        causes_right=share(felt, [row.has_marked_cause() for row in felt]),
    )
