"""Recall: which of a user's past turns bear on what is said now."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from langgraph.store.base import BaseStore, SearchItem, SearchOp

from ..contract import Memory, RecallWeights
from .near_duplicates import distinct
from .relevance import Candidate, rank
from .serialisation import from_item
from .store_queries import Question, aanswer, answer, every
from .user_namespaces import user_namespace

OVERFETCH = 32
"""Candidates beyond those that are wanted; so many nearer in meaning can be passed by the rest of the formula."""


@dataclass(frozen=True, slots=True)
class RecallQuery:
    """What one recall looks for."""

    query: str
    limit: int
    weights: RecallWeights
    now: float
    thread: str | None
    held: frozenset[str] = field(default_factory=frozenset)

    def best(self, items: Iterable[SearchItem]) -> list[Candidate]:
        """Return the candidates among items, the most relevant first, without what the prompt holds."""
        found = [Candidate(memory, item.score) for item in items if (memory := from_item(item)) is not None]
        return rank([one for one in found if not self._at_hand(one.memory)], self.query, self.weights, self.now)

    def _at_hand(self, memory: Memory) -> bool:
        return self.thread is not None and memory.thread == self.thread and memory.text in self.held


def recall_turns(
    store: BaseStore,
    user_id: str,
    query: str,
    limit: int = 3,
    *,
    weights: RecallWeights | None = None,
    thread: str | None = None,
    held: Collection[str] = (),
    now: float | None = None,
) -> list[Memory]:
    """Return a user's past turns that bear on a text, the most relevant first.

    The most similar turns are fetched from the store and ranked by meaning, words, detail, recency and
    emotion joined (see `RecallWeights`); of near-duplicates the best is kept. In a store without an index,
    and where meaning has no weight, all turns are ranked by the rest; for a blank text the newest come first.

    Args:
        store: Any LangGraph store.
        user_id: Whose turns.
        query: What they should bear on.
        limit: How many at most.
        weights: What counts how much; by default as `RecallWeights()`.
        thread: The conversation that goes on.
        held: What the person said of it that is at hand already; these turns of the thread are left out.
        now: Unix time in seconds that ages are measured from; by default the present.
    """
    wanted = _wanted(query, limit, weights, thread, held, now)
    return answer(store, _recall(user_namespace(user_id), wanted))


async def arecall_turns(
    store: BaseStore,
    user_id: str,
    query: str,
    limit: int = 3,
    *,
    weights: RecallWeights | None = None,
    thread: str | None = None,
    held: Collection[str] = (),
    now: float | None = None,
) -> list[Memory]:
    """Return past turns as `recall_turns` does, without blocking the event loop."""
    wanted = _wanted(query, limit, weights, thread, held, now)
    return await aanswer(store, _recall(user_namespace(user_id), wanted))


def fit_token_budget(memories: Sequence[Memory], budget: int, tokens: Callable[[Memory], int]) -> list[Memory]:
    """Return the memories that fit a budget, the first ones first; a long one that does not is passed over.

    Args:
        memories: The most relevant first.
        budget: Tokens at most.
        tokens: How many a memory takes where it is shown.
    """
    kept: list[Memory] = []
    for memory in memories:
        cost = tokens(memory)
        if cost <= budget:
            kept.append(memory)
            budget -= cost
    return kept


def _wanted(
    query: str, limit: int, weights: RecallWeights | None, thread: str | None, held: Collection[str], now: float | None
) -> RecallQuery:
    now = time.time() if now is None else now
    return RecallQuery(query, limit, weights or RecallWeights(), now, thread, frozenset(held))


def _recall(namespace: tuple[str, ...], wanted: RecallQuery) -> Question[list[Memory]]:
    if wanted.limit < 1:
        return []
    size = wanted.limit + len(wanted.held) + OVERFETCH
    while wanted.query.strip() and wanted.weights.similarity:
        found = yield SearchOp(namespace, None, size, 0, wanted.query)
        if not any(item.score is not None for item in found):
            break
        chosen = _chosen(wanted, [item for item in found if item.namespace == namespace])
        if len(found) < size or _below_threshold(found[-1], wanted) or _top_k_stable(found, chosen, wanted):
            return chosen
        size *= 4
    everything = yield from every(namespace)
    return _chosen(wanted, everything)


def _chosen(wanted: RecallQuery, items: Iterable[SearchItem]) -> list[Memory]:
    return distinct((candidate.memory for candidate in wanted.best(items)), wanted.limit)


def _below_threshold(item: SearchItem, wanted: RecallQuery) -> bool:
    """Say whether what is no nearer than an item cannot be recalled."""
    return item.score is not None and item.score < wanted.weights.min_similarity


def _top_k_stable(found: Sequence[SearchItem], chosen: Sequence[Memory], wanted: RecallQuery) -> bool:
    """Say whether enough is chosen, and the page does not end among equals of it: better ones may lie beyond."""
    kept = {memory.id for memory in chosen}
    equal = any(item.key in kept and _closeness(item) <= _closeness(found[-1]) for item in found)
    return len(chosen) == wanted.limit and not equal


def _closeness(item: SearchItem) -> float:
    return float("-inf") if item.score is None else round(item.score, 6)
