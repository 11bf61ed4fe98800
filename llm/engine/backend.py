"""What an engine asks of a network, whichever library computes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Backend(Protocol):
    """A causal language model with its tokenizer; a cache holds the keys and values of a text."""

    @property
    def tokenizer(self) -> Any:
        """A transformers tokenizer, or one with the few methods of it that are used."""
        ...

    @property
    def weight_format(self) -> str:
        """How the weights are held; what two kinds compute differs a little."""
        ...

    @property
    def context_window(self) -> int:
        """How many tokens a text may have."""
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
        """Return a cache that holds nothing."""
        ...

    def cached_length(self, cache: Any) -> int:
        """Return how many tokens a cache holds that can be cut back; 0 for one that cannot."""
        ...

    def truncate(self, cache: Any, length: int) -> Any:
        """Return a copy of the first tokens of a cache."""
        ...

    def forward(self, ids: Sequence[int], cache: Any) -> Array:
        """Add tokens to a cache; return the logits after the last one, of shape (vocabulary,).

        Raises:
            ModelError: The network failed; the cache may be half written.
        """
        ...

    def forward_branches(self, endings: Sequence[Sequence[int]], cache: Any) -> list[Array]:
        """Return for each ending the logits after each of its tokens, leaving the cache as it is.

        Raises:
            ModelError: The network failed.
        """
        ...
