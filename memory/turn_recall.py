"""Recall: which of a user's past turns bear on a text."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from langgraph.store.base import BaseStore, GetOp, Item, Op, SearchItem, SearchOp

from ..contract import Memory, RecallWeights, Why
from ..contract.sync_async import maybe_await, run_sync
from .broad_question import asks_for_all
from .lifetime import is_hidden, refreshes
from .pins import MAX_WISHES, PINS, Batch, pinned_ids, pins_op, wish_ids
from .relevance import Candidate, drop_duplicates, rank
from .spread import spread
from .turns import Search, list_items, memory_from_item, user_namespace

OVERFETCH = 32
"""Candidates that are fetched beyond the limit: so many more similar ones may the rest of the formula rank lower."""
_GROWTH = 4
"""Factor by which more candidates are fetched when the best are not certain yet."""
MAX_FETCHED = 500
"""Candidates after which no more are fetched: a person may have said the same thousands of times."""
MAX_PINNED = 50
"""Pinned turns that are recalled; of more those that were pinned last."""
_WISH_SHARE = 0.5
"""Share of a turn's characters above which it consists of its wish."""
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
    with_pinned: bool
    """Whether the pinned turns come first."""
    spread_limit: int
    """Maximum number of turns for a question after all that is remembered; 0 where it is a text like any other."""

    def best(self, items: Iterable[Item], pinned: Sequence[Memory] = ()) -> list[Memory]:
        """Return the most relevant turns among items, without duplicates and what the prompt has already.

        Args:
            items: The items.
            pinned: Turns that are recalled before them.
        """
        candidates = [
            Candidate(memory, getattr(item, "score", None))
            for item in items
            if (memory := self.recallable(item)) is not None
            and not (self.with_pinned and (memory.pinned or _is_wish_alone(memory)))
        ]
        ranked = rank(candidates, self.text, self.weights, self.now)
        told = [memory for memory in pinned if memory.pinned]
        return [candidate.with_why() for candidate in drop_duplicates(ranked, self.limit, told)]

    def pinned(self, items: Iterable[Item]) -> list[Memory]:
        """Return the pinned turns among items, the newest first."""
        turns = [memory for item in items if (memory := self.recallable(item)) is not None and memory.pinned]
        newest_first = sorted(turns, key=lambda memory: memory.time, reverse=True)
        return [memory.model_copy(update={"why": Why(by="pinned")}) for memory in newest_first]

    def wishes(self, items: Iterable[Item]) -> list[Memory]:
        """Return the turns among items that hold a wish, the oldest first, as a later one may take it back."""
        turns = [memory for item in items if (memory := self.recallable(item)) is not None and memory.wish.strip()]
        in_time = sorted(turns, key=lambda memory: memory.time)
        by_words = {(memory.name, memory.wish.casefold()): memory for memory in in_time}
        newest = sorted(by_words.values(), key=lambda memory: memory.time)[-MAX_WISHES:]
        return [memory.model_copy(update={"why": Why(by="wish")}) for memory in newest]

    def recallable(self, item: Item) -> Memory | None:
        """Return the turn of an item, None where it may not be recalled, or the prompt has it already."""
        memory = None if is_hidden(item.value, self.now) else memory_from_item(item)
        return None if memory is None or memory.never_recall or self._is_in_prompt(memory) else memory

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
    with_pinned: bool = False,
    spread_limit: int = 0,
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
        with_pinned: Whether what the person asked for from then on and all pinned turns, at most 50, come first, beside
            `limit` others.
        spread_limit: How many at most for a text that asks what is remembered at all ("what do you remember about
            me?"): a spread of what is stored, new, strong and telling turns; 0 for what is most similar, as ever.
    """
    arguments = _recall_query(query, limit, weights, thread, already_in_prompt, now, with_pinned, spread_limit)
    return run_sync(_recall(store, store.search, store.batch, user_namespace(user_id, character), arguments))


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
    with_pinned: bool = False,
    spread_limit: int = 0,
) -> list[Memory]:
    """Return past turns as `recall_turns` does, without blocking the event loop."""
    arguments = _recall_query(query, limit, weights, thread, already_in_prompt, now, with_pinned, spread_limit)
    return await _recall(store, store.asearch, store.abatch, user_namespace(user_id, character), arguments)


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
    with_pinned: bool,
    spread_limit: int,
) -> RecallQuery:
    return RecallQuery(
        query,
        limit,
        weights or RecallWeights(),
        time.time() if now is None else now,
        thread,
        frozenset(already_in_prompt),
        with_pinned,
        spread_limit,
    )


async def _recall(
    store: BaseStore, search: Search, batch: Batch, namespace: tuple[str, ...], query: RecallQuery
) -> list[Memory]:
    """Fetch the most similar items, more and more up to a limit, until no other could be among the best."""
    if query.limit < 1:
        return []
    size = query.limit + len(query.already_in_prompt) + OVERFETCH
    max_size = max(size, MAX_FETCHED)
    pinned: list[Memory] | None = None if query.with_pinned else []
    is_broad = query.spread_limit > 0 and asks_for_all(query.text)
    while query.text.strip() and query.weights.similarity and not is_broad:
        options: dict[str, Any] = {"query": query.text, "limit": size, "refresh_ttl": refreshes(store)}
        pins: Item | None = None
        if pinned is None:
            # In one call, so that a store can read both at once.
            ops: list[Op] = [SearchOp(namespace, **options), pins_op(namespace)]
            items, pins = cast("tuple[list[SearchItem], Item | None]", await maybe_await(batch(ops)))
        else:
            items = await maybe_await(search(namespace, **options))
        if not any(item.score is not None for item in items):
            break
        own = [item for item in items if item.namespace == namespace and item.key != PINS]
        if pinned is None:
            ids = [*pinned_ids(pins)[-MAX_PINNED:], *wish_ids(pins)]
            marked = [*own, *await _missing(batch, namespace, ids, own)] if ids else []
            pinned = [*query.wishes(marked), *query.pinned(marked)]
        best = query.best(own, pinned)
        is_last = len(items) < size or len(own) >= max_size or _is_below_threshold(items[-1], query)
        if is_last or _is_top_k_stable(items, best, query):
            return pinned + best
        # What lies below the namespace, as a user's turns with characters do, takes no room of what may be ranked.
        size = min(size * _GROWTH, max_size) if len(own) == len(items) else size * _GROWTH
    own = await list_items(store, search, namespace)
    pinned = [*query.wishes(own), *query.pinned(own)[:MAX_PINNED]] if query.with_pinned else []
    if is_broad:
        turns = [turn for item in own if (turn := query.recallable(item)) is not None and not _is_wish_alone(turn)]
        told = [memory for memory in pinned if memory.pinned]
        return pinned + spread(turns, query.spread_limit, told)
    return pinned + query.best(own, pinned)


def _is_wish_alone(memory: Memory) -> bool:
    """Return whether a turn tells nothing beside its wish, which is recalled for itself."""
    return len(memory.wish) > _WISH_SHARE * len(memory.text)


async def _missing(batch: Batch, namespace: tuple[str, ...], ids: Iterable[str], items: Iterable[Item]) -> list[Item]:
    """Return the items with some ids that are not among those that were found."""
    missing = set(ids) - {item.key for item in items}
    if not missing:
        return []
    results: list[Any] = await maybe_await(batch([GetOp(namespace, id, refresh_ttl=False) for id in missing]))
    return [item for item in results if item is not None]


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
