"""One language model in memory: tokens in, logits out, with the key-value caches of earlier texts.

Decoding is a loop of single steps rather than `model.generate` in a second thread: an error then
reaches the caller directly, a stream that nobody reads any more stops, and two streams that are
read alternately share the model step by step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .backend import Array, Backend
from .chat_template import Prompter

_MIN_SHARED_TOKENS = 16
"""A common prefix shorter than this is computed again rather than copied."""


@dataclass
class State:
    """A text in progress."""

    ids: list[int]
    """The tokens that the model has seen."""
    cache: Any
    """Their keys and values, in the backend's own form."""
    logits: Array
    """The logits of the next token; shape (vocabulary,)."""


@dataclass
class Usage:
    """The work of an engine since it was created."""

    prompts: int = 0
    """Number of prompts."""
    prompt_tokens: int = 0
    """Their tokens."""
    prefilled_tokens: int = 0
    """Those of their tokens that were computed, because no cached text began with them."""


class Engine:
    """A backend and the caches of the texts it has read; loaded at first use, safe between threads."""

    def __init__(
        self,
        load: Callable[[], Backend],
        *,
        context_window: int | None = None,
        prefix_cache_tokens: int = 0,
        template_variables: Mapping[str, Any] | None = None,
    ) -> None:
        """Store how to load the backend; nothing is loaded yet.

        Args:
            load: Returns the backend.
            context_window: The largest number of tokens of a text; None means the model's own.
            prefix_cache_tokens: Number of tokens of earlier texts whose caches are kept, for texts that begin alike.
            template_variables: Further variables of the model's chat template.
        """
        self._template_variables = template_variables
        self._load, self._max_window, self._prefix_cache_tokens = load, context_window, prefix_cache_tokens
        self._loaded: Backend | None = None
        self._caches: list[tuple[list[int], Any]] = []
        self._lock = threading.RLock()
        self.usage = Usage()

    @property
    def backend(self) -> Backend:
        """The network, loaded at first use."""
        with self._lock:
            self._loaded = self._loaded or self._load()
            return self._loaded

    @property
    def weight_format(self) -> str:
        """The number format of the weights."""
        return self.backend.weight_format

    @property
    def default_sampling(self) -> Mapping[str, Any]:
        """The sampling settings that come with the model."""
        return self.backend.default_sampling

    @cached_property
    def context_window(self) -> int:
        """The largest number of tokens of a text."""
        window = self.backend.context_window
        return min(window, self._max_window or window)

    @cached_property
    def prompter(self) -> Prompter:
        """Renders messages as the model's prompt."""
        return Prompter(self.backend.tokenizer, self._template_variables)

    @cached_property
    def eos_ids(self) -> frozenset[int]:
        """The tokens that end a reply."""
        return self.backend.eos_ids

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text that already contains all its special tokens."""
        ids: list[int] = self.backend.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, without special ones."""
        options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
        return str(self.backend.tokenizer.decode(list(ids), **options))

    def start(self, ids: Sequence[int]) -> State:
        """Prefill a prompt, continuing from the longest cached prefix."""
        ids = list(ids)
        cache, prefix_length = self._longest_prefix(ids)
        with self._lock:
            self.usage.prompts += 1
            self.usage.prompt_tokens += len(ids)
            self.usage.prefilled_tokens += len(ids) - prefix_length
        return State(ids, cache, self.backend.forward(ids[prefix_length:], cache))

    def advance(self, state: State, token: int) -> None:
        """Append one token."""
        logits = self.backend.forward([token], state.cache)
        state.ids.append(token)
        state.logits = logits

    def forward_branches(self, state: State, branches: Sequence[Sequence[int]]) -> list[Array]:
        """Return the logits after each token of several continuations; the state is unchanged.

        Returns:
            One array per continuation, of shape (its tokens, vocabulary).
        """
        return self.backend.forward_branches(branches, state.cache)

    def cache_prefix(self, state: State) -> None:
        """Keep the cache of a finished text for later ones; the state must not be advanced any more.

        A cache that cannot be truncated, or that an error left incomplete, is not kept.
        """
        ids, cache = list(state.ids), state.cache
        if self.backend.cached_length(cache) != len(ids):
            return
        with self._lock:
            others = [(cached_ids, other) for cached_ids, other in self._caches if cached_ids != ids[: len(cached_ids)]]
            self._caches = [(ids, cache), *others]
            while sum(len(cached_ids) for cached_ids, _ in self._caches) > self._prefix_cache_tokens:
                self._caches.pop()

    def clear_prefixes(self) -> None:
        """Drop the caches of all earlier texts."""
        with self._lock:
            self._caches.clear()

    def _longest_prefix(self, ids: list[int]) -> tuple[Any, int]:
        """Return a cache to continue from and the number of its tokens."""
        with self._lock:
            lengths = [_common_prefix(ids[:-1], cached_ids) for cached_ids, _ in self._caches]
            if not lengths or (longest := max(lengths)) < _MIN_SHARED_TOKENS:
                return self.backend.new_cache(), 0
            cached_ids, cache = self._caches.pop(lengths.index(longest))
            self._caches.insert(0, (cached_ids, cache))
        return self.backend.truncate(cache, longest), longest


def _common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the number of tokens with which both begin."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(first), len(second)))
