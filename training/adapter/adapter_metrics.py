"""How well a model foresees the label and the reply, without and with an adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

import torch
from torch.nn import functional

from .adapter_samples import Exchange, Lesson, Writer
from .shared_prefix import score

PART = 16
"""Lessons a batch."""


@dataclass(frozen=True, slots=True)
class AdapterFigures:
    """Figures over listener turns."""

    turns: int
    """How many."""
    top1: float
    """How often the label's first token is the likeliest of the labels'; no calibration by content-free prompts."""
    top5: float
    """How often it is among the five likeliest."""
    perplexity: float
    """Of the human replies and their end, per token, with the emotion and the cause words in the prompt."""
    word_perplexity: float
    """The same likelihood per word."""


def measure(
    model: Any, writer: Writer, rows: Sequence[Exchange], firsts: Sequence[int], labels: Sequence[str]
) -> AdapterFigures:
    """Return the figures of a model on exchanges."""
    lessons = [writer.write(row) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: len(lessons[i].ids))
    hits1 = hits5 = tokens = words = 0
    lost = 0.0
    for start in range(0, len(order), PART):
        part = order[start : start + PART]
        ranks, nats = _part(model, [lessons[i] for i in part], firsts, [labels.index(rows[i].emotion) for i in part])
        hits1, hits5 = hits1 + sum(rank < 1 for rank in ranks), hits5 + sum(rank < 5 for rank in ranks)
        lost += nats
        tokens += sum(len(lessons[i].reply) for i in part)
        words += sum(len(rows[i].reply.split()) for i in part)
    return AdapterFigures(len(rows), hits1 / len(rows), hits5 / len(rows), exp(lost / tokens), exp(lost / words))


def _part(
    model: Any, lessons: Sequence[Lesson], firsts: Sequence[int], wanted: Sequence[int]
) -> tuple[list[int], float]:
    """Return the true label's rank of each lesson, and the nats of all replies."""
    with torch.inference_mode():
        scores = score(model, lessons)
        nats = functional.cross_entropy(scores.logits, scores.wanted, reduction="none")[~scores.judged].sum()
        own = scores.logits[scores.first][:, list(firsts)]
        ranks = (own > own[torch.arange(len(lessons)), torch.tensor(wanted)][:, None]).sum(1)
    return ranks.tolist(), float(nats)
