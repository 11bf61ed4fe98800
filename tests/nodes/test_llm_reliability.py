"""Reliability of LLMs that answer in words, on turns whose true emotion is drawn from the SEM's own probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hef.contract import Reading, Verdict
from hef.nodes.deciding.decision import decide
from hef.nodes.deciding.llm_reliability import (
    HOSTED_LLM,
    UNKNOWN_LLM,
    LabelConfusion,
    LlmReliability,
    ReliabilityPrior,
)
from hef.sem import EMPATHETIC_DIALOGUES as TAXONOMY
from hef.sem.distribution import primary_emotions

LABELS = TAXONOMY.labels


@dataclass(frozen=True)
class FeltTurn:
    """One turn: what the SEM reads, and what is felt."""

    reading: Reading
    emotion: str


Answerer = Callable[[FeltTurn, np.random.Generator], str]


def turns(count: int, seed: int = 0) -> list[FeltTurn]:
    """Draw turns of a calibrated SEM that is right about as often as the shipped one."""
    rng = np.random.default_rng(seed)
    drawn = []
    for probabilities in rng.dirichlet(np.full(len(LABELS), 0.045), count):
        distribution = dict(zip(LABELS, ((probabilities + 1e-4) / (1 + 1e-4 * len(LABELS))).tolist(), strict=True))
        reading = Reading(distribution=distribution, sem="drawn", primary=primary_emotions(distribution, 5))
        drawn.append(FeltTurn(reading, LABELS[rng.choice(len(LABELS), p=list(distribution.values()))]))
    return drawn


def right_in(share: float) -> Answerer:
    def answer(turn: FeltTurn, rng: np.random.Generator) -> str:
        return turn.emotion if rng.random() < share else str(rng.choice(LABELS))

    return answer


def any_primary(turn: FeltTurn, rng: np.random.Generator) -> str:
    return str(rng.choice(turn.reading.primary))


def favourite_or_primary(turn: FeltTurn, rng: np.random.Generator) -> str:
    return "proud" if "proud" in turn.reading.primary else any_primary(turn, rng)


HABITS: dict[str, Answerer] = {
    "one word": lambda turn, rng: "sad",
    "any word": right_in(0.0),
    "any primary emotion": any_primary,
    "the first offered": lambda turn, rng: turn.reading.primary[0],
    "the second offered": lambda turn, rng: turn.reading.primary[1],
    "the last offered": lambda turn, rng: turn.reading.primary[-1],
    "the first in the alphabet": lambda turn, rng: min(turn.reading.primary),
    "a favourite where it is offered": favourite_or_primary,
}


def accuracies(
    answerer: Answerer, felt_turns: list[FeltTurn], prior: ReliabilityPrior = UNKNOWN_LLM
) -> tuple[float, float, float, float]:
    """Return how often SEM, LLM and the decision are right, and the last estimate; no answer is known at first."""
    rng, confusion = np.random.default_rng(1), LabelConfusion(TAXONOMY)
    reliability = LlmReliability(confusion, prior)
    right = np.zeros(3)
    for turn in felt_turns:
        label, reading = answerer(turn, rng), turn.reading
        verdict = Verdict(
            emotion=label,
            form="generated",
            model="drawn",
            agreed=label in reading.primary,
            likelihoods=reliability.likelihoods(label, reading.primary),
            reliability=reliability.reliability,
        )
        decision = decide([reading], verdict, TAXONOMY)
        confusion.observe(reading.distribution)
        reliability.observe(label, reading.distribution, reading.primary)
        right += [given == turn.emotion for given in (reading.ranked[0], label, decision.emotion)]
    sem, llm, joined = right / len(felt_turns)
    return float(sem), float(llm), float(joined), reliability.reliability


@pytest.mark.parametrize("habit", HABITS)
def test_an_llm_that_does_not_read_costs_the_sem_at_most_half_a_point(habit: str) -> None:
    sem, _, joined, reliability = accuracies(HABITS[habit], turns(600))

    assert joined >= sem - 0.005
    assert reliability < 0.1


@pytest.mark.parametrize("share", [0.2, 0.4, 0.65, 0.9])
def test_with_an_llm_that_reads_the_decision_is_at_least_as_good_as_both(share: float) -> None:
    sem, llm, joined, reliability = accuracies(right_in(share), turns(600))

    assert joined > max(sem, llm) if share < 0.9 else joined >= llm
    assert reliability == pytest.approx(share, abs=0.2)


def test_a_few_answers_tell_a_reader_from_a_habit() -> None:
    reads, repeats = (accuracies(answerer, turns(15))[3] for answerer in (right_in(0.8), HABITS["one word"]))

    assert reads > 0.5
    assert repeats < 0.2


@pytest.mark.parametrize("share", [0.4, 0.9])
def test_a_hosted_llm_that_reads_is_believed_from_its_first_answers(share: float) -> None:
    first = [turns(4, seed) for seed in range(60)]  # each one a process that has just begun

    (sem, llm, hosted, _), (_, _, unknown, _) = (
        np.mean([accuracies(right_in(share), some, prior) for some in first], axis=0)
        for prior in (HOSTED_LLM, UNKNOWN_LLM)
    )

    assert hosted > max(sem, llm, unknown + 0.01)


@pytest.mark.parametrize("habit", HABITS)
def test_a_hosted_llm_that_does_not_read_is_found_out_later(habit: str) -> None:
    sem, _, joined, reliability = accuracies(HABITS[habit], turns(600), HOSTED_LLM)

    assert joined >= sem - 0.065
    assert reliability < 0.5


def test_an_llm_that_stops_reading_is_found_out() -> None:
    rng, reliability = np.random.default_rng(1), LlmReliability(LabelConfusion(TAXONOMY))
    for number, turn in enumerate(turns(600)):
        label = right_in(0.9)(turn, rng) if number < 200 else "sad"
        reliability.observe(label, turn.reading.distribution, turn.reading.primary)

    assert reliability.reliability < 0.1


def test_the_answer_of_a_reader_speaks_for_itself_and_then_for_its_neighbours() -> None:
    reliability = LlmReliability(LabelConfusion(TAXONOMY))

    likelihoods = reliability.likelihoods("furious", ("sad", "proud"))

    assert max(likelihoods, key=lambda label: likelihoods[label]) == "furious"
    assert all(0 < value <= 1 for value in likelihoods.values())
    assert min(likelihoods[label] for label in TAXONOMY.neighbours["furious"]) > likelihoods["joyful"]


def test_labels_that_the_sem_finds_together_become_alike() -> None:
    confusion = LabelConfusion(TAXONOMY)
    reliability = LlmReliability(confusion)
    torn = {label: 0.5 if label in ("proud", "sad") else 0.0 for label in LABELS}
    before = reliability.likelihoods("proud", ())["sad"]
    for _ in range(30):
        confusion.observe(torn)

    assert reliability.likelihoods("proud", ())["sad"] > before


def test_a_reading_that_was_edited_to_other_numbers_counts_as_one_turn() -> None:
    (turn,) = turns(1)
    estimates = []
    for factor in (1.0, 1e-200, 1000.0, 1e200):
        confusion = LabelConfusion(TAXONOMY)
        reliability = LlmReliability(confusion)
        edited = {label: factor * value for label, value in turn.reading.distribution.items()}
        confusion.observe(edited)
        reliability.observe(turn.emotion, edited, turn.reading.primary)
        estimates.append([reliability.reliability, *reliability.likelihoods("sad", turn.reading.primary).values()])

    for estimate in estimates[1:]:
        assert estimate == pytest.approx(estimates[0])


@pytest.mark.parametrize(("false_answers", "points"), [(64, 0.015), (256, 1.0)])
def test_one_person_can_spoil_the_estimate_up_to_the_sems_own_decisions(false_answers: int, points: float) -> None:
    rng, confusion = np.random.default_rng(1), LabelConfusion(TAXONOMY)
    reliability, reader = LlmReliability(confusion), right_in(0.65)
    for turn in turns(256, seed=1):
        confusion.observe(turn.reading.distribution)
        reliability.observe(reader(turn, rng), turn.reading.distribution, turn.reading.primary)
    answered = [(turn, reader(turn, rng)) for turn in turns(600, seed=2)]

    def accuracy() -> float:
        right = 0
        for turn, label in answered:
            verdict = Verdict(
                emotion=label,
                form="generated",
                model="drawn",
                agreed=label in turn.reading.primary,
                likelihoods=reliability.likelihoods(label, turn.reading.primary),
                reliability=reliability.reliability,
            )
            right += decide([turn.reading], verdict, TAXONOMY).emotion == turn.emotion
        return right / len(answered)

    before = accuracy()
    for turn in turns(false_answers, seed=3):
        reliability.observe(turn.reading.ranked[-1], turn.reading.distribution, turn.reading.primary)
    after = accuracy()

    sem = sum(turn.reading.ranked[0] == turn.emotion for turn, _ in answered) / len(answered)
    assert before - after <= points
    assert after >= sem - 0.005
