"""One language model in memory: tokens in, logits out, with the key-value caches that save work.

Decoding is a loop of single steps rather than `model.generate` in a second thread: an error then
reaches the caller by itself, a stream that nobody reads any more stops, and two streams that are
read in turns share the model step by step.
"""

from __future__ import annotations

import copy
import inspect
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..contract import ModelError, SetupError
from .prompt import Prompter

_WORK = threading.RLock()
"""Held for a step of any engine, because torch's number of threads belongs to the process."""
_WORTH_COPYING = 16
"""A shared beginning shorter than this many tokens is computed again rather than copied."""


@dataclass
class State:
    """A text under way."""

    ids: list[int]
    """The tokens that the model has seen."""
    cache: Any
    """Their keys and values."""
    logits: Any
    """What the model says of the next token; shape (vocabulary,), float32."""


@dataclass
class Work:
    """How much an engine has done since it was made."""

    prompts: int = 0
    """Prompts that were read."""
    given: int = 0
    """Their tokens."""
    computed: int = 0
    """Those of their tokens that no kept text began with."""


class Engine:
    """A causal language model and its tokenizer, loaded at first use, safe between threads."""

    def __init__(
        self,
        load: Callable[[], tuple[Any, Any]],
        *,
        threads: int | None = None,
        window: int | None = None,
        kept_tokens: int = 0,
    ) -> None:
        """Keep how to load; nothing is loaded yet.

        Args:
            load: Returns the model and its tokenizer.
            threads: CPU threads of one step; None means `HEF_THREADS`, else what torch is set to.
            window: How many tokens a text may have at most; None means as many as the model can.
            kept_tokens: How many tokens of earlier texts keep their caches, for texts that begin alike.
        """
        self._load, self._window, self._kept_tokens = load, window, kept_tokens
        self._threads = threads if threads is not None else _threads_from_environment()
        self._loaded: tuple[Any, Any] | None = None
        self._caches: list[tuple[list[int], Any]] = []
        self._lock = threading.RLock()
        self.work = Work()

    @property
    def _parts(self) -> tuple[Any, Any]:
        with self._lock:
            self._loaded = self._loaded or self._load()
            return self._loaded

    @property
    def model(self) -> Any:
        """The transformers model."""
        return self._parts[0]

    @property
    def tokenizer(self) -> Any:
        """The transformers tokenizer."""
        return self._parts[1]

    @cached_property
    def window(self) -> int:
        """How many tokens a text may have."""
        able = getattr(self.model.config.get_text_config(), "max_position_embeddings", None) or 2048
        return min(able, self._window or able)

    @cached_property
    def prompter(self) -> Prompter:
        """What makes messages into the model's prompt."""
        return Prompter(self.tokenizer)

    @cached_property
    def ends(self) -> frozenset[int]:
        """The tokens that end a reply."""
        named = self.model.generation_config.eos_token_id
        several = named if isinstance(named, list) else [named]
        return frozenset(end for end in (*several, self.tokenizer.eos_token_id) if end is not None)

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text that already holds all its special tokens."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, without special ones."""
        options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
        return str(self.tokenizer.decode(list(ids), **options))

    def start(self, ids: Sequence[int]) -> State:
        """Read a prompt, of which only the part is computed that no kept text began with."""
        ids = list(ids)
        cache, known = self._begun(ids)
        with self._lock:
            self.work.prompts += 1
            self.work.given += len(ids)
            self.work.computed += len(ids) - known
        logits = self._forward([ids[known:]], cache, last_only=True)
        return State(ids, cache, logits[0, -1].float())

    def advance(self, state: State, token: int) -> None:
        """Append one token."""
        logits = self._forward([[token]], state.cache, last_only=True)
        state.ids.append(token)
        state.logits = logits[0, -1].float()

    def branch(self, state: State, endings: Sequence[Sequence[int]]) -> Any:
        """Return the logits after each token of several endings, leaving the state as it is.

        Returns:
            Shape (endings, longest ending, vocabulary), float32; beyond an ending's own length
            the values mean nothing.
        """
        longest = max(map(len, endings))
        rows = [[*ending, *[0] * (longest - len(ending))] for ending in endings]
        cache = copy.deepcopy(state.cache)
        cache.batch_repeat_interleave(len(rows))
        return self._forward(rows, cache, last_only=False).float()

    def keep(self, state: State) -> None:
        """Keep a finished text for later ones; the state must not be advanced any more.

        A cache is passed over that cannot be cut back, or that an error left half written.
        """
        ids, cache = list(state.ids), state.cache
        if any(cache.is_sliding) or not cache.is_croppable or cache.get_seq_length() != len(ids):
            return
        with self._lock:
            others = [(held, kept) for held, kept in self._caches if held != ids[: len(held)]]
            self._caches = [(ids, cache), *others]
            while sum(len(held) for held, _ in self._caches) > self._kept_tokens:
                self._caches.pop()

    def _begun(self, ids: list[int]) -> tuple[Any, int]:
        """Return a cache to go on from and how many of the tokens it holds."""
        from transformers import DynamicCache

        with self._lock:
            shared = [_shared(ids[:-1], held) for held, _ in self._caches]
            if not shared or (best := max(shared)) < _WORTH_COPYING:
                return DynamicCache(config=self.model.config), 0
            held, cache = self._caches.pop(shared.index(best))
            self._caches.insert(0, (held, cache))
        cache = copy.deepcopy(cache)
        if best < len(held):
            cache.crop(best - len(held))
        return cache, best

    def _forward(self, rows: list[list[int]], cache: Any, *, last_only: bool) -> Any:
        import torch

        tokens = torch.tensor(rows, device=self.model.device)
        options = {"logits_to_keep": 1} if last_only and self._can_keep_last else {}
        try:
            with self.at_work(), torch.inference_mode():
                return self.model(tokens, past_key_values=cache, use_cache=True, **options).logits
        except RuntimeError as error:
            raise ModelError(f"the local model failed on {tokens.numel()} tokens: {error}") from error

    @cached_property
    def _can_keep_last(self) -> bool:
        return "logits_to_keep" in inspect.signature(self.model.forward).parameters

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Compute alone in this process, with the engine's CPU threads; the host's number is restored."""
        import torch

        with _WORK:
            before = torch.get_num_threads()
            torch.set_num_threads(self._threads or before)
            try:
                yield
            finally:
                torch.set_num_threads(before)


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    """Count the tokens with which both begin."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(first), len(second)))


def _threads_from_environment() -> int | None:
    given = os.environ.get("HEF_THREADS", "").strip()
    if given and not (given.isdigit() and int(given)):
        raise SetupError(f"HEF_THREADS is {given!r}; give a whole number from 1, or unset it")
    return int(given) if given else None
