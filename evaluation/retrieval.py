"""Retrieval of a conversation's situation by a SEM's sentence vector of the first utterance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from ..contract import SetupError
from ..contract.numerics import Indices
from ..contract.progress import Progress, ignore_progress, map_batches
from ..sem import EmbeddingSem, Sem
from .metrics import Estimate, mean_estimate, ratio_estimate

CUTS = (1, 5)
Embed: TypeAlias = Callable[[Sequence[str]], list[list[float]]]
"""From texts to one vector each."""


@dataclass(frozen=True, slots=True)
class RetrievalRow:
    """A query and its target."""

    conv_id: str
    """The conversation it comes from."""
    first: str
    """The first utterance; the query."""
    situation: str
    """The sentence that the speaker wrote before the conversation; the target."""


class RetrievalReport(BaseModel, frozen=True):
    """How often a conversation's situation is among the nearest to its first utterance."""

    encoder: str = Field(description="What encoded the texts")
    samples: int = Field(description="First utterances")
    situations: int = Field(description="Situations to choose from, equal ones counted each")
    recall: dict[str, Estimate] = Field(description="`at1`, `at5`")
    chance: dict[str, float] = Field(description="The same for situations drawn at random")
    share: dict[str, Estimate] | None = Field(
        default=None, description="The recall over that of the plain encoder on the same rows; resampled in pairs"
    )


def make_retrieval_row(row: dict[str, Any]) -> RetrievalRow:
    """Parse one row of a file of conversations.

    Raises:
        ValueError: It has no situation, or no first utterance.
    """
    situation, first = row["situation"], row["utterances"][0]["text"]
    if not all(isinstance(text, str) and text.strip() for text in (situation, first)):
        raise ValueError("no situation, or no first utterance")
    return RetrievalRow(str(row["conv_id"]), first, situation)


def embedding_function(sem: Sem) -> Embed:
    """Return the function that computes a SEM's sentence vectors.

    Raises:
        SetupError: The SEM has none.
    """
    if not isinstance(sem, EmbeddingSem):
        raise SetupError(f"SEM {sem.description.name!r} gives no sentence vectors; choose one with `embed`")
    return sem.embed


def situation_ranks(
    embed: Embed,
    rows: Sequence[RetrievalRow],
    pool: Sequence[RetrievalRow],
    progress: Progress = ignore_progress,
) -> Indices:
    """Return for each row how many other situations are nearer to its first utterance, [rows].

    A situation with the very same text counts as the right one, and of equally near ones the
    earlier comes first.

    The pool are the rows whose situations are searched, `rows` among them.
    """
    texts = list(dict.fromkeys([row.situation for row in pool] + [row.first for row in rows]))
    vectors = map_batches(embed, texts, size=256, task="sentence vectors", progress=progress)
    index = {text: number for number, text in enumerate(texts)}
    matrix = _normalise(np.array(vectors, dtype=np.float32))
    targets = np.array([index[row.situation] for row in pool])
    ranks = [_rank(matrix[index[row.first]], matrix[targets], targets == index[row.situation]) for row in rows]
    return np.array(ranks, dtype=np.int64)


def report_retrieval(
    encoder: str,
    ranks: Indices,
    rows: Sequence[RetrievalRow],
    pool: Sequence[RetrievalRow],
    against: Indices | None = None,
) -> RetrievalReport:
    """Return the recall of ranks, also relative to those of another encoder on the same rows if there is one."""
    conversations = [row.conv_id for row in rows]
    hits = {f"at{k}": (ranks < k).astype(float) for k in CUTS}
    share = None
    if against is not None:
        share = {f"at{k}": ratio_estimate(hits[f"at{k}"], (against < k).astype(float), conversations) for k in CUTS}
    return RetrievalReport(
        encoder=encoder,
        samples=len(rows),
        situations=len(pool),
        recall={name: mean_estimate(values, conversations) for name, values in hits.items()},
        chance={f"at{k}": _chance(rows, pool, k) for k in CUTS},
        share=share,
    )


def _rank(query: NDArray[np.float32], pool: NDArray[np.float32], right: NDArray[np.bool_]) -> int:
    similarity = pool @ query
    best = int(np.flatnonzero(right)[similarity[right].argmax()])
    earlier = np.arange(len(similarity)) < best
    before = (similarity > similarity[best]) | ((similarity == similarity[best]) & earlier)
    return int((before & ~right).sum())


def _normalise(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def _chance(rows: Sequence[RetrievalRow], pool: Sequence[RetrievalRow], k: int) -> float:
    """Return the probability that one of k situations drawn without replacement is a right one."""
    counts = Counter(row.situation for row in pool)
    missed = {
        count: np.prod([max(0.0, 1 - count / (len(pool) - drawn)) for drawn in range(min(k, len(pool)))])
        for count in set(counts.values())
    }
    return float(np.mean([1 - missed[counts[row.situation]] for row in rows]))
