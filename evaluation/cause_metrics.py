"""Agreement of a SEM's cause words with human annotations: words of a situation, or spans of a dialogue.

EmoCause annotates words, RECCON spans; chance and an upper bound are reported with the agreement.
"""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from pydantic import BaseModel, Field

from ..contract import Cause, SetupError, Turn
from ..contract.dialogue import Word
from ..contract.numerics import Array
from ..contract.progress import Progress, ignore_progress, map_batches
from ..contract.text import is_content_word, word_spans
from ..data.cause_annotations import AnnotatedDialogue, CauseRow, cause_recall
from ..sem import Sem
from ..sem.runtime.cause_ranking import candidates
from .metrics import CUTS, Estimate, mean_estimate


class CauseReport(BaseModel, frozen=True):
    """Recall of the first k words, averaged over situations."""

    sem: str = Field(description="Name of the SEM")
    samples: int = Field(description="Situations")
    seconds: float = Field(description="Time for all of them")
    recall: dict[str, Estimate] = Field(description="`at1`, `at3`, `at5` of the SEM")
    chance: dict[str, float] = Field(description="The same for content words drawn at random")
    ceiling: dict[str, float] = Field(description="The same for the annotated words themselves: the maximum")


class SpanReport(BaseModel, frozen=True):
    """Agreement with annotated spans in content words, averaged over dialogues (RECCON, Poria et al., 2021)."""

    sem: str = Field(description="Name of the SEM")
    samples: int = Field(description="Utterances with an emotion and a cause in the speaker's own turns")
    seconds: float = Field(description="Time for all of them")
    precision: Estimate = Field(description="Share of the predicted content words that are part of a span")
    recall: Estimate = Field(description="Share of the spans' content words that are predicted")
    f1: Estimate = Field(description="Harmonic mean of both, per dialogue")
    chance: float = Field(description="F1 of as many content words of the speaker's, drawn at random")
    everything: float = Field(description="F1 of all content words of the speaker's")


def evaluate_causes(
    sem: Sem, rows: Sequence[CauseRow], *, seed: int = 0, progress: Progress = ignore_progress
) -> CauseReport:
    """Compare the SEM's cause words of each situation with the annotated ones.

    A predicted word counts as an annotated word that it starts or ends with, as in the paper.
    """
    dialogues = [([Turn("speaker", row.situation)], row.emotion) for row in rows]
    causes, seconds = _find_causes(sem, dialogues, progress)
    predicted = [_words(cause.text for cause in ranked) for ranked in causes]
    conversations = [row.conv_id for row in rows]
    rng = random.Random(seed)
    shuffled = [_shuffled_content_words(row.situation, rng) for row in rows]
    return CauseReport(
        sem=sem.description.name,
        samples=len(rows),
        seconds=round(seconds, 2),
        recall={f"at{k}": mean_estimate(_recalls(rows, predicted, k), conversations) for k in CUTS},
        chance={f"at{k}": float(_recalls(rows, shuffled, k).mean()) for k in CUTS},
        ceiling={f"at{k}": float(_recalls(rows, [row.causes for row in rows], k).mean()) for k in CUTS},
    )


def evaluate_spans(
    sem: Sem, rows: Sequence[AnnotatedDialogue], *, seed: int = 0, progress: Progress = ignore_progress
) -> SpanReport:
    """Compare the SEM's cause words of each dialogue's emotion with the annotated spans.

    Raises:
        SetupError: There are no dialogues.
    """
    if not rows:
        raise SetupError(f"no utterance has a cause in its speaker's turns and an emotion of {sem.description.name!r}")
    causes, seconds = _find_causes(sem, [(row.turns, row.emotion) for row in rows], progress)
    predicted = [_cause_words(row, ranked) for row, ranked in zip(rows, causes, strict=True)]
    annotated = [_content_words(row, row.cause_words) for row in rows]
    speakers = [candidates(row.turns) for row in rows]
    rng = random.Random(seed)
    drawn = [set(rng.sample(words, min(len(words), len(p)))) for words, p in zip(speakers, predicted, strict=True)]
    agreement = _agreement(predicted, annotated)
    conversations = [row.conv_id for row in rows]
    precision, recall, f1 = (mean_estimate(agreement[:, column], conversations) for column in range(3))
    return SpanReport(
        sem=sem.description.name,
        samples=len(rows),
        seconds=round(seconds, 2),
        precision=precision,
        recall=recall,
        f1=f1,
        chance=float(_agreement(drawn, annotated)[:, 2].mean()),
        everything=float(_agreement([set(words) for words in speakers], annotated)[:, 2].mean()),
    )


def _find_causes(
    sem: Sem, dialogues: Sequence[tuple[Sequence[Turn], str]], progress: Progress
) -> tuple[list[tuple[Cause, ...]], float]:
    """Return the SEM's causes of each dialogue's emotion, and the seconds that took."""
    started = time.perf_counter()
    causes = map_batches(
        lambda batch: sem.causes([turns for turns, _ in batch], [emotion for _, emotion in batch]),
        dialogues,
        task="causes",
        progress=progress,
    )
    return causes, time.perf_counter() - started


def _recalls(rows: Sequence[CauseRow], predicted: Sequence[Sequence[str]], k: int) -> Array:
    return np.array([cause_recall(words[:k], row.causes) for row, words in zip(rows, predicted, strict=True)])


def _words(texts: Iterable[str]) -> list[str]:
    """Return the words of ranked spans, lower case, each once."""
    return list(dict.fromkeys(text[start:end].lower() for text in texts for start, end in word_spans(text)))


def _shuffled_content_words(situation: str, rng: random.Random) -> list[str]:
    words = _words([situation])
    content = [word for word in words if is_content_word(word)] or words
    return rng.sample(content, len(content))


def _cause_words(row: AnnotatedDialogue, causes: Sequence[Cause]) -> set[Word]:
    """Return the content words of ranked causes with their positions."""
    return _content_words(
        row,
        [
            Word(cause.turn, cause.start + start, cause.start + end)
            for cause in causes
            for start, end in word_spans(cause.text)
        ],
    )


def _content_words(row: AnnotatedDialogue, words: Sequence[Word]) -> set[Word]:
    """Return the words that carry content, or all where none does."""
    content = {word for word in words if is_content_word(row.turns[word.turn].text[word.start : word.end])}
    return content or set(words)


def _agreement(predicted: Sequence[Collection[Word]], annotated: Sequence[set[Word]]) -> Array:
    """Return precision, recall and F1 per dialogue, [dialogues, 3]."""
    rows = []
    for words, truth in zip(predicted, annotated, strict=True):
        both = len(truth.intersection(words))
        rows.append((both / max(1, len(words)), both / len(truth), 2 * both / (len(words) + len(truth))))
    return np.array(rows)
