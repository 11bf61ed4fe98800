"""BLEU of replies against the human ones, as sacrebleu computes it, with an interval over conversations."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ...contract import SetupError
from ..metrics import Array, Estimate, resampled

_ORDER = 4


def bleu_estimate(
    texts: Sequence[str], references: Sequence[str], groups: Sequence[Hashable], seed: int = 0
) -> Estimate:
    """Return corpus BLEU-4, 0 to 100: sacrebleu's, lower case, its `13a` tokens and its exponential smoothing.

    Args:
        texts: The replies, [samples].
        references: One human reply each.
        groups: The conversation of each sample.
        seed: Of the draws.

    Raises:
        SetupError: sacrebleu is not installed.
    """
    bleu = _bleu()
    pairs = zip(texts, references, strict=True)
    counted = [bleu.corpus_score([text], [[reference]]) for text, reference in pairs]
    table = np.array([[*row.counts, *row.totals, row.sys_len, row.ref_len] for row in counted], dtype=np.float64)
    return resampled(table, groups, lambda sums: _score(bleu, sums), seed, bounds=(0.0, 100.0))


def _score(bleu: Any, sums: Array) -> float:
    whole = [int(value) for value in sums]
    counts, totals, (said, wanted) = whole[:_ORDER], whole[_ORDER : 2 * _ORDER], whole[2 * _ORDER :]
    return float(bleu.compute_bleu(counts, totals, said, wanted, smooth_method="exp").score)


def _bleu() -> Any:
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise SetupError("BLEU is sacrebleu's: install it with `pip install 'hef[evaluate]'`") from error
    return BLEU(lowercase=True, max_ngram_order=_ORDER)
