"""Join the SEM's and the LLM's evidence about each label, as a fit of the pair says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...contract import PoolingWeights, Verdict
from ...contract.pooling_weights import Form
from ...sem.distribution import logs_of


def join(sem: Mapping[str, float], primary: Sequence[str], verdict: Verdict, fit: PoolingWeights) -> dict[str, float]:
    """Return the joined log-probability of each label, not normalised; linear in the fit's parameters.

    Args:
        sem: The SEM's probabilities, over all its looks.
        primary: The primary emotions of its first look.
        verdict: The LLM's judgement.
        fit: The parameters; those of the verdict's form count.
    """
    logs = {label: fit.sem_weight * value + fit.bias.get(label, 0.0) for label, value in logs_of(sem).items()}
    if verdict.scores is not None:
        logs = {label: value + fit.llm_weight * verdict.scores[label] for label, value in logs.items()}
    elif verdict.emotion is not None:
        logs[verdict.emotion] += _vote(verdict.emotion, sem, primary, fit)
    if not verdict.agreed:
        logs |= {label: logs[label] + fit.escape for label in primary}
    return logs


def pooling_form(verdict: Verdict) -> Form:
    """Return in which form an LLM judged that named an emotion."""
    return "scored" if verdict.scores is not None else "generated"


def _vote(label: str, sem: Mapping[str, float], primary: Sequence[str], fit: PoolingWeights) -> float:
    """Return the weight of a bare label; where it stands with the SEM says what it is worth."""
    if sem[label] == max(sem.values()):
        return fit.vote_first
    return fit.vote_primary if label in primary else fit.vote_outside
