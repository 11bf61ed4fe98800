"""How much of the spans that people marked as causes in a dialogue a SEM's cause words cover (RECCON)."""

from __future__ import annotations

import gzip
import json
import random
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ...contract import Cause, SetupError
from ...contract.dialogue import Word
from ...contract.text import is_content_word, word_spans
from ...data.cause_annotations import MarkedDialogue
from ...sem import Sem
from ...sem.runtime.cause_ranking import candidates
from ..metrics import Array, Estimate, mean_estimate


class SpanReport(BaseModel):
    """Agreement with marked spans in content words, averaged over dialogues (RECCON, Poria et al., 2021)."""

    model_config = ConfigDict(frozen=True)

    sem: str = Field(description="Name of the SEM")
    samples: int = Field(description="Utterances with an emotion and a cause of the speaker's own")
    seconds: float = Field(description="Time for all of them")
    precision: Estimate = Field(description="Share of the named content words that stand in a span")
    recall: Estimate = Field(description="Share of the spans' content words that are named")
    f1: Estimate = Field(description="Harmonic mean of both, a dialogue at a time")
    chance: float = Field(description="F1 of as many content words of the speaker's, drawn at random")
    everything: float = Field(description="F1 of all content words of the speaker's")


def holds_spans(path: Path) -> bool:
    """Say whether a file's first row is a dialogue with spans rather than a sentence with words."""
    opened = gzip.open(path) if path.suffix == ".gz" else path.open("rb")
    with opened as lines:
        try:
            return "turns" in json.loads(next(iter(lines), b"null"))
        except (ValueError, TypeError):
            return False


def evaluate_spans(
    sem: Sem,
    rows: Sequence[MarkedDialogue],
    *,
    seed: int = 0,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> SpanReport:
    """Ask the SEM for the cause words of each dialogue's emotion and compare them with the marked spans.

    Raises:
        SetupError: There are no dialogues.
    """
    if not rows:
        raise SetupError(
            f"no utterance has a cause of its speaker's and an emotion that {sem.description.name!r} knows"
        )
    started = time.perf_counter()
    found: list[set[Word]] = []
    for start in range(0, len(rows), 64):
        part = rows[start : start + 64]
        answers = sem.causes([row.turns for row in part], [row.emotion for row in part])
        found += [_named(row, causes) for row, causes in zip(part, answers, strict=True)]
        report(len(found), len(rows))
    seconds = time.perf_counter() - started
    gold = [{word for word in row.places if _has_content(row, word)} or set(row.places) for row in rows]
    own = [candidates(row.turns) for row in rows]
    chance = random.Random(seed)
    drawn = [set(chance.sample(words, min(len(words), len(named)))) for words, named in zip(own, found, strict=True)]
    agreed = _agreement(found, gold)
    groups = [row.conv_id for row in rows]
    precision, recall, f1 = (mean_estimate(agreed[:, place], groups) for place in range(3))
    return SpanReport(
        sem=sem.description.name,
        samples=len(rows),
        seconds=round(seconds, 2),
        precision=precision,
        recall=recall,
        f1=f1,
        chance=float(_agreement(drawn, gold)[:, 2].mean()),
        everything=float(_agreement([set(words) for words in own], gold)[:, 2].mean()),
    )


def _named(row: MarkedDialogue, causes: Sequence[Cause]) -> set[Word]:
    """Return the content words of ranked causes at their places."""
    words = {
        Word(cause.turn, cause.start + start, cause.start + end)
        for cause in causes
        for start, end in word_spans(cause.text)
    }
    return {word for word in words if _has_content(row, word)} or words


def _has_content(row: MarkedDialogue, word: Word) -> bool:
    return is_content_word(row.turns[word.turn].text[word.start : word.end])


def _agreement(found: Sequence[Collection[Word]], gold: Sequence[set[Word]]) -> Array:
    """Return precision, recall and F1 of each dialogue, [dialogues, 3]."""
    rows = []
    for named, marked in zip(found, gold, strict=True):
        both = len(marked.intersection(named))
        rows.append((both / max(1, len(named)), both / len(marked), 2 * both / (len(named) + len(marked))))
    return np.array(rows)
