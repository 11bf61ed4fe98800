from __future__ import annotations

import numpy as np
from hef.sem.runtime.encoding import Encoded
from hef.sem.runtime.manifest import ScoreScale
from hef.sem.runtime.topic_turns import topic_turns

SCALE = ScoreScale(slope=1.0, offset=0.0)
PLACES = (None, (0, 0, 2), None, (1, 0, 2), None, (2, 0, 2), (2, 3, 5), None, (3, 0, 2), None)


def turns(*scores: float) -> tuple[int, ...]:
    """Return the turns of a topic in a dialogue of four, by a score for each of its ten tokens."""
    return topic_turns(Encoded((0,) * 10, (0,) * 10, PLACES, 0), np.array(scores, dtype=np.float32), SCALE)


def test_turns_whose_tokens_score_below_zero_are_about_something_else() -> None:
    assert turns(9, 1, 9, -1, 9, 1, 0.5, 9, 1, 9) == (0, 2, 3)


def test_a_turn_counts_by_the_mean_of_its_tokens() -> None:
    assert turns(0, 1, 0, 1, 0, 2, -3, 0, 1, 0) == (0, 1, 3)


def test_the_last_turn_is_always_of_its_own_topic() -> None:
    assert turns(0, -1, 0, -1, 0, -1, -1, 0, -9, 0) == (3,)


def test_nothing_is_told_apart_where_all_turns_are_about_one_subject() -> None:
    assert turns(*[1.0] * 10) == ()


def test_padding_counts_nothing() -> None:
    padded = np.array([0, 1, 0, 1, 0, 1, 1, 0, 1, 0, -99, -99], dtype=np.float32)
    assert topic_turns(Encoded((0,) * 10, (0,) * 10, PLACES, 0), padded, SCALE) == ()
