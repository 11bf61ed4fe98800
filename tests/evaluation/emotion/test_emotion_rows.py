"""The rows of an emotion run's tables."""

from __future__ import annotations

from hef.evaluation.emotion.ablations import Ablation
from hef.evaluation.emotion.emotion_report import ablation_rows
from hef.evaluation.metrics import Estimate


def test_a_change_that_rounds_to_nothing_has_no_minus() -> None:
    """No reader takes -0.0 for a loss."""
    none = Estimate(value=-0.0002, low=-0.0021, high=0.0004)
    held = Ablation(name="top 2", top1=none, change=none, ece=none, primary_hit=1.0, primary_size=2.0, calls=1.0)
    _, row = ablation_rows([held])
    assert row[2] == "+0.0 (-0.2 to +0.0)"
