"""Situations found from first utterances, beside chance and a plain encoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hef.contract import SetupError
from hef.evaluation.metrics import ratio_estimate
from hef.evaluation.retrieval import (
    RetrievalRow,
    embedding_function,
    make_retrieval_row,
    report_retrieval,
    situation_ranks,
)
from hef.sem import SemDescription, Taxonomy

ROWS = [RetrievalRow(f"own:{place}", f"first {place}", f"situation {place}") for place in range(8)]


def embedding(vectors: dict[str, list[float]]) -> Any:
    return lambda texts: [vectors[text] for text in texts]


def placed(**firsts: float) -> dict[str, list[float]]:
    """Put situation n at the angle n/10, and each first utterance at the angle that is given, else at its own."""
    angles = {f"situation {n}": n / 10 for n in range(8)} | {f"first {n}": n / 10 for n in range(8)}
    angles |= {name.replace("_", " "): angle for name, angle in firsts.items()}
    return {name: [3 * float(np.cos(angle)), 3 * float(np.sin(angle))] for name, angle in angles.items()}


def test_a_rank_counts_the_nearer_situations():
    ranks = situation_ranks(embedding(placed(first_0=0.23, first_4=0.65)), ROWS, ROWS)
    assert ranks.tolist() == [4, 0, 0, 0, 3, 0, 0, 0]


def test_a_situation_with_the_same_text_counts_as_found():
    rows = [*ROWS, RetrievalRow("own:9", "first 0", "situation 3")]
    ranks = situation_ranks(embedding(placed(first_0=0.31)), rows, rows)
    assert ranks[8] == 0
    assert ranks[0] == 7


def test_of_equally_near_situations_the_earlier_comes_first():
    same = {name: [1.0, 0.0] for name in placed()}
    assert situation_ranks(embedding(same), ROWS, ROWS).tolist() == list(range(8))


def test_recall_stands_beside_chance_and_the_share_of_another_encoder():
    ours, theirs = np.array([0, 0, 1, 4, 5, 6, 7, 7]), np.array([0, 0, 0, 0, 1, 7, 7, 7])
    report = report_retrieval("own", ours, ROWS, ROWS, theirs)

    assert {name: held.value for name, held in report.recall.items()} == {"at1": 0.25, "at5": 0.5}
    assert report.chance == pytest.approx({"at1": 1 / 8, "at5": 5 / 8})
    assert report.share is not None
    assert {name: held.value for name, held in report.share.items()} == pytest.approx({"at1": 0.5, "at5": 0.8})
    assert report_retrieval("own", ours, ROWS, ROWS).share is None


def test_chance_is_higher_where_texts_are_equal():
    rows = [RetrievalRow(str(place), "hello", "the same") for place in range(3)] + ROWS[:3]
    assert report_retrieval("own", np.zeros(6, dtype=int), rows, rows).chance["at1"] == pytest.approx(
        (3 / 6 + 1 / 6) / 2
    )


def test_a_ratio_of_the_same_figures_has_no_width_and_one_over_nothing_is_no_number():
    hits = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    assert ratio_estimate(hits, hits).model_dump() == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert np.isnan(ratio_estimate(hits, np.zeros(5)).value)


@pytest.mark.parametrize(
    "row",
    [
        {"conv_id": "a", "utterances": [{"text": "hello"}]},
        {"conv_id": "a", "situation": " ", "utterances": [{"text": "hello"}]},
        {"conv_id": "a", "situation": "it was", "utterances": [{"text": ""}]},
        {"conv_id": "a", "situation": "it was", "utterances": []},
        {"conv_id": "a", "situation": 3, "utterances": [{"text": "hello"}]},
    ],
)
def test_a_row_without_situation_or_first_utterance_is_refused(row: dict[str, Any]):
    with pytest.raises((ValueError, KeyError, IndexError)):
        make_retrieval_row(row)


def test_a_sem_without_vectors_is_told():
    class Blind:
        description = SemDescription("blind", Taxonomy("own", ("a", "b")))

        def read(self, dialogues: Any, *, views: Any = None) -> Any: ...

        def causes(self, dialogues: Any, emotions: Any) -> Any: ...

    with pytest.raises(SetupError, match="'blind' gives no sentence vectors"):
        embedding_function(Blind())
