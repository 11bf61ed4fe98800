"""Real chats: what is read in each turn of chats that change their subject, and often carry no feeling."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from ...contract import HefContext, PoolingWeights
from ...contract.empathy import ranked_labels
from ...contract.progress import map_batches
from ...contract.text import word_spans
from ...data.conversations import Sample
from ...data.labelled_chats import ChatTurn, LabelledChat, read_chats
from ..metrics import Estimate, mean_estimate
from .sem_llm_pair import SemLlmPair
from .turn_record import TurnRecord


class ChatReport(BaseModel, frozen=True):
    """How the turns of chats in one language are read; intervals are over chats."""

    strategy: str = Field(description="Strategy by which the emotion is decided")
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
    behind_another: Estimate | None = Field(
        description="With a feeling, behind a turn with another one: not called neutral, and a right emotion first"
    )
    stuck: Estimate | None = Field(description="The same turns: read as an emotion of an earlier turn, wrongly")
    causes_in_subject: Estimate = Field(description="Cause words that stand in turns about the current subject")
    causes_right: Estimate = Field(description="With a feeling: some cause word is one that the reader marked")


def measured_chats(name: Literal["chats", "changes"] = "chats") -> list[LabelledChat]:
    """Return the project's chats for measuring in both languages; nothing is fitted on them.

    Args:
        name: Chats of many subjects, or brief ones in which the feeling changes.
    """
    chats: list[LabelledChat] = []
    for language in ("en", "zh"):
        with as_file(files("hef.evaluation.emotion").joinpath(f"cases/{name}_{language}.jsonl")) as path:
            chats += read_chats(path)[0]
    return chats


def chat_samples(chats: Sequence[LabelledChat]) -> list[Sample]:
    """Return each turn of the person behind all turns before it."""
    return [Sample(turn.turns, turn.emotion, turn.chat_id) for chat in chats for turn in chat.turns]


def measure_chats(
    pair: SemLlmPair,
    chats: Sequence[LabelledChat],
    context: HefContext,
    fit: PoolingWeights | None = None,
    *,
    anew: bool = False,
) -> list[ChatReport]:
    """Read each turn of the person behind all turns before it, and report each language by itself.

    Args:
        pair: What reads; of its LLM only where the strategy asks one.
        chats: Marked chats.
        context: Settings of the runs, with the strategy.
        fit: How SEM and LLM are joined; None takes the shipped fit or the default.
        anew: Read each chat by a graph of its own, which has learned nothing of the LLM yet.
    """
    turns = [(chat.language, turn) for chat in chats for turn in chat.turns]
    parts = [[chat] for chat in chats] if anew else [chats]
    records = [record for part in parts for record in pair.record("chats", context, chat_samples(part), fit)]

    def explain(batch: Sequence[tuple[ChatTurn, TurnRecord]]) -> list[_Row]:
        dialogues, emotions = [turn.turns for turn, _ in batch], [record.prediction.emotion for _, record in batch]
        causes = pair.sem.causes(dialogues, emotions)
        return [
            _Row(turn, record, [(cause.turn, cause.text) for cause in words])
            for (turn, record), words in zip(batch, causes, strict=True)
        ]

    decided = [(turn, record) for (_, turn), record in zip(turns, records, strict=True)]
    rows = map_batches(explain, decided, task="causes", progress=pair.progress)
    languages = list(dict.fromkeys(language for language, _ in turns))
    return [
        report_chats(
            name, context.strategy, [row for row, (language, _) in zip(rows, turns, strict=True) if language == name]
        )
        for name in languages
    ]


class _Row:
    """A turn, what was decided of it, and the words that are given for its emotion."""

    def __init__(self, turn: ChatTurn, record: TurnRecord, causes: Sequence[tuple[int, str]]) -> None:
        self.turn, self.causes = turn, causes
        self.is_neutral = record.is_neutral
        self.first = record.prediction.emotion
        self.ranked = ranked_labels(record.prediction.distribution)

    def is_right(self) -> bool:
        """Return whether a right emotion is read, or none where none is felt."""
        if not self.turn.emotion:
            return self.is_neutral
        return not self.is_neutral and self.first in self.turn.emotions

    def is_read_as(self, emotions: frozenset[str]) -> bool:
        """Return whether one of some emotions is read."""
        return not self.is_neutral and self.first in emotions

    def has_marked_cause(self) -> bool:
        """Return whether some cause word is part of a word that the reader marked, or the other way round."""
        marked = [word.casefold() for word in self.turn.causes]
        words = [text[start:end].casefold() for _, text in self.causes for start, end in word_spans(text)]
        return any(word in mark or mark in word for word in words for mark in marked)


def report_chats(language: str, strategy: str, rows: Sequence[_Row]) -> ChatReport:
    """Return the figures of the turns of one language."""
    felt = [row for row in rows if row.turn.emotion]
    plain = [row for row in rows if not row.turn.emotion]
    behind = [row for row in plain if row.turn.earlier_emotions]
    told = [row for row in felt if row.causes]
    changed = [row for row in felt if row.turn.felt_before - row.turn.emotions]

    def share(group: Sequence[_Row], values: Sequence[float]) -> Estimate:
        return mean_estimate(np.array(values, dtype=float), [row.turn.chat_id for row in group])

    return ChatReport(
        strategy=strategy,
        language=language,
        chats=len({row.turn.chat_id for row in rows}),
        with_feeling=len(felt),
        without=len(plain),
        right=share(rows, [row.is_right() for row in rows]),
        emotion_right=share(felt, [row.is_right() for row in felt]),
        emotion_in_three=share(felt, [bool(row.turn.emotions & {*row.ranked[:3]}) for row in felt]),
        missed=share(felt, [row.is_neutral for row in felt]),
        called_neutral=share(plain, [row.is_neutral for row in plain]),
        carried_over=share(behind, [row.is_read_as(row.turn.earlier_emotions) for row in behind]) if behind else None,
        behind_another=share(changed, [row.is_right() for row in changed]) if changed else None,
        stuck=share(changed, [not row.is_right() and row.is_read_as(row.turn.felt_before) for row in changed])
        if changed
        else None,
        causes_in_subject=share(
            told, [float(np.mean([row.turn.same_subject[turn] for turn, _ in row.causes])) for row in told]
        ),
        causes_right=share(felt, [row.has_marked_cause() for row in felt]),
    )
