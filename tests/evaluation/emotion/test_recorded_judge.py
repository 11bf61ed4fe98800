"""A judge whose answers were recorded before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hef.contract import HefContext, SetupError, Turn
from hef.data.conversations import Sample
from hef.evaluation.caching_models import with_cache
from hef.evaluation.emotion.recorded_judge import RecordedJudge, recorded_judge
from hef.evaluation.emotion.sem_llm_pair import SemLlmPair
from hef.evaluation.emotion.turn_record import TurnRecord
from synthetic import SyntheticSem

ROW = {"conv_id": "own:0", "turn": 1, "alone": "sad", "coarse": "none", "hypothesis": "lonely"}


def recorded(path: Path, *rows: dict[str, Any]) -> RecordedJudge:
    path.write_text("\n".join(map(json.dumps, rows)))
    judge, broken = recorded_judge(f"recorded:{path}")
    assert judge is not None
    assert broken == []
    return judge


def judged(judge: RecordedJudge, **settings: Any) -> list[TurnRecord]:
    sem = SyntheticSem(1)
    pair = SemLlmPair(sem, *with_cache(judge))
    return pair.record("", HefContext(**settings), judge.recorded(sem.samples, [settings["strategy"]]))


def test_each_question_is_answered_by_its_own_answer(tmp_path: Path) -> None:
    sem = SyntheticSem(1)
    least = sem.read([sem.samples[0].turns])[0].ranked[-1]
    judge = recorded(tmp_path / "own.jsonl", {**ROW, "alone": least})

    (alone,), (both,) = judged(judge, strategy="llm_only"), judged(judge, strategy="two_stage", ask="always")
    (paper,) = judged(judge, strategy="two_stage", ask="always", first_question="primary", max_requeries=0)

    assert alone.prediction.emotion == least
    assert [verdict.emotion for verdict in both.verdicts] == [least, "lonely"]
    assert [verdict.emotion for verdict in paper.verdicts] == ["lonely"]
    assert judge.model_name == "recorded:own.jsonl"


@pytest.mark.parametrize("given", ["alone", "coarse"])
def test_one_answer_stands_for_the_other_in_two_stages(given: str, tmp_path: Path) -> None:
    judge = recorded(tmp_path / "own.jsonl", {"conv_id": "own:0", "turn": 1, given: "guilty"})

    (record,) = judged(judge, strategy="two_stage", ask="always")

    assert {verdict.emotion for verdict in record.verdicts} == {"guilty"}
    assert judge.strategies == (["llm_only", "two_stage"] if given == "alone" else ["two_stage"])


def test_an_answer_in_words_without_a_label_gives_no_verdict(tmp_path: Path) -> None:
    refusal = "I'm grateful for the question, but I can't help with that."
    judge = recorded(tmp_path / "own.jsonl", {"conv_id": "own:0", "turn": 1, "coarse": refusal})

    (record,) = judged(judge, strategy="two_stage")

    assert record.last_verdict is None
    assert judge.strategies == ["two_stage"]


def test_turns_without_an_answer_are_left_out(tmp_path: Path) -> None:
    judge = recorded(tmp_path / "own.jsonl", ROW, {"conv_id": "own:1", "turn": 1, "alone": "sad"})
    turns = (Turn("speaker", "Hm."),)
    one, other, later = Sample(turns, "sad", "own:0"), Sample(turns, "sad", "own:1"), Sample(turns * 3, "sad", "own:0")

    assert judge.recorded([one, other, later], ["sem_only", "llm_only"]) == [one, other]
    assert judge.recorded([one, other, later], ["llm_only", "two_stage"]) == [one, other]
    with pytest.raises(SetupError, match="for none of the 1 turns; it holds answers for llm_only and two_stage"):
        judge.recorded([one], ["one_prompt"])


def test_rows_that_answer_nothing_are_named(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    rows: list[Any] = [ROW, {"conv_id": "a", "turn": 1}, {"alone": "sad"}, {**ROW, "alone": 3}]
    path.write_text("\n".join(map(json.dumps, rows)))

    judge, broken = recorded_judge(f"recorded:{path}")

    assert judge is not None
    assert len(judge.recordings) == 1
    assert [message.split(": ")[0] for message in broken] == ["own.jsonl:2", "own.jsonl:3", "own.jsonl:4"]
    with pytest.raises(SetupError, match="there is no file"):
        recorded_judge(f"recorded:{tmp_path / 'none.jsonl'}")
    assert recorded_judge("openai:recorded") == (None, [])
