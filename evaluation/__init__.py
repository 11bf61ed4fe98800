"""Figures: how well HEF and its halves read emotion and cause words, on any file of the data's form."""

from __future__ import annotations

from .causes import CauseReport, CauseRow, evaluate_causes, make_cause_row
from .download import convert_archive, download
from .emotion import EmotionReport, Prediction, evaluate_emotion, predict_with_hef, predict_with_sem
from .metrics import Estimate
from .samples import draw, read_rows, read_samples

__all__ = [
    "CauseReport",
    "CauseRow",
    "EmotionReport",
    "Estimate",
    "Prediction",
    "convert_archive",
    "download",
    "draw",
    "evaluate_causes",
    "evaluate_emotion",
    "make_cause_row",
    "predict_with_hef",
    "predict_with_sem",
    "read_rows",
    "read_samples",
]
