"""The fitted join: what it finds, and the promise that HEF is never below its better half."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import log
from typing import Any

import numpy as np
import pytest
from hef.contract import HefContext, PoolingWeights, Reading, SetupError, Turn, Verdict
from hef.contract.numerics import fit_conditional_logit, log_softmax
from hef.data.conversations import Sample
from hef.evaluation.caching_models import with_cache
from hef.evaluation.emotion.emotion_run import EmotionRun, run_emotion
from hef.evaluation.emotion.pooling_fit import PoolingExample, fit_join
from hef.evaluation.emotion.scripted_judges import MEASURED_SAMPLE, scripted_judge
from hef.evaluation.emotion.sem_llm_pair import SemLlmPair
from hef.evaluation.metrics import mean_estimate
from hef.llm import calibrated
from hef.nodes.deciding.decision import decide
from hef.sem import EMPATHETIC_DIALOGUES as TAXONOMY
from hef.sem.distribution import primary_emotions
from langchain_core.language_models import FakeListChatModel
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from synthetic import LABELS, SyntheticSem

NAMED: dict[str, Any] = {"sem": "synthetic", "model": "judge", "data": "own", "date": "2026-11-24"}


@lru_cache
def measured(spec: str, count: int = 400) -> EmotionRun:
    sem = SyntheticSem(count)
    judge = scripted_judge(spec, LABELS)
    assert judge is not None
    strategies: Any = ("sem_only", "llm_only", "two_stage")
    pair = SemLlmPair(sem, *with_cache(judge))
    return run_emotion(pair, strategies, sem.samples, HefContext(), data="own", fit_share=0.5)


def accuracy(run: EmotionRun) -> dict[str, float]:
    return {report.strategy: report.top1.value for report in run.reports}


def test_a_fair_judge_and_the_sem_are_better_than_both() -> None:
    run = measured("oracle:0.6")

    assert run.gain is not None
    assert run.gain.gain.low > 0


@pytest.mark.parametrize(("spec", "count"), [("oracle:0.6", 1000), ("oracle:0.9", 4000)])
def test_a_fair_and_a_strong_judge_are_never_held_back(spec: str, count: int) -> None:
    # Without the graph, so that there are enough samples for the interval of a small gain.
    sem, judge = SyntheticSem(count), scripted_judge(spec, LABELS)
    assert judge is not None
    readings = sem.read([sample.turns for sample in sem.samples])
    verdicts = [named(judge.answer(sample)) for sample in sem.samples]
    rows = list(zip(readings, verdicts, sem.samples, strict=True))
    fit = fit_join(
        [PoolingExample.from_turn([read], said, held, LABELS) for read, said, held in rows[: count // 2]],
        LABELS,
        **NAMED,
    )
    right = [
        [decide([read], said, TAXONOMY, fit).emotion == held.emotion, said.emotion == held.emotion]
        for read, said, held in rows[count // 2 :]
    ]
    joined, alone = np.array(right, dtype=float).T

    assert mean_estimate(joined - alone, bounds=(-1, 1)).low > 0


def named(emotion: str) -> Verdict:
    return Verdict(turn="t", agreed=False, emotion=emotion, form="generated")


@pytest.mark.parametrize(("spec", "count"), [("oracle:0.3", 120), ("constant:sad", 200), ("adversary", 200)])
def test_a_bad_judge_does_not_drag_the_sem_down(spec: str, count: int) -> None:
    run = measured(spec, count)

    assert run.gain is not None
    assert run.gain.baseline == "sem_only"
    assert run.gain.gain.value >= 0


def test_a_judge_that_always_says_the_same_gets_no_weight() -> None:
    run = measured("constant:sad", 200)

    assert run.fit is not None
    assert (run.fit.vote_first, run.fit.vote_primary, run.fit.vote_outside, run.fit.bias) == (0, 0, 0, {})


def test_a_judge_that_is_always_wrong_never_gets_a_vote_in_favour() -> None:
    run = measured("adversary", 200)

    assert run.fit is not None
    assert max(run.fit.vote_first, run.fit.vote_primary, run.fit.vote_outside) <= 0


def test_a_judge_that_knows_more_and_costs_decisions_gets_no_weight() -> None:
    first, other = LABELS[:2]

    def turn(number: int, sem: dict[str, float], scores: dict[str, float]) -> PoolingExample:
        rest = (1 - sum(sem.values())) / (len(LABELS) - len(sem))
        verdict = Verdict(
            turn="t", agreed=False, emotion=other, form="scored", scores={**dict.fromkeys(LABELS, 0.0), **scores}
        )
        return PoolingExample({label: sem.get(label, rest) for label in LABELS}, LABELS[:5], verdict, 0, f"c{number}")

    # Where the SEM is right by little the judge turns it over; where it is far off, the judge comes nearer.
    near = [turn(i, {first: 0.4, other: 0.39}, {first: 2.0, other: 2.2}) for i in range(60)]
    far = [turn(i, {first: 0.01, other: 0.9}, {first: 4.0}) for i in range(60, 100)]
    fit = fit_join([*near, *far], LABELS, **NAMED)

    assert fit.llm_weight == 0
    assert fit_join(far, LABELS, **NAMED).llm_weight > 0


def test_an_oracles_vote_is_what_its_reliability_is_worth() -> None:
    run = measured("oracle:0.6")

    assert run.fit is not None
    assert run.fit.vote_primary == pytest.approx(log(0.6 * 31 / 0.4), abs=0.6)
    assert run.fit.sem_weight == pytest.approx(1, abs=0.15)


def test_fitting_and_measuring_are_kept_apart_by_conversation() -> None:
    run = measured("oracle:0.6")

    assert run.fit is not None
    assert run.fit.origin is not None
    assert run.fit.origin.samples + len(run.samples) == 400
    assert run.fit.origin.conversations + len({sample.conv_id for sample in run.samples}) == 200


def test_with_cross_fitting_every_conversation_is_measured_by_a_fit_that_has_not_seen_it() -> None:
    count = 20
    sem, judge = SyntheticSem(count), scripted_judge("oracle:0.6", LABELS)
    assert judge is not None
    names: Any = ("llm_only", "two_stage")
    options: Any = {"data": "own", "fit_share": 0.5}
    always = HefContext(ask="always")  # so that each turn has a judgement, and the fit that joined it
    pair = SemLlmPair(sem, *with_cache(judge))
    run = run_emotion(pair, names, sem.samples, always, **options, cross_fit=True)
    plain = run_emotion(pair, names, sem.samples, always, **options)
    records = run.records["two_stage"]
    fits = {record.fit.model_dump_json(): record.fit for record in records if record.fit}

    assert sorted(sample.conv_id for sample in run.samples) == sorted(sample.conv_id for sample in sem.samples)
    assert run.samples[: len(plain.samples)] == plain.samples
    assert [one.prediction for one in records[: len(plain.samples)]] == [
        one.prediction for one in plain.records["two_stage"]
    ]
    assert len(fits) == 2
    for fit in fits.values():
        assert fit.origin is not None
        own = [sample for sample, record in zip(run.samples, records, strict=True) if record.fit == fit]
        assert fit.origin.samples + len(own) == count
    assert run.fit is not None
    assert run.fit.origin is not None
    assert run.fit.origin.samples == count


def answering(firsts: Sequence[float], helps: Callable[[float], bool]) -> list[PoolingExample]:
    """Return evidence of a SEM that is right as often as it says, and of an LLM that else names the second choice.

    Where the LLM does not help it names what the SEM found.
    """
    chance, found = np.random.default_rng(2), []
    for number, first in enumerate(firsts):
        one, two = chance.choice(LABELS, 2, replace=False).tolist()
        shares = dict.fromkeys(LABELS, 0.01 / 30) | {one: first, two: 0.99 - first}
        target = one if chance.random() < first else two
        answer = target if helps(first) else one
        likelihoods = dict.fromkeys(LABELS, 0.4 / 31) | {answer: 0.6}
        verdict = Verdict(emotion=answer, answer=answer, likelihoods=likelihoods, reliability=0.6, form="generated")
        reading = Reading(distribution=shares, primary=(one, two))
        sample = Sample((Turn("speaker", "Hm."),), target, f"c{number // 2}")
        found.append(PoolingExample.from_turn([reading], verdict, sample, LABELS))
    return found


def test_the_llm_is_asked_below_the_probability_from_which_on_it_adds_nothing() -> None:
    firsts = [first for first in (0.52, 0.57, 0.62, 0.72, 0.92) for _ in range(60)]

    fit = fit_join(answering(firsts, lambda first: first < 0.6), LABELS, **NAMED)

    assert fit.llm_weight > 0 or fit.vote_primary > 0
    assert fit.ask_below == 0.6


def test_an_llm_that_helps_wherever_the_sem_is_unsure_is_always_asked() -> None:
    firsts = [first for first in (0.52, 0.72, 0.96) for _ in range(60)]

    assert fit_join(answering(firsts, lambda first: True), LABELS, **NAMED).ask_below is None


def test_a_judge_without_weight_is_never_asked_and_the_fit_that_says_so_is_kept() -> None:
    run = measured("constant:sad", 200)

    assert run.fit is not None
    assert run.fit.ask_below == 0
    assert run.fit.origin is not None
    assert [record.usage.calls for record in run.records["two_stage"]] == [0] * len(run.samples)
    assert [report.stages.no_label_rate for report in run.reports[2:] if report.stages] == [None]


def test_a_join_is_fitted_on_turns_in_which_the_sem_is_sure_too() -> None:
    sem, judge = SyntheticSem(60), scripted_judge("oracle:0.6", LABELS)
    assert judge is not None

    fit = SemLlmPair(sem, *with_cache(judge)).fit(HefContext(), sem.samples, data="own", seed=0)

    assert fit.origin is not None
    assert fit.origin.samples == 60


def scoring(sharpness: float, count: int = 600) -> list[PoolingExample]:
    """Return evidence of a SEM, and of an LLM whose scores are noise, and in part the truth."""
    sem, chance = SyntheticSem(count), np.random.default_rng(1)
    found = []
    for sample, reading in zip(sem.samples, sem.read([sample.turns for sample in sem.samples]), strict=True):
        raw = chance.normal(0, 2, len(LABELS)) + sharpness * (np.array(LABELS) == sample.emotion)
        logs = raw - np.log(np.exp(raw).sum())
        scores = dict(zip(LABELS, logs.tolist(), strict=True))
        verdict = Verdict(turn="t", agreed=True, emotion=LABELS[int(logs.argmax())], scores=scores, form="scored")
        reading = reading.model_copy(update={"primary": primary_emotions(reading.distribution, 5)})
        found.append(PoolingExample.from_turn([reading], verdict, sample, LABELS))
    return found


def test_scores_that_are_noise_get_no_weight() -> None:
    assert fit_join(scoring(0.0), LABELS, **NAMED).llm_weight == 0


def test_scores_that_say_something_get_the_weight_of_the_likelihood() -> None:
    # With normal noise of variance 4 and a step of s, the log-likelihood ratio is s / 4 times the score.
    fit = fit_join(scoring(3.0, 2000), LABELS, **NAMED)

    assert fit.llm_weight == pytest.approx(3 / 4, abs=0.08)
    assert fit.origin is not None
    assert fit.origin.before < fit.origin.held_out <= fit.origin.after + 1e-3


class ScoringJudge(FakeListChatModel):
    """Scores the true label well, and has an inclination that an answer about nothing shows rightly or wrongly."""

    inclined: float
    """What it adds to the first half of the labels whatever it reads."""
    shown: float
    """What an answer about nothing shows of it."""
    responses: list[str] = Field(default_factory=lambda: ["Well."])

    def score_choices(
        self, messages: Any, choices: Any, *, prefix: str = "", content_free: Any = ()
    ) -> dict[str, float]:
        asked = MEASURED_SAMPLE.get()
        about_nothing = not any("Sentence" in message.text for message in messages)
        lean = self.shown if about_nothing else self.inclined
        known = {asked.emotion: 4.0} if asked and not about_nothing else {}
        raw = [known.get(label, 0.0) + (lean if at < 16 else 0.0) for at, label in enumerate(choices)]
        neutral = [list(self.score_choices(empty, choices).values()) for empty in content_free]
        return calibrated(choices, raw, neutral)

    async def ascore_choices(self, *arguments: Any, **named: Any) -> dict[str, float]:
        return self.score_choices(*arguments, **named)


@pytest.mark.parametrize(("inclined", "shown", "taken_off"), [(6.0, 6.0, True), (0.0, 6.0, False)])
def test_the_answer_about_nothing_is_taken_off_where_the_llm_is_better_so(
    inclined: float, shown: float, taken_off: bool
) -> None:
    sem = SyntheticSem(60)
    pair = SemLlmPair(sem, *with_cache(ScoringJudge(inclined=inclined, shown=shown)))
    run = run_emotion(pair, ("llm_only", "two_stage"), sem.samples, HefContext(), data="own", fit_share=0.5)

    assert run.fit is not None
    assert run.fit.content_free is taken_off
    assert accuracy(run)["llm_only"] == 1.0


def test_what_is_fitted_is_what_the_graph_decides_by() -> None:
    evidence = scoring(3.0, 200)
    fit = fit_join(evidence, LABELS, **NAMED)
    sem = SyntheticSem(200)
    readings = [
        reading.model_copy(update={"primary": one.primary})
        for reading, one in zip(sem.read([sample.turns for sample in sem.samples]), evidence, strict=True)
    ]
    shares = [
        decide([reading], one.verdict, TAXONOMY, fit).distribution[sample.emotion]
        for reading, one, sample in zip(readings, evidence, sem.samples, strict=True)
    ]

    assert fit.origin is not None
    assert np.log(shares).mean() == pytest.approx(fit.origin.after, abs=2e-3)


def test_an_llm_that_never_names_a_label_cannot_be_fitted() -> None:
    with pytest.raises(SetupError, match="named no emotion"):
        fit_join([], LABELS, **NAMED)


def test_turns_of_one_conversation_are_too_few() -> None:
    with pytest.raises(SetupError, match="one conversation"):
        fit_join(scoring(1.0, 2), LABELS, **NAMED)


def test_a_conditional_logit_over_two_alternatives_is_a_logistic_regression() -> None:
    chance = np.random.default_rng(0)
    held = chance.normal(size=(300, 3))
    wanted = (chance.random(300) < 1 / (1 + np.exp(-held @ [1.0, -2.0, 0.5]))).astype(int)
    features = np.stack([np.zeros_like(held), held], axis=1)

    found = fit_conditional_logit(features, wanted, np.zeros(3), np.full(3, 0.1))

    expected = LogisticRegression(C=10, fit_intercept=False, tol=1e-10).fit(held, wanted).coef_[0]
    assert found == pytest.approx(expected, abs=1e-4)
    assert np.exp(log_softmax(features @ found)).sum(axis=1) == pytest.approx(1)


def test_a_fit_survives_its_file(tmp_path: Any) -> None:
    fit = fit_join(scoring(3.0, 200), LABELS, **NAMED)
    fit.write(tmp_path / "new" / "fit.json")

    assert PoolingWeights.from_file(tmp_path / "new" / "fit.json") == fit
