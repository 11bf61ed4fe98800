"""The protocol between the engine and a network, whichever library computes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float32]


class Backend(Protocol):
    """A causal language model with its tokenizer; a cache contains the keys and values of one text."""

    @property
    def tokenizer(self) -> Any:
        """A transformers tokenizer, or one with the few methods of it that are used."""
        ...

    @property
    def weight_format(self) -> str:
        """The number format of the weights; logits of two formats differ slightly."""
        ...

    @property
    def context_window(self) -> int:
        """The largest number of tokens of a text."""
        ...

    @property
    def eos_ids(self) -> frozenset[int]:
        """The tokens that end a reply."""
        ...

    @property
    def default_sampling(self) -> Mapping[str, Any]:
        """The sampling settings that come with the model."""
        ...

    def new_cache(self) -> Any:
        """Return an empty cache."""
        ...

    def cached_length(self, cache: Any) -> int:
        """Return the number of tokens in a cache; 0 for a cache that cannot be truncated."""
        ...

    def truncate(self, cache: Any, length: int) -> Any:
        """Return a copy of the first tokens of a cache."""
        ...

    def forward(self, ids: Sequence[int], cache: Any) -> Array:
        """Append tokens to a cache; return the logits after the last one, of shape (vocabulary,).

        Raises:
            ModelError: The network failed; the cache may be incomplete.
        """
        ...

    def forward_branches(self, branches: Sequence[Sequence[int]], cache: Any) -> list[Array]:
        """Return for each continuation the logits after each of its tokens; the cache is unchanged.

        Raises:
            ModelError: The network failed.
        """
        ...
