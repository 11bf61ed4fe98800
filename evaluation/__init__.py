"""Evaluation: how well HEF and its halves recognise emotions and cause words, on any file in the data's format."""

from __future__ import annotations

from ..data.cause_annotations import CauseRow, holds_spans, make_cause_row
from ..data.conversations import read_samples, split_by_conversation, subsample
from ..data.download import convert_archive, download
from ..data.json_lines import read_rows
from .causes.cause_metrics import CauseReport, SpanReport, evaluate_causes, evaluate_spans
from .emotion.emotion_metrics import EmotionReport, Prediction, report_emotion
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
    "read_rows",
    "read_samples",
    "report_emotion",
    "report_retrieval",
    "situation_ranks",
    "split_by_conversation",
    "subsample",
]
