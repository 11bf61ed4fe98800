from __future__ import annotations

import numpy as np
import pytest
from hef.sem.runtime.encoding import Encoded
from hef.sem.runtime.topic_cut import NO_CHANGE, TopicCut, cut_passages
from pydantic import ValidationError

HEADS = 2
SIMILAR = TopicCut(heads=HEADS, weights=(-4.0,) * (3 * HEADS) + (0.0, 0.0), bias=4.0, threshold=0.5, slope=20.0)
"""Cuts where what follows is unlike what stands before."""


def encoded(turns: int, tokens: int = 2) -> Encoded:
    offsets: list[tuple[int, int, int] | None] = [None]
    for turn in range(turns):
        offsets += [*((turn, i, i + 1) for i in range(tokens)), None]
    return Encoded((0,) * len(offsets), (0,) * len(offsets), tuple(offsets), 0)


def features(item: Encoded, topics: list[int]) -> np.ndarray:
    """Return token features that point into one direction for each topic."""
    rows = np.zeros((len(item.ids), HEADS * 4), dtype=np.float32)
    for place, offset in enumerate(item.offsets):
        if offset:
            rows[place, topics[offset[0]] :: 4] = 1.0
    return rows


SPEAKERS = [True, False, True, False, True]


def test_the_topic_begins_where_the_features_change() -> None:
    item = encoded(5)
    assert SIMILAR.current_topic(item, features(item, [0, 0, 0, 0, 1]), SPEAKERS) == ((4,), 1.0)
    assert SIMILAR.current_topic(item, features(item, [0, 0, 1, 1, 1]), SPEAKERS) == ((2, 3, 4), 1.0)
    assert SIMILAR.current_topic(item, features(item, [0, 0, 0, 0, 0]), SPEAKERS) == NO_CHANGE


def test_an_exchange_of_an_earlier_topic_belongs_to_it_again_where_the_speaker_returns() -> None:
    item = encoded(5)
    rows = features(item, [1, 1, 0, 0, 1])
    again = SIMILAR.model_copy(update={"membership": 0.5, "bias": 8.0})
    assert again.current_topic(item, rows, SPEAKERS).turns == (0, 1, 4)
    assert again.current_topic(item, features(item, [0, 0, 0, 0, 1]), SPEAKERS).turns == (4,)


def test_nothing_is_cut_off_where_every_exchange_is_like_the_last_turn() -> None:
    item = encoded(5)
    rows = features(item, [0, 0, 0, 0, 1])
    assert SIMILAR.model_copy(update={"membership": 1e-9}).current_topic(item, rows + 0.2, SPEAKERS) == NO_CHANGE


def test_an_unsure_change_has_a_share() -> None:
    item = encoded(5)
    rows = features(item, [0, 0, 0, 0, 1])
    likely = sum(SIMILAR.probabilities(item, rows, SPEAKERS).values())
    turns, share = SIMILAR.model_copy(update={"threshold": likely}).current_topic(item, rows, SPEAKERS)
    assert turns == (4,)
    assert share == pytest.approx(0.5)


def test_cuts_stand_before_turns_of_the_speaker_alone() -> None:
    item = encoded(5)
    assert [part.turn for part in cut_passages(item, features(item, [0, 1, 0, 1, 0]), SPEAKERS)] == [2, 4]


def test_one_turn_has_no_cut() -> None:
    item = encoded(1)
    assert SIMILAR.probabilities(item, features(item, [0]), [True]) == {}
    assert SIMILAR.current_topic(item, features(item, [0]), [True]) == NO_CHANGE


def test_probabilities_of_cuts_leave_something_for_none() -> None:
    item = encoded(5)
    shares = SIMILAR.probabilities(item, features(item, [0, 0, 1, 1, 2]), SPEAKERS)
    assert set(shares) == {2, 4}
    assert 0 < sum(shares.values()) < 1


def test_padding_is_not_read() -> None:
    item = encoded(5)
    rows = features(item, [0, 0, 0, 0, 1])
    padded = np.concatenate([rows, np.full((7, rows.shape[1]), 9.0, dtype=np.float32)])
    assert SIMILAR.probabilities(item, padded, SPEAKERS) == SIMILAR.probabilities(item, rows, SPEAKERS)


def test_a_model_with_another_number_of_weights_is_refused() -> None:
    with pytest.raises(ValidationError, match="3 weights; 2 maps need 8"):
        TopicCut(heads=2, weights=(1.0, 2.0, 3.0), bias=0, threshold=0.5)
