"""Judges of known reliability."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hef.contract import HefContext, ModelError, SetupError
from hef.evaluation.emotion.scripted_judges import scripted_judge
from hef.evaluation.emotion.turn_record import record_turns
from hef.evaluation.llm_cache import AnswerCache
from hef.graph import create_emotion_graph
from synthetic import LABELS, SyntheticSem

SAMPLES = SyntheticSem(2000).samples


def said(spec: str, seed: int = 0) -> list[str]:
    judge = scripted_judge(spec, LABELS, seed)
    assert judge is not None
    return [judge.answer(sample) for sample in SAMPLES]


def right(answers: list[str]) -> float:
    return sum(one == sample.emotion for one, sample in zip(answers, SAMPLES, strict=True)) / len(SAMPLES)


@pytest.mark.parametrize(
    ("spec", "share"), [("oracle:0.3", 0.3), ("oracle:0.9", 0.9), ("oracle:1", 1), ("adversary", 0)]
)
def test_a_judge_is_right_as_often_as_it_is_told(spec: str, share: float) -> None:
    assert right(said(spec)) == pytest.approx(share, abs=0.03 if 0 < share < 1 else 0)


def test_wrong_answers_are_spread_over_all_labels() -> None:
    assert set(said("adversary")) == set(LABELS)


def test_what_a_judge_says_depends_on_seed_and_sample_alone() -> None:
    assert said("oracle:0.5") == said("oracle:0.5")
    assert said("oracle:0.5") != said("oracle:0.5", seed=1)


def test_a_constant_judge_says_one_label() -> None:
    assert set(said("constant:sad")) == {"sad"}


@pytest.mark.parametrize(
    "spec", ["oracle", "oracle:", "oracle:1.5", "oracle:often", "constant:peckish", "adversary:0.2"]
)
def test_a_judge_that_cannot_be_is_refused(spec: str) -> None:
    with pytest.raises(SetupError, match="the model is"):
        scripted_judge(spec, LABELS)


@pytest.mark.parametrize("spec", [None, "embedded", "openai:gpt", "huggingface:oracle"])
def test_other_models_are_none_of_its_business(spec: str | None) -> None:
    assert scripted_judge(spec, LABELS) is None


def test_outside_an_evaluation_there_is_no_label_to_say() -> None:
    judge = scripted_judge("oracle:1", LABELS)
    assert judge is not None
    with pytest.raises(ModelError, match="only answers within"):
        judge.invoke("How do I feel?")


def test_no_prompt_depends_on_the_true_label(scripted: Any) -> None:
    sem, model = SyntheticSem(1), scripted("sad")
    hef = create_emotion_graph(model=model, sem=sem).compile()
    for emotion in LABELS[:2]:
        sample = replace(sem.samples[0], emotion=emotion)
        record_turns(hef, HefContext(max_requeries=0), [sample], AnswerCache("scripted"), LABELS)

    first, second = ([str(message.text) for message in prompt] for prompt in model.prompts)
    assert first == second


def test_a_turn_in_which_the_llm_alone_names_nothing_counts_as_a_guess(scripted: Any) -> None:
    sem = SyntheticSem(1)
    hef = create_emotion_graph(model=scripted("I cannot say."), sem=sem).compile()

    (record,) = record_turns(hef, HefContext(strategy="llm_only"), sem.samples, AnswerCache("scripted"), LABELS)

    assert record.last_verdict is None
    assert record.prediction.distribution == pytest.approx(dict.fromkeys(LABELS, 1 / 32))
