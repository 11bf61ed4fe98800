"""Figures: how well HEF and its halves read emotion and cause words, on any file of the data's form."""

from __future__ import annotations

from ..data.download import convert_archive, download
from ..data.samples import read_rows, read_samples, split_by_conversation, subsample
from .causes.cause_spans import SpanReport, evaluate_spans, holds_spans
from .causes.cause_words import CauseReport, CauseRow, evaluate_causes, make_cause_row
from .emotion.emotion_metrics import EmotionReport, predict_all, predict_with_sem, report_emotion
from .emotion.prediction import Prediction
from .memory.retrieval import RetrievalReport, RetrievalRow, make_retrieval_row, report_retrieval, situation_ranks
from .metrics import Estimate

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
    "evaluate_causes",
    "evaluate_spans",
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
    "split_by_conversation",
    "subsample",
]
