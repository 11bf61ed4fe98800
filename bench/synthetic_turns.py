"""Made-up turns for speed figures of the memory, and vectors that cost nothing to have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from langchain_core.embeddings import Embeddings

from ..contract import Memory
from ..memory import turn_id

_NAMES = (
    "Adam Alice Anna Ben Bill Carl Cathy Clara Dan Dave Diana Ella Emma Eric Frank Fred George Grace Hannah Harry "
    "Helen Henry Jack Jane Joe John Kate Kevin Laura Lily Lisa Lucy Maria Mark Martha Mary Mike Nancy Nick Oliver"
).split()
_DEEDS = (
    "sold the house|called from the hospital|lost the keys|found a better job|broke the window|wrote a long letter|"
    "moved to the coast|won the race|forgot my birthday|fixed the roof|baked a cake|missed the last train|"
    "left the office early|bought a small boat|sang at the wedding|failed the exam|painted the kitchen"
).split("|")
_WHERE = ("on Sunday", "on day", "in week", "at half past", "in room", "on page", "in street")
_EMOTIONS = "joyful sad proud afraid angry lonely grateful".split()
_DAY = 86_400.0
_START = 1_700_000_000.0


def made_turn(number: int, users: int) -> tuple[str, Memory]:
    """Return a user and a turn of theirs, as long as a chat's; no two numbers have the same words.

    Two of three turns tell of two things, so that a turn has 2.3 vectors on average.

    Args:
        number: Which one, from 0.
        users: How many people there are; they speak in turns.
    """
    text = _told(number, 7)
    if (number + number // users) % 3:
        text += f", and {_told(number, 11)}"
    memory = Memory(
        id=turn_id(f"thread {number % users}", str(number)),
        text=f"{text}.",
        reply="That sounds like a lot at once. How do you feel about it today?",
        emotion=_EMOTIONS[number % len(_EMOTIONS)],
        probability=round(0.3 + (number % 61) / 100, 2),
        causes=(_NAMES[number % len(_NAMES)],),
        time=_START + number // users * _DAY + number % users,
        thread=f"thread {number % users}",
        turn=number // users + 1,
    )
    return f"user {number % users}", memory


def _told(number: int, step: int) -> str:
    """Return a clause."""
    at = number * step
    return f"{_NAMES[at % len(_NAMES)]} {_DEEDS[at % len(_DEEDS)]} {_WHERE[number % len(_WHERE)]} {number}"


class RandomVectors(Embeddings):
    """A random unit vector for each text, always the same one; those that were made ready are only looked up.

    The figures are to be those of the memory, so no time is spent on embedding while they are taken.
    """

    def __init__(self, dims: int) -> None:
        self.dims = dims
        self._ready: dict[str, list[float]] = {}

    def make_ready(self, texts: Iterable[str]) -> None:
        """Make the vectors of these texts, and drop all that were made before."""
        self._ready = {text: self._made(text) for text in texts}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector a text, [texts, dims]."""
        return [self._ready.get(text) or self._made(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a text, [dims]."""
        return self._ready.get(text) or self._made(text)

    def _made(self, text: str) -> list[float]:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        made = np.random.default_rng(seed).normal(size=self.dims)
        vector: list[float] = (made / np.linalg.norm(made)).tolist()
        return vector
