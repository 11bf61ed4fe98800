"""Figures: how well HEF and its halves read emotion and cause words, on any file of the data's form."""

from __future__ import annotations

from .causes import CauseReport, CauseRow, evaluate_causes, make_cause_row
from .download import convert_archive, download
from .emotion import EmotionReport, predict_all, predict_with_sem, report_emotion
from .metrics import Estimate
from .prediction import Prediction
from .retrieval import RetrievalReport, RetrievalRow, make_retrieval_row, report_retrieval, situation_ranks
from .samples import draw, halves, read_rows, read_samples
from .spans import SpanReport, evaluate_spans, holds_spans

__all__ = [
    "CauseReport",
    "CauseRow",
    "EmotionReport",
    "Estimate",
    "Prediction",
    "RetrievalReport",
    "RetrievalRow",
    "SpanReport",
    "convert_archive",
    "download",
    "draw",
    "evaluate_causes",
    "evaluate_spans",
    "halves",
    "holds_spans",
    "make_cause_row",
    "make_retrieval_row",
    "predict_all",
    "predict_with_sem",
    "read_rows",
    "read_samples",
    "report_emotion",
    "report_retrieval",
    "situation_ranks",
]
