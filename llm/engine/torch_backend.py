"""Any causal language model of transformers, eager, on a CPU or a GPU."""

from __future__ import annotations

import copy
import inspect
import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from functools import cached_property
from typing import Any

from ...contract import ModelError
from .backend import Array

_FORWARD_LOCK = threading.RLock()
"""One step of any model at a time, because torch's number of threads belongs to the process."""
_DEFAULT_WINDOW = 2048


class TorchBackend:
    """A transformers model and its tokenizer.

    Args:
        model: A model in evaluation mode.
        tokenizer: Its tokenizer.
        threads: CPU threads of one step; None means torch's current number.
    """

    def __init__(self, model: Any, tokenizer: Any, *, threads: int | None = None) -> None:
        self.model, self.tokenizer, self._threads = model, tokenizer, threads

    @property
    def weight_format(self) -> str:
        """The dtype of the weights."""
        return str(self.model.dtype)

    @property
    def context_window(self) -> int:
        """The number of positions that the model was trained on; 2048 where its configuration does not say."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None) or _DEFAULT_WINDOW

    @property
    def eos_ids(self) -> frozenset[int]:
        """The end tokens of the generation settings and of the tokenizer."""
        setting = self.model.generation_config.eos_token_id
        ids = setting if isinstance(setting, list) else [setting]
        return frozenset(token for token in (*ids, self.tokenizer.eos_token_id) if token is not None)

    @property
    def default_sampling(self) -> dict[str, Any]:
        """The sampling part of the generation settings."""
        settings = self.model.generation_config
        names = ("temperature", "top_p", "top_k") if settings.do_sample else ()
        return {name: getattr(settings, name) for name in names}

    def new_cache(self) -> Any:
        """Return an empty cache."""
        from transformers import DynamicCache

        return DynamicCache(config=self.model.config)

    def cached_length(self, cache: Any) -> int:
        """Return the number of tokens in a cache; 0 for a cache that cannot be truncated."""
        return 0 if any(cache.is_sliding) or not cache.is_croppable else int(cache.get_seq_length())

    def truncate(self, cache: Any, length: int) -> Any:
        """Return a copy of the first tokens of a cache."""
        cache = copy.deepcopy(cache)
        if (excess := cache.get_seq_length() - length) > 0:
            cache.crop(-excess)
        return cache

    def forward(self, ids: Sequence[int], cache: Any) -> Array:
        """Append tokens to a cache and return the logits after the last one."""
        logits: Array = self._forward([list(ids)], cache, last_only=True)[0, -1]
        return logits

    def forward_branches(self, branches: Sequence[Sequence[int]], cache: Any) -> list[Array]:
        """Return the logits after each token of several continuations, computed as one batch."""
        longest = max(map(len, branches))
        rows = [[*branch, *[0] * (longest - len(branch))] for branch in branches]
        cache = copy.deepcopy(cache)
        cache.batch_repeat_interleave(len(rows))
        logits = self._forward(rows, cache, last_only=False)
        return [row[: len(branch)] for row, branch in zip(logits, branches, strict=True)]

    def _forward(self, rows: list[list[int]], cache: Any, *, last_only: bool) -> Any:
        import torch

        tokens = torch.tensor(rows, device=self.model.device)
        options = {"logits_to_keep": 1} if last_only and self._supports_logits_to_keep else {}
        try:
            with self._exclusive(), torch.inference_mode():
                logits = self.model(tokens, past_key_values=cache, use_cache=True, **options).logits
                return logits.float().cpu().numpy()
        except RuntimeError as error:
            raise ModelError(f"the local model failed on {tokens.numel()} tokens: {error}") from error

    @cached_property
    def _supports_logits_to_keep(self) -> bool:
        return "logits_to_keep" in inspect.signature(self.model.forward).parameters

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Compute alone in this process with this model's CPU threads; the host's number is restored."""
        import torch

        with _FORWARD_LOCK:
            before = torch.get_num_threads()
            torch.set_num_threads(self._threads or before)
            try:
                yield
            finally:
                torch.set_num_threads(before)


@contextmanager
def silence_transformers() -> Iterator[None]:
    """Hide the warnings and progress bars of transformers inside the block alone; its settings are restored.

    The bars of the GGUF reader obey no setting, so standard error is redirected as well.
    """
    from transformers import logging

    bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
