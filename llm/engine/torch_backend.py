"""Any causal language model of transformers, eager, on a CPU or a GPU."""

from __future__ import annotations

import copy
import inspect
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from ...contract import ModelError
from .backend import Array

_WORK = threading.RLock()
"""Held for a step of any network, because torch's number of threads belongs to the process."""


class TorchBackend:
    """A transformers model and its tokenizer.

    Args:
        model: Ready to infer.
        tokenizer: Its tokenizer.
        threads: CPU threads of one step; None means what torch is set to.
    """

    def __init__(self, model: Any, tokenizer: Any, *, threads: int | None = None) -> None:
        self.model, self.tokenizer, self._threads = model, tokenizer, threads

    @property
    def weight_format(self) -> str:
        """The type of the weights."""
        return str(self.model.dtype)

    @property
    def context_window(self) -> int:
        """How many positions the model knows; 2048 where it does not say."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None) or 2048

    @property
    def eos_ids(self) -> frozenset[int]:
        """The tokens that the generation settings and the tokenizer call an end."""
        named = self.model.generation_config.eos_token_id
        several = named if isinstance(named, list) else [named]
        return frozenset(end for end in (*several, self.tokenizer.eos_token_id) if end is not None)

    @property
    def default_sampling(self) -> dict[str, Any]:
        """What the generation settings say of sampling."""
        settings = self.model.generation_config
        names = ("temperature", "top_p", "top_k") if settings.do_sample else ()
        return {name: getattr(settings, name) for name in names}

    def new_cache(self) -> Any:
        """Return an empty cache."""
        from transformers import DynamicCache

        return DynamicCache(config=self.model.config)

    def cached_length(self, cache: Any) -> int:
        """Return how many tokens a cache holds; 0 for one that cannot be cut back."""
        return 0 if any(cache.is_sliding) or not cache.is_croppable else int(cache.get_seq_length())

    def truncate(self, cache: Any, length: int) -> Any:
        """Return a copy of the first tokens of a cache."""
        cache = copy.deepcopy(cache)
        if (beyond := cache.get_seq_length() - length) > 0:
            cache.crop(-beyond)
        return cache

    def forward(self, ids: Sequence[int], cache: Any) -> Array:
        """Add tokens to a cache and return the logits after the last one."""
        logits: Array = self._forward([list(ids)], cache, last_only=True)[0, -1]
        return logits

    def forward_branches(self, endings: Sequence[Sequence[int]], cache: Any) -> list[Array]:
        """Return the logits after each token of several endings, computed as one batch."""
        longest = max(map(len, endings))
        rows = [[*ending, *[0] * (longest - len(ending))] for ending in endings]
        cache = copy.deepcopy(cache)
        cache.batch_repeat_interleave(len(rows))
        logits = self._forward(rows, cache, last_only=False)
        return [row[: len(ending)] for row, ending in zip(logits, endings, strict=True)]

    def _forward(self, rows: list[list[int]], cache: Any, *, last_only: bool) -> Any:
        import torch

        tokens = torch.tensor(rows, device=self.model.device)
        options = {"logits_to_keep": 1} if last_only and self._can_keep_last else {}
        try:
            with self._at_work(), torch.inference_mode():
                logits = self.model(tokens, past_key_values=cache, use_cache=True, **options).logits
                return logits.float().cpu().numpy()
        except RuntimeError as error:
            raise ModelError(f"the local model failed on {tokens.numel()} tokens: {error}") from error

    @cached_property
    def _can_keep_last(self) -> bool:
        return "logits_to_keep" in inspect.signature(self.model.forward).parameters

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Compute alone in this process, with the own CPU threads; the host's number is restored."""
        import torch

        with _WORK:
            before = torch.get_num_threads()
            torch.set_num_threads(self._threads or before)
            try:
                yield
            finally:
                torch.set_num_threads(before)
