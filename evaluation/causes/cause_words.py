"""How many of the words that people marked as causes a SEM finds, beside chance and ceiling."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ...contract import Turn
from ...contract.text import is_content_word, word_spans
from ...data.cause_annotations import recall
from ...sem import Sem
from ..metrics import CUTS, Estimate, mean_estimate


@dataclass(frozen=True, slots=True)
class CauseRow:
    """One situation with its cause words (EmoCause, Kim et al., EMNLP 2021)."""

    situation: str
    """The sentence, as the speaker wrote it."""
    emotion: str
    """The speaker's emotion; it is given to the SEM."""
    causes: tuple[str, ...]
    """The words that people marked."""
    conv_id: str
    """Where it comes from."""


class CauseReport(BaseModel):
    """Recall of the first k words, averaged over situations."""

    model_config = ConfigDict(frozen=True)

    sem: str = Field(description="Name of the SEM")
    samples: int = Field(description="Situations")
    seconds: float = Field(description="Time for all of them")
    recall: dict[str, Estimate] = Field(description="`at1`, `at3`, `at5` of the SEM")
    chance: dict[str, float] = Field(description="The same for content words drawn at random")
    ceiling: dict[str, float] = Field(
        description="The same for the marked words themselves: the most there is to reach"
    )


def make_cause_row(row: dict[str, Any]) -> CauseRow:
    """Return one row of an EmoCause file.

    Raises:
        ValueError: It has no situation or no marked words.
    """
    causes = tuple(dict.fromkeys(str(word).lower() for word in row["labels"] if str(word).strip()))
    situation = row["original_situation"]
    if not isinstance(situation, str) or not situation.strip() or not causes:
        raise ValueError("no situation, or no marked words")
    return CauseRow(situation, str(row["emotion"]), causes, str(row.get("conv_id", "")))


def evaluate_causes(
    sem: Sem, rows: Sequence[CauseRow], *, seed: int = 0, report: Callable[[int, int], None] = lambda done, total: None
) -> CauseReport:
    """Ask the SEM for the cause words of each situation and compare with the marked ones.

    A predicted word counts for a marked word that it starts or ends with, as in the paper.
    """
    started = time.perf_counter()
    found: list[list[str]] = []
    for start in range(0, len(rows), 64):
        part = rows[start : start + 64]
        answers = sem.causes([[Turn("speaker", row.situation)] for row in part], [row.emotion for row in part])
        found += [_words(cause.text for cause in causes) for causes in answers]
        report(len(found), len(rows))
    seconds = time.perf_counter() - started
    chance = random.Random(seed)
    return CauseReport(
        sem=sem.description.name,
        samples=len(rows),
        seconds=round(seconds, 2),
        recall={f"at{k}": mean_estimate(_recalls(rows, found, k), [row.conv_id for row in rows]) for k in CUTS},
        chance=_means(rows, [_shuffled(row.situation, chance) for row in rows]),
        ceiling=_means(rows, [list(row.causes) for row in rows]),
    )


def _recalls(rows: Sequence[CauseRow], found: Sequence[Sequence[str]], k: int) -> Any:
    return np.array([recall(words[:k], row.causes) for row, words in zip(rows, found, strict=True)])


def _means(rows: Sequence[CauseRow], found: Sequence[Sequence[str]]) -> dict[str, float]:
    return {f"at{k}": float(_recalls(rows, found, k).mean()) for k in CUTS}


def _words(texts: Any) -> list[str]:
    """Return the words of ranked spans, lower case, each once."""
    return list(dict.fromkeys(text[a:b].lower() for text in texts for a, b in word_spans(text)))


def _shuffled(situation: str, chance: random.Random) -> list[str]:
    words = _words([situation])
    content = [word for word in words if is_content_word(word)] or words
    return chance.sample(content, len(content))
