"""Past turns in the prompts of replies: some tell what the dialogue leaves out, some have nothing to do with it."""

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
"""Other people's turns that strangers are drawn from."""
NEAREST = 8
"""So many of the pool's turns are near enough to be taken for the person's own."""
MOST = 3
"""Memories of a prompt at most, as recalled by default."""


def with_memories(found: Sequence[Exchange], sem: Sem, share: float, seed: str) -> list[Exchange]:
    """Give a share of the exchanges past turns of the speaker.

    No conversation of the training data has a past. Half of those with several turns of the speaker lose their
    first ones, which come back as memories that the reply can build on; the rest see turns of other people that
    are near in meaning, as recall may bring them, so that what does not bear on the dialogue is passed over.

    Args:
        found: The exchanges.
        sem: Its sentence vectors say what is near; of one without, strangers are drawn at random.
        share: Share of exchanges with memories.
        seed: Of the draws.
    """
    chance = random.Random(f"{seed}:memories")
    chosen = [at for at in range(len(found)) if chance.random() < share]
    pool = [found[at] for at in sorted(chance.sample(range(len(found)), min(POOL, len(found))))]
    near = _near(sem, [found[at] for at in chosen], pool)
    given = list(found)
    for at, places in zip(chosen, near, strict=True):
        strangers = [pool[place] for place in places if pool[place].conv_id != found[at].conv_id][:NEAREST]
        given[at] = _given(found[at], strangers, chance)
    return given


def _given(exchange: Exchange, strangers: Sequence[Exchange], chance: random.Random) -> Exchange:
    kept, own = exchange.turns, tuple[Memory, ...]()
    if chance.random() < 0.5:
        kept, own = _cut(exchange, chance)
    others = chance.sample(strangers, min(len(strangers), chance.randint(not own, MOST - len(own))))
    shown = [*own, *(_memory(stranger.turns[-1], stranger.emotion) for stranger in others)]
    chance.shuffle(shown)
    return replace(exchange, turns=kept, memories=tuple(shown))


def _cut(exchange: Exchange, chance: random.Random) -> tuple[tuple[Turn, ...], tuple[Memory, ...]]:
    """Return the last turns, from a turn of the speaker on, and the speaker's turns before them as memories."""
    starts = [at for at, turn in enumerate(exchange.turns) if at and turn.role == "speaker"]
    if not starts:
        return exchange.turns, ()
    start = chance.choice(starts)
    told = [turn for turn in exchange.turns[:start] if turn.role == "speaker"]
    return exchange.turns[start:], tuple(_memory(turn, exchange.emotion) for turn in told[-MOST + 1 :])


def _memory(turn: Turn, emotion: str) -> Memory:
    return Memory(id="", text=turn.text, emotion=emotion)


def _near(sem: Sem, asked: Sequence[Exchange], pool: Sequence[Exchange]) -> list[list[int]]:
    """Return for each exchange the pool's places, those first whose last turn is nearest to its own."""
    if not asked or not isinstance(sem, EmbeddingSem):
        return [list(range(len(pool)))] * len(asked)
    closeness = _vectors(sem, asked) @ _vectors(sem, pool).T
    nearest: list[list[int]] = np.argsort(-closeness, axis=1)[:, : 2 * NEAREST].tolist()
    return nearest


def _vectors(sem: EmbeddingSem, rows: Sequence[Exchange]) -> NDArray[np.float32]:
    texts = [row.turns[-1].text for row in rows]
    parts = (sem.embed(texts[start : start + 256]) for start in range(0, len(texts), 256))
    return np.array([vector for part in parts for vector in part], dtype=np.float32)
