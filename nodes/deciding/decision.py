"""The emotion decision as a pure function: log-linear pooling of the SEM's evidence and the LLM's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp

from ...contract import ModelError, PoolingWeights, Reading, Verdict
from ...contract.settings.pooling_weights import Form
from ...sem import Taxonomy
from ...sem.distribution import log_probabilities, normalise, pool, primary_emotions

UNCERTAIN_BELOW = 0.15
"""Probability of the decided emotion below which it is uncertain; such decisions were never right on 480 turns."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of the decision."""

    emotion: str
    """The decided label."""
    distribution: dict[str, float]
    """Joined probabilities, summing to 1."""


def decide(
    readings: Sequence[Reading], verdict: Verdict | None, taxonomy: Taxonomy, fit: PoolingWeights | None = None
) -> Decision:
    """Decide among the candidates that the verdict leaves.

    Agreed: the primary emotions, their neighbours, and what the LLM named if it became one of them with a later round.
    Not agreed: all categories, with the primary ones weighed by the fit's `escape`. Without a reading the LLM decides,
    without a judgement the SEM.

    Args:
        readings: What the SEM read, one reading per round.
        verdict: The LLM's judgement.
        taxonomy: The labels and their neighbours.
        fit: Pooling weights of the pair; None, or weights for the other form of judgement, takes the default ones.

    Raises:
        ModelError: There is neither a reading nor a judgement.
    """
    if not readings:
        return _llm_only(verdict, taxonomy)
    if verdict is None or verdict.form == "none":
        return _argmax_among(pool_rounds(readings), taxonomy.labels)
    distribution = _joined_distribution(readings, verdict, fit)
    if not verdict.agreed:
        return _argmax_among(distribution, taxonomy.labels)
    primary = readings[0].primary
    later = {label for reading in readings for label in reading.primary}
    later |= set(primary_emotions(pool_rounds(readings), len(primary)))
    candidates = {*primary, *(other for label in primary for other in taxonomy.neighbours.get(label, ()))}
    candidates |= later & {verdict.emotion}
    return _argmax_among(distribution, [label for label in taxonomy.labels if label in candidates])


def decide_by_llm(
    readings: Sequence[Reading], verdict: Verdict | None, taxonomy: Taxonomy, fit: PoolingWeights | None = None
) -> Decision:
    """Use the LLM's label if there is one; the rule of strategy `one_prompt`."""
    if verdict is None or verdict.emotion is None or verdict.form == "none" or not readings:
        return decide(readings, verdict, taxonomy, fit)
    return Decision(verdict.emotion, _joined_distribution(readings, verdict, fit))


def pool_rounds(readings: Sequence[Reading]) -> dict[str, float]:
    """Return the geometric mean of the readings of all rounds by their pool weights; the first one weighs 1."""
    weights = [1.0, *(reading.pool_weight for reading in readings[1:])]
    total = sum(weights)
    return pool([(reading.distribution, weight / total) for reading, weight in zip(readings, weights, strict=True)])


def join(sem: Mapping[str, float], primary: Sequence[str], verdict: Verdict, fit: PoolingWeights) -> dict[str, float]:
    """Return the joined log-probability of each label, not normalised; linear in the fit's parameters.

    Args:
        sem: The SEM's probabilities, pooled over its rounds.
        primary: The primary emotions of its first round.
        verdict: The LLM's judgement.
        fit: The parameters; those of the verdict's form are used.
    """
    logs = {label: fit.sem_weight * value + fit.bias.get(label, 0.0) for label, value in log_probabilities(sem).items()}
    if verdict.scores is not None:
        logs = {label: value + fit.llm_weight * verdict.scores[label] for label, value in logs.items()}
    elif verdict.emotion is not None:
        if fit.llm_weight and verdict.likelihoods is not None:
            evidence = log_probabilities(verdict.likelihoods)
            logs = {label: value + fit.llm_weight * evidence[label] for label, value in logs.items()}
        logs[verdict.emotion] += _vote(verdict.emotion, sem, primary, fit)
    if not verdict.agreed:
        logs |= {label: logs[label] + fit.escape for label in primary}
    return logs


def pooling_form(verdict: Verdict) -> Form:
    """Return in which form an LLM judged that named an emotion."""
    return "scored" if verdict.scores is not None else "generated"


def _vote(label: str, sem: Mapping[str, float], primary: Sequence[str], fit: PoolingWeights) -> float:
    """Return the weight of a bare label, which depends on its rank with the SEM."""
    if sem[label] == max(sem.values()):
        return fit.vote_first
    return fit.vote_primary if label in primary else fit.vote_outside


def _joined_distribution(readings: Sequence[Reading], verdict: Verdict, fit: PoolingWeights | None) -> dict[str, float]:
    form = pooling_form(verdict)
    if fit is None or fit.form != form:
        fit = PoolingWeights.default(readings[0].sem, verdict.model or "", form, verdict.reliability)
    return normalise(join(pool_rounds(readings), readings[0].primary, verdict, fit))


def _llm_only(verdict: Verdict | None, taxonomy: Taxonomy) -> Decision:
    if verdict is None or verdict.emotion is None:
        raise ModelError("neither the SEM nor the LLM named an emotion: see the faults of this turn")
    if verdict.scores is not None:
        return _argmax_among({label: exp(score) for label, score in verdict.scores.items()}, taxonomy.labels)
    rest = 0.5 / (len(taxonomy.labels) - 1)
    return Decision(verdict.emotion, {label: 0.5 if label == verdict.emotion else rest for label in taxonomy.labels})


def _argmax_among(distribution: dict[str, float], candidates: Sequence[str]) -> Decision:
    total = sum(distribution.values())
    distribution = {label: value / total for label, value in distribution.items()}
    return Decision(max(candidates, key=lambda label: distribution[label]), distribution)
