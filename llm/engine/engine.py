"""One language model in memory: tokens in, logits out, with the key-value caches that save work.

Decoding is a loop of single steps rather than `model.generate` in a second thread: an error then
reaches the caller by itself, a stream that nobody reads any more stops, and two streams that are
read in turns share the model step by step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .backend import Array, Backend
from .chat_template import Prompter

_WORTH_COPYING = 16
"""A shared beginning shorter than this many tokens is computed again rather than copied."""


@dataclass
class State:
    """A text under way."""

    ids: list[int]
    """The tokens that the model has seen."""
    cache: Any
    """Their keys and values, as the network holds them."""
    logits: Array
    """What the model says of the next token; shape (vocabulary,)."""


@dataclass
class Usage:
    """How much an engine has done since it was made."""

    prompts: int = 0
    """Prompts that were read."""
    prompt_tokens: int = 0
    """Their tokens."""
    prefilled_tokens: int = 0
    """Those of their tokens that no kept text began with."""


class Engine:
    """A network and the texts that it read, loaded at first use, safe between threads."""

    def __init__(self, load: Callable[[], Backend], *, window: int | None = None, kept_tokens: int = 0) -> None:
        """Keep how to load; nothing is loaded yet.

        Args:
            load: Returns the network.
            window: How many tokens a text may have at most; None means as many as the model can.
            kept_tokens: How many tokens of earlier texts keep their caches, for texts that begin alike.
        """
        self._load, self._window, self._kept_tokens = load, window, kept_tokens
        self._loaded: Backend | None = None
        self._caches: list[tuple[list[int], Any]] = []
        self._lock = threading.RLock()
        self.work = Usage()

    @property
    def backend(self) -> Backend:
        """What computes."""
        with self._lock:
            self._loaded = self._loaded or self._load()
            return self._loaded

    @property
    def weight_format(self) -> str:
        """How the weights are held."""
        return self.backend.weight_format

    @property
    def default_sampling(self) -> Mapping[str, Any]:
        """The sampling settings that come with the model."""
        return self.backend.default_sampling

    @cached_property
    def context_window(self) -> int:
        """How many tokens a text may have."""
        able = self.backend.context_window
        return min(able, self._window or able)

    @cached_property
    def prompter(self) -> Prompter:
        """What makes messages into the model's prompt."""
        return Prompter(self.backend.tokenizer)

    @cached_property
    def eos_ids(self) -> frozenset[int]:
        """The tokens that end a reply."""
        return self.backend.eos_ids

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text that already holds all its special tokens."""
        ids: list[int] = self.backend.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, without special ones."""
        options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
        return str(self.backend.tokenizer.decode(list(ids), **options))

    def start(self, ids: Sequence[int]) -> State:
        """Read a prompt, of which only the part is computed that no kept text began with."""
        ids = list(ids)
        cache, known = self._longest_prefix(ids)
        with self._lock:
            self.work.prompts += 1
            self.work.prompt_tokens += len(ids)
            self.work.prefilled_tokens += len(ids) - known
        return State(ids, cache, self.backend.forward(ids[known:], cache))

    def advance(self, state: State, token: int) -> None:
        """Append one token."""
        logits = self.backend.forward([token], state.cache)
        state.ids.append(token)
        state.logits = logits

    def forward_branches(self, state: State, endings: Sequence[Sequence[int]]) -> list[Array]:
        """Return the logits after each token of several endings, leaving the state as it is.

        Returns:
            One array an ending, of shape (its tokens, vocabulary).
        """
        return self.backend.forward_branches(endings, state.cache)

    def cache_prefix(self, state: State) -> None:
        """Keep a finished text for later ones; the state must not be advanced any more.

        A cache is passed over that cannot be cut back, or that an error left half written.
        """
        ids, cache = list(state.ids), state.cache
        if self.backend.cached_length(cache) != len(ids):
            return
        with self._lock:
            others = [(held, kept) for held, kept in self._caches if held != ids[: len(held)]]
            self._caches = [(ids, cache), *others]
            while sum(len(held) for held, _ in self._caches) > self._kept_tokens:
                self._caches.pop()

    def _longest_prefix(self, ids: list[int]) -> tuple[Any, int]:
        """Return a cache to go on from and how many of the tokens it holds."""
        with self._lock:
            shared = [_shared(ids[:-1], held) for held, _ in self._caches]
            if not shared or (best := max(shared)) < _WORTH_COPYING:
                return self.backend.new_cache(), 0
            held, cache = self._caches.pop(shared.index(best))
            self._caches.insert(0, (held, cache))
        return self.backend.truncate(cache, best), best


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    """Count the tokens with which both begin."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(first), len(second)))
