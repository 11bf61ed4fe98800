"""Synthetic dialogues, and a synthetic SEM whose probabilities for them are exactly calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hef.contract import Cause, Reading, Turn
from hef.data.conversations import Sample
from hef.sem import EMPATHETIC_DIALOGUES, SemDescription

LABELS = EMPATHETIC_DIALOGUES.labels


class SyntheticSem:
    """A calibrated SEM whose first choice is correct in about half of the cases."""

    description = SemDescription("synthetic", EMPATHETIC_DIALOGUES)

    def __init__(self, count: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        logits = rng.normal(0, 2.7, (count, len(LABELS)))
        self.probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        self.samples = [
            self._sample(number, str(rng.choice(LABELS, p=row))) for number, row in enumerate(self.probabilities)
        ]

    def _sample(self, number: int, emotion: str) -> Sample:
        return Sample((Turn("speaker", f"Sentence {number}."),), emotion, f"own:{number // 2}")

    def read(self, dialogues: Sequence[Sequence[Turn]], *, views: Any = None) -> list[Reading]:
        rows = [int(dialogue[-1].text.split()[1].rstrip(".")) for dialogue in dialogues]
        return [
            Reading(distribution=dict(zip(LABELS, self.probabilities[row].tolist(), strict=True)), sem="synthetic")
            for row in rows
        ]

    def causes(self, dialogues: Sequence[Any], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        return [() for _ in dialogues]
