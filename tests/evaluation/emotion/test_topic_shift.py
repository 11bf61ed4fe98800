from __future__ import annotations

import numpy as np
from hef.contract import Turn
from hef.data.conversations import Conversation
from hef.evaluation.emotion.emotion_metrics import Prediction
from hef.evaluation.emotion.neutral_metrics import report_neutral
from hef.evaluation.emotion.topic_shift import SMALL_TALK, report_shift, shift_samples
from hef.evaluation.emotion.turn_record import TurnRecord
from hef.evaluation.llm_cache import Usage


def conversation(name: str, emotion: str, turns: int = 5) -> Conversation:
    roles = ("speaker", "listener")
    return Conversation(name, emotion, "", tuple(Turn(roles[i % 2], f"{name} {i}") for i in range(turns)))


def record(emotion: str) -> TurnRecord:
    return TurnRecord(Prediction(emotion, {emotion: 1.0}), (), (), Usage(), 0.0)


CONVERSATIONS = [conversation("a", "sad"), conversation("b", "proud"), conversation("c", "sad")]


def test_each_kind_ends_with_the_turn_that_is_read_alone() -> None:
    groups = shift_samples(CONVERSATIONS, None, seed=0)
    for alone, behind, talk in zip(groups["alone"], groups["behind_another"], groups["behind_small_talk"], strict=True):
        assert len(alone.sample.turns) == 1
        assert behind.sample.turns[-1:] == talk.sample.turns[-1:] == alone.sample.turns
        assert talk.sample.turns[-3].text in {first for first, _ in SMALL_TALK["en"]}


def test_what_comes_before_has_another_emotion_and_ends_with_the_listener() -> None:
    for row in shift_samples(CONVERSATIONS, None, seed=1)["behind_another"]:
        assert row.earlier_emotion != row.sample.emotion
        assert row.sample.turns[-2].role == "listener"
        assert len(row.sample.turns) == 5


def test_back_again_has_the_topic_around_another() -> None:
    for row in shift_samples(CONVERSATIONS, None, seed=0)["back_again"]:
        names = [turn.text.split()[0] for turn in row.sample.turns]
        own = row.sample.conv_id
        assert names[:2] == [own, own]
        assert names[-1] == own
        assert own not in names[2:4]


def test_the_earlier_emotion_is_counted_where_there_is_one() -> None:
    rows = shift_samples(CONVERSATIONS, None, seed=0)
    behind = rows["behind_another"]
    report = report_shift("sem_only", "behind_another", behind, [record(row.earlier_emotion) for row in behind])
    assert report.accuracy.value == 0
    assert report.earlier is not None
    assert report.earlier.value == 1
    assert report_shift("sem_only", "alone", rows["alone"], [record("sad")] * 3).earlier is None


def test_the_area_counts_pairs_in_the_right_order() -> None:
    assert report_neutral("x", np.array([0.9, 0.4]), np.array([0.1, 0.5])).auc == 0.75
    assert report_neutral("x", np.array([0.5]), np.array([0.5])).auc == 0.5


def test_a_source_of_one_kind_has_no_area() -> None:
    report = report_neutral("valid", np.zeros(0), np.array([0.1, 0.6, 0.2, 0.1]))
    assert report.auc is None
    assert report.plain_called is None
    assert report.emotional_called == 0.25
