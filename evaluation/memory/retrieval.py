"""Whether a SEM's sentence vectors find what a conversation is about from its first utterance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ...contract import SetupError
from ...sem import EmbeddingSem, Sem
from ..metrics import Estimate, Indices, mean_estimate, ratio_estimate

CUTS = (1, 5)
Embed: TypeAlias = Callable[[Sequence[str]], list[list[float]]]
"""From texts to a vector each."""


@dataclass(frozen=True, slots=True)
class RetrievalRow:
    """What is looked for, and with what."""

    conv_id: str
    """Where it comes from."""
    first: str
    """The first utterance; the query."""
    situation: str
    """The sentence that the speaker wrote before the conversation; to be found."""


class RetrievalReport(BaseModel):
    """How often a conversation's situation is among the nearest to its first utterance."""

    model_config = ConfigDict(frozen=True)

    encoder: str = Field(description="What gave the vectors")
    samples: int = Field(description="First utterances")
    situations: int = Field(description="Situations to choose from, equal ones counted each")
    recall: dict[str, Estimate] = Field(description="`at1`, `at5`")
    chance: dict[str, float] = Field(description="The same for situations drawn at random")
    share: dict[str, Estimate] | None = Field(
        default=None, description="The recall over that of the plain encoder on the same rows, drawn in pairs"
    )


def make_retrieval_row(row: dict[str, Any]) -> RetrievalRow:
    """Return one row of a file of conversations.

    Raises:
        ValueError: It has no situation, or no first utterance.
    """
    situation, first = row["situation"], row["utterances"][0]["text"]
    if not all(isinstance(text, str) and text.strip() for text in (situation, first)):
        raise ValueError("no situation, or no first utterance")
    return RetrievalRow(str(row["conv_id"]), first, situation)


def embedding_function(sem: Sem) -> Embed:
    """Return what gives a SEM's sentence vectors.

    Raises:
        SetupError: It gives none.
    """
    if not isinstance(sem, EmbeddingSem):
        raise SetupError(f"SEM {sem.description.name!r} gives no sentence vectors; choose one with `embed`")
    return sem.embed


def situation_ranks(
    embed: Embed,
    rows: Sequence[RetrievalRow],
    pool: Sequence[RetrievalRow],
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Indices:
    """Return for each row how many other situations are nearer to its first utterance, [rows].

    A situation with the very same text counts as the right one, and of equally near ones the
    earlier comes first.

    Args:
        embed: What gives the vectors.
        rows: What is looked for.
        pool: Where it is looked for; it holds the rows.
        report: Told how many texts are encoded, of how many.
    """
    texts = list(dict.fromkeys([row.situation for row in pool] + [row.first for row in rows]))
    vectors: list[list[float]] = []
    for start in range(0, len(texts), 256):
        vectors += embed(texts[start : start + 256])
        report(len(vectors), len(texts))
    known = {text: place for place, text in enumerate(texts)}
    matrix = _unit(np.array(vectors, dtype=np.float32))
    held = np.array([known[row.situation] for row in pool])
    found = [_rank(matrix[known[row.first]], matrix[held], held == known[row.situation]) for row in rows]
    return np.array(found, dtype=np.int64)


def report_retrieval(
    encoder: str,
    ranks: Indices,
    rows: Sequence[RetrievalRow],
    pool: Sequence[RetrievalRow],
    against: Indices | None = None,
) -> RetrievalReport:
    """Return the figures of ranks, beside those of another encoder on the same rows where there is one."""
    groups = [row.conv_id for row in rows]
    hits = {f"at{k}": (ranks < k).astype(float) for k in CUTS}
    share = None
    if against is not None:
        share = {f"at{k}": ratio_estimate(hits[f"at{k}"], (against < k).astype(float), groups) for k in CUTS}
    return RetrievalReport(
        encoder=encoder,
        samples=len(rows),
        situations=len(pool),
        recall={name: mean_estimate(values, groups) for name, values in hits.items()},
        chance={f"at{k}": _chance(rows, pool, k) for k in CUTS},
        share=share,
    )


def _rank(query: NDArray[np.float32], pool: NDArray[np.float32], right: NDArray[np.bool_]) -> int:
    near = pool @ query
    best = int(np.flatnonzero(right)[near[right].argmax()])
    before = (near > near[best]) | ((near == near[best]) & (np.arange(len(near)) < best))
    return int((before & ~right).sum())


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def _chance(rows: Sequence[RetrievalRow], pool: Sequence[RetrievalRow], k: int) -> float:
    """Return how often one of k situations drawn without replacement is a right one."""
    counts = Counter(row.situation for row in pool)
    missed = {
        count: np.prod([max(0.0, 1 - count / (len(pool) - drawn)) for drawn in range(min(k, len(pool)))])
        for count in set(counts.values())
    }
    return float(np.mean([1 - missed[counts[row.situation]] for row in rows]))
