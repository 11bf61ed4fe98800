"""The fine decision as a pure function: join the SEM's evidence with the LLM's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

from ..contract import ModelError, Reading, Verdict
from ..sem import Taxonomy
from ..sem.distribution import logs_of, normalise, pool

SCORE_WEIGHT = 0.15
"""Weight of the LLM's label scores beside the SEM's log-probabilities."""
VOTE = log(2)
"""What a bare label adds to its log-probability: it doubles the odds."""
ESCAPE = log(0.75)
"""What "none of these" adds to each primary emotion."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of the fine stage."""

    emotion: str
    """The decided label."""
    distribution: dict[str, float]
    """Joined probabilities, summing to 1."""


def combine(readings: Sequence[Reading]) -> dict[str, float]:
    """Return the geometric mean of the readings of all rounds, by their weights; the first look counts whole."""
    weights = [1.0, *(reading.weight for reading in readings[1:])]
    return pool([(one.distribution, held / sum(weights)) for one, held in zip(readings, weights, strict=True)])


def decide(readings: Sequence[Reading], verdict: Verdict | None, taxonomy: Taxonomy) -> Decision:
    """Decide among the candidates that the verdict leaves.

    Agreed: the primary emotions and their neighbours. Not agreed: all categories, with the
    primary ones discounted. Without a reading the LLM decides, without a judgement the SEM.

    Raises:
        ModelError: There is neither a reading nor a judgement.
    """
    if not readings:
        return _alone(verdict, taxonomy)
    sem = combine(readings)
    if verdict is None or verdict.form == "none":
        return _best(sem, taxonomy.labels)
    primary = readings[0].primary
    logs = _join(sem, verdict)
    if not verdict.agreed:
        logs = {label: value + (ESCAPE if label in primary else 0.0) for label, value in logs.items()}
    near = {*primary, *(other for label in primary for other in taxonomy.neighbours.get(label, ()))}
    return _best(
        normalise(logs),
        [label for label in taxonomy.labels if label in near] if verdict.agreed else taxonomy.labels,
    )


def obey(readings: Sequence[Reading], verdict: Verdict | None, taxonomy: Taxonomy) -> Decision:
    """Take the LLM's label where it named one; what strategy `one_prompt` does."""
    if verdict is None or verdict.emotion is None or not readings:
        return decide(readings, verdict, taxonomy)
    return Decision(verdict.emotion, normalise(_join(combine(readings), verdict)))


def _join(sem: dict[str, float], verdict: Verdict) -> dict[str, float]:
    logs = logs_of(sem)
    if verdict.scores is not None:
        return {label: value + SCORE_WEIGHT * verdict.scores[label] for label, value in logs.items()}
    return {label: value + (VOTE if label == verdict.emotion else 0.0) for label, value in logs.items()}


def _alone(verdict: Verdict | None, taxonomy: Taxonomy) -> Decision:
    if verdict is None or verdict.emotion is None:
        raise ModelError("neither the SEM nor the LLM named an emotion: see the faults of this turn")
    if verdict.scores is not None:
        return _best({label: exp(score) for label, score in verdict.scores.items()}, taxonomy.labels)
    rest = 0.5 / (len(taxonomy.labels) - 1)
    return Decision(verdict.emotion, {label: 0.5 if label == verdict.emotion else rest for label in taxonomy.labels})


def _best(distribution: dict[str, float], candidates: Sequence[str]) -> Decision:
    total = sum(distribution.values())
    distribution = {label: value / total for label, value in distribution.items()}
    return Decision(max(candidates, key=lambda label: distribution[label]), distribution)
