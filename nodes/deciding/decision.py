"""The fine decision as a pure function: join the SEM's evidence with the LLM's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

from ...contract import ModelError, PoolingWeights, Reading, Verdict
from ...sem import Taxonomy
from ...sem.distribution import normalise, pool
from .join import join, pooling_form


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of the fine stage."""

    emotion: str
    """The decided label."""
    distribution: dict[str, float]
    """Joined probabilities, summing to 1."""


def pool_rounds(readings: Sequence[Reading]) -> dict[str, float]:
    """Return the geometric mean of the readings of all rounds, by their weights; the first look counts whole."""
    weights = [1.0, *(reading.pool_weight for reading in readings[1:])]
    return pool([(one.distribution, held / sum(weights)) for one, held in zip(readings, weights, strict=True)])


def decide(
    readings: Sequence[Reading], verdict: Verdict | None, taxonomy: Taxonomy, fit: PoolingWeights | None = None
) -> Decision:
    """Decide among the candidates that the verdict leaves.

    Agreed: the primary emotions and their neighbours. Not agreed: all categories, with the
    primary ones weighed by what the escape of this LLM is worth. Without a reading the LLM
    decides, without a judgement the SEM.

    Args:
        readings: What the SEM read, one a round.
        verdict: The LLM's judgement.
        taxonomy: The labels and their neighbours.
        fit: How the pair is joined; None, or one for the other form of judgement, means with caution.

    Raises:
        ModelError: There is neither a reading nor a judgement.
    """
    if not readings:
        return _llm_only(verdict, taxonomy)
    if verdict is None or verdict.form == "none":
        return _argmax_among(pool_rounds(readings), taxonomy.labels)
    joined = _joined(readings, verdict, fit)
    primary = readings[0].primary
    near = {*primary, *(other for label in primary for other in taxonomy.neighbours.get(label, ()))}
    return _argmax_among(
        joined, [label for label in taxonomy.labels if label in near] if verdict.agreed else taxonomy.labels
    )


def decide_by_llm(
    readings: Sequence[Reading], verdict: Verdict | None, taxonomy: Taxonomy, fit: PoolingWeights | None = None
) -> Decision:
    """Take the LLM's label where it named one; what strategy `one_prompt` does."""
    if verdict is None or verdict.emotion is None or verdict.form == "none" or not readings:
        return decide(readings, verdict, taxonomy, fit)
    return Decision(verdict.emotion, _joined(readings, verdict, fit))


def _joined(readings: Sequence[Reading], verdict: Verdict, fit: PoolingWeights | None) -> dict[str, float]:
    form = pooling_form(verdict)
    chosen = fit if fit and fit.form == form else PoolingWeights.default(readings[0].sem, verdict.model or "", form)
    return normalise(join(pool_rounds(readings), readings[0].primary, verdict, chosen))


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
