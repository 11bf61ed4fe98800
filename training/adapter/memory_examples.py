"""Memories in the prompts of replies: some complete the dialogue, some are unrelated to it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...contract import Memory, Turn
from ...sem import EmbeddingSem, Sem
from .adapter_samples import Exchange

POOL = 2048
"""Other speakers' turns that unrelated memories are drawn from."""
NEAREST = 8
"""Number of the pool's nearest turns that an unrelated memory is drawn from."""
MAX_MEMORIES = 3
"""Maximum number of memories per prompt, the default of recall."""


def with_memories(rows: Sequence[Exchange], sem: Sem, share: float, seed: str) -> list[Exchange]:
    """Return the exchanges, a share of them with past turns as memories.

    No conversation of the training data has a past. Half of those with several turns of the speaker lose their
    first ones, which come back as memories that the reply can build on; the rest get turns of other speakers that
    are near in meaning, as recall may return them, so that the model learns to ignore unrelated memories.

    Args:
        rows: The exchanges.
        sem: Its sentence vectors define what is near; without sentence vectors other turns are drawn at random.
        share: Share of exchanges with memories.
        seed: Seed of the random draws.
    """
    rng = random.Random(f"{seed}:memories")
    selected = [i for i in range(len(rows)) if rng.random() < share]
    pool = [rows[i] for i in sorted(rng.sample(range(len(rows)), min(POOL, len(rows))))]
    nearest = _nearest(sem, [rows[i] for i in selected], pool)
    result = list(rows)
    for i, neighbours in zip(selected, nearest, strict=True):
        others = [pool[j] for j in neighbours if pool[j].conv_id != rows[i].conv_id][:NEAREST]
        result[i] = _add_memories(rows[i], others, rng)
    return result


def _add_memories(exchange: Exchange, others: Sequence[Exchange], rng: random.Random) -> Exchange:
    turns, past = exchange.turns, tuple[Memory, ...]()
    if rng.random() < 0.5:
        turns, past = _split_off_past(exchange, rng)
    drawn = rng.sample(others, min(len(others), rng.randint(not past, MAX_MEMORIES - len(past))))
    memories = [*past, *(_memory(other.turns[-1], other.emotion) for other in drawn)]
    rng.shuffle(memories)
    return replace(exchange, turns=turns, memories=tuple(memories))


def _split_off_past(exchange: Exchange, rng: random.Random) -> tuple[tuple[Turn, ...], tuple[Memory, ...]]:
    """Return the last turns, beginning with the speaker's, and the speaker's turns before them as memories."""
    starts = [i for i, turn in enumerate(exchange.turns) if i and turn.role == "speaker"]
    if not starts:
        return exchange.turns, ()
    start = rng.choice(starts)
    past = [turn for turn in exchange.turns[:start] if turn.role == "speaker"]
    return exchange.turns[start:], tuple(_memory(turn, exchange.emotion) for turn in past[-MAX_MEMORIES + 1 :])


def _memory(turn: Turn, emotion: str) -> Memory:
    return Memory(id="", text=turn.text, emotion=emotion)


def _nearest(sem: Sem, rows: Sequence[Exchange], pool: Sequence[Exchange]) -> list[list[int]]:
    """Return for each exchange indices of the pool, nearest last turn first."""
    if not rows or not isinstance(sem, EmbeddingSem):
        return [list(range(len(pool)))] * len(rows)
    similarity = _vectors(sem, rows) @ _vectors(sem, pool).T
    nearest: list[list[int]] = np.argsort(-similarity, axis=1)[:, : 2 * NEAREST].tolist()
    return nearest


def _vectors(sem: EmbeddingSem, rows: Sequence[Exchange]) -> NDArray[np.float32]:
    texts = [row.turns[-1].text for row in rows]
    batches = (sem.embed(texts[start : start + 256]) for start in range(0, len(texts), 256))
    return np.array([vector for batch in batches for vector in batch], dtype=np.float32)
