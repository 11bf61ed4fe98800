"""Recall: which of a user's past turns bear on a text."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from langgraph.store.base import BaseStore, SearchItem

from ..contract import Memory, RecallWeights
from ..contract.sync_async import maybe_await, run_sync
from .relevance import Candidate, drop_duplicates, rank
from .turns import Search, list_items, memory_from_item, user_namespace

OVERFETCH = 32
"""Candidates that are fetched beyond the limit: so many more similar ones may the rest of the formula rank lower."""
_GROWTH = 4
"""Factor by which more candidates are fetched when the best are not certain yet."""
MAX_FETCHED = 500
"""Candidates after which no more are fetched: a person may have said the same thousands of times."""
_SCORE_DECIMALS = 6
"""Decimals to which two similarities are compared."""


@dataclass(frozen=True, slots=True)
class RecallQuery:
    """Arguments of one recall."""

    text: str
    """What the turns should bear on."""
    limit: int
    """Maximum number of turns."""
    weights: RecallWeights
    """Weights of the parts of relevance."""
    now: float
    """Unix time in seconds that ages are measured from."""
    thread: str | None
    """The present conversation."""
    already_in_prompt: frozenset[str]
    """Texts of the thread that are left out."""

    def best(self, items: Iterable[SearchItem]) -> list[Memory]:
        """Return the most relevant turns among items, without duplicates and what the prompt has already."""
        candidates = [
            Candidate(memory, item.score)
            for item in items
            if (memory := memory_from_item(item)) is not None
            and not memory.never_recall
            and not self._is_in_prompt(memory)
        ]
        ranked = rank(candidates, self.text, self.weights, self.now)
        return drop_duplicates((candidate.memory for candidate in ranked), self.limit)

    def _is_in_prompt(self, memory: Memory) -> bool:
        return self.thread is not None and memory.thread == self.thread and memory.text in self.already_in_prompt


def recall_turns(
    store: BaseStore,
    user_id: str,
    query: str,
    limit: int = 3,
    *,
    weights: RecallWeights | None = None,
    thread: str | None = None,
    already_in_prompt: Collection[str] = (),
    now: float | None = None,
    character: str | None = None,
) -> list[Memory]:
    """Return a user's past turns that bear on a text, the most relevant first.

    The most similar turns are fetched from the store and ranked by similarity, shared words, length, recency and
    emotion (see `RecallWeights`); of near-duplicates the best is kept. No more than the 500 most similar are ranked, so
    what was said more often than that in the same words leaves fewer turns than `limit`. What is marked
    `never_recall` is left out. In a store without an index,
    and where similarity has no weight, all turns are ranked by the rest; for a blank text the newest come first.

    Args:
        store: Any LangGraph store.
        user_id: Whose turns.
        query: What they should bear on.
        limit: How many at most.
        weights: Weights of the parts of relevance; by default `RecallWeights()`.
        thread: The present conversation.
        already_in_prompt: Texts of it that the prompt has already; these turns of the thread are left out.
        now: Unix time in seconds that ages are measured from; by default the present.
        character: The character whose memories of the user they are; None for those of talks without one.
    """
    arguments = _recall_query(query, limit, weights, thread, already_in_prompt, now)
    return run_sync(_recall(store.search, user_namespace(user_id, character), arguments))


async def arecall_turns(
    store: BaseStore,
    user_id: str,
    query: str,
    limit: int = 3,
    *,
    weights: RecallWeights | None = None,
    thread: str | None = None,
    already_in_prompt: Collection[str] = (),
    now: float | None = None,
    character: str | None = None,
) -> list[Memory]:
    """Return past turns as `recall_turns` does, without blocking the event loop."""
    arguments = _recall_query(query, limit, weights, thread, already_in_prompt, now)
    return await _recall(store.asearch, user_namespace(user_id, character), arguments)


def fit_token_budget(memories: Sequence[Memory], budget: int, tokens: Callable[[Memory], int]) -> list[Memory]:
    """Return the memories that fit a budget, the first ones first; one that is too long for the rest is skipped.

    Args:
        memories: The most relevant first.
        budget: Maximum number of tokens.
        tokens: Function that returns the tokens of a memory in the prompt.
    """
    fitting: list[Memory] = []
    for memory in memories:
        cost = tokens(memory)
        if cost <= budget:
            fitting.append(memory)
            budget -= cost
    return fitting


def _recall_query(
    query: str,
    limit: int,
    weights: RecallWeights | None,
    thread: str | None,
    already_in_prompt: Collection[str],
    now: float | None,
) -> RecallQuery:
    now = time.time() if now is None else now
    return RecallQuery(query, limit, weights or RecallWeights(), now, thread, frozenset(already_in_prompt))


async def _recall(search: Search, namespace: tuple[str, ...], query: RecallQuery) -> list[Memory]:
    """Fetch the most similar items, more and more up to a limit, until no other could be among the best."""
    if query.limit < 1:
        return []
    size = query.limit + len(query.already_in_prompt) + OVERFETCH
    max_size = max(size, MAX_FETCHED)
    while query.text.strip() and query.weights.similarity:
        items = await maybe_await(search(namespace, query=query.text, limit=size))
        if not any(item.score is not None for item in items):
            break
        own = [item for item in items if item.namespace == namespace]
        best = query.best(own)
        is_last = len(items) < size or len(own) >= max_size or _is_below_threshold(items[-1], query)
        if is_last or _is_top_k_stable(items, best, query):
            return best
        # What lies below the namespace, as a user's turns with characters do, takes no room of what may be ranked.
        size = min(size * _GROWTH, max_size) if len(own) == len(items) else size * _GROWTH
    return query.best(await list_items(search, namespace))


def _is_below_threshold(item: SearchItem, query: RecallQuery) -> bool:
    """Return whether items that are no more similar than this one cannot be recalled."""
    return item.score is not None and item.score < query.weights.min_similarity


def _is_top_k_stable(items: Sequence[SearchItem], best: Sequence[Memory], query: RecallQuery) -> bool:
    """Return whether there are enough, and none is as similar as the last item: better ones could be beyond it."""
    best_ids = {memory.id for memory in best}
    has_tie = any(item.key in best_ids and _similarity(item) <= _similarity(items[-1]) for item in items)
    return len(best) == query.limit and not has_tie


def _similarity(item: SearchItem) -> float:
    return float("-inf") if item.score is None else round(item.score, _SCORE_DECIMALS)
