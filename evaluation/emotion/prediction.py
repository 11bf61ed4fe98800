"""What was predicted for one sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Report: TypeAlias = Callable[[int, int], None]
"""Called with how many samples are done, of how many."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A decision, and the probabilities behind it."""

    emotion: str
    """The decided label; not always the most probable one, where an LLM is obeyed."""
    distribution: Mapping[str, float]
    """Label -> probability."""
