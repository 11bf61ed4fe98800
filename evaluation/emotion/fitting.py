"""Fit the join of a SEM with an LLM by likelihood, with only as many parameters as the data bears out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ...contract import PoolingWeights, Reading, SetupError, Verdict
from ...contract.numerics import fit_conditional_logit, log_softmax
from ...contract.pooling_weights import Form, Origin
from ...data.conversations import Sample
from ...nodes.deciding.decision import join, pool_rounds, pooling_form
from ..metrics import Array, Indices
from .turn_record import TurnRecord

FOLDS = 5
BIAS = "bias"
"""Stands for one parameter a label."""
PULL = {"sem_weight": 25.0, "llm_weight": 1.0, "escape": 1.0, BIAS: 10.0}
"""How strongly a parameter is held at what it is without data; votes are held by `_VOTE_PULL`."""
_VOTE_PULL = 0.25
_LIMIT = 20.0
_VOTES = ("vote_first", "vote_primary", "vote_outside")

Group: TypeAlias = tuple[str, ...]
"""Parameters that share one value."""
STEPS: dict[Form, tuple[tuple[Group, ...], ...]] = {
    "scored": ((("llm_weight",),), (("escape",),), ((BIAS,),)),
    "generated": ((_VOTES,), tuple((vote,) for vote in _VOTES), (("escape",),), ((BIAS,),)),
}
"""What is tried, one step after another; the separate votes take the place of the common one."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What SEM and LLM said about one sample, as the decision joins it."""

    sem: dict[str, float]
    """The SEM's probabilities over all looks."""
    primary: tuple[str, ...]
    """The primary emotions of its first look."""
    verdict: Verdict
    """The LLM's last judgement."""
    wanted: int
    """Index of the true label."""
    conversation: str
    """Where it comes from; folds keep conversations together."""

    @classmethod
    def of(cls, readings: Sequence[Reading], verdict: Verdict, sample: Sample, labels: Sequence[str]) -> Evidence:
        """Return the evidence of a turn."""
        return cls(
            pool_rounds(readings), tuple(readings[0].primary), verdict, labels.index(sample.emotion), sample.conv_id
        )


def pooling_evidence(records: Sequence[TurnRecord], samples: Sequence[Sample], labels: Sequence[str]) -> list[Evidence]:
    """Return the evidence of all turns in which both SEM and LLM said something."""
    pairs = zip(records, samples, strict=True)
    return [
        Evidence.of(record.readings, record.judged, sample, labels)
        for record, sample in pairs
        if record.judged and record.readings
    ]


def fit_join(
    evidence: Sequence[Evidence], labels: Sequence[str], *, sem: str, model: str, data: str, date: str, seed: int = 0
) -> PoolingWeights:
    """Fit the parameters of a join.

    Starting from the SEM alone, parameters are added as long as cross-validation over
    conversations finds a gain in likelihood that is larger than its standard error, and no fewer
    right decisions; so a judge that says nothing new gets no weight, whatever the noise, and
    neither does one that knows more but is so sure of its errors that the decision suffers.

    Args:
        evidence: What both said.
        labels: The taxonomy.
        sem: Name of the SEM.
        model: Name of the LLM.
        data: Name of the file of conversations.
        date: Day of the fit.
        seed: Of the folds.

    Raises:
        SetupError: The LLM never named a label, or all turns come from one conversation.
    """
    form = _form(evidence, model)
    held = [one for one in evidence if pooling_form(one.verdict) == form]
    folds = _folds([one.conversation for one in held], seed)
    wanted = np.array([one.wanted for one in held])
    columns = {name: _column(held, labels, form, name) for name in _names(form) if name != BIAS}
    design = _Design(columns, wanted, folds, np.array([one.conversation for one in held]))
    groups: tuple[Group, ...] = (("sem_weight",),)
    best = design.held_out(groups)
    for step in STEPS[form]:
        tied = {name for group in step for name in group}
        tried = (*(group for group in groups if not tied & set(group)), *step)
        gained = design.held_out(tried)
        if design.gains(best, gained):
            groups, best = tried, gained
    values = design.fit(groups)
    chosen = _values(groups, values, labels)
    alone = log_softmax(columns["sem_weight"])
    after = log_softmax(design.features(groups) @ values)
    rows = np.arange(len(held))
    return PoolingWeights.model_validate(
        {
            "sem": sem,
            "model": model,
            "form": form,
            **chosen,
            "origin": Origin(
                data=data,
                samples=len(held),
                conversations=len({one.conversation for one in held}),
                date=date,
                before=round(float(alone[rows, wanted].mean()), 4),
                after=round(float(after[rows, wanted].mean()), 4),
                held_out=round(float(best[rows, wanted].mean()), 4),
            ),
        }
    )


def likelihood_alone(evidence: Sequence[Evidence], labels: Sequence[str]) -> float:
    """Return the mean log-probability of the true label by the scores of the LLM alone, at their best temperature."""
    scored = [(one.verdict.scores, one.wanted) for one in evidence if one.verdict.scores is not None]
    features = np.array([[held[label] for label in labels] for held, _ in scored])[:, :, None]
    wanted = np.array([place for _, place in scored])
    hot = fit_conditional_logit(features, wanted, np.ones(1), np.zeros(1))
    return float(log_softmax(features @ hot)[np.arange(len(wanted)), wanted].mean())


class _Design:
    """The samples as a conditional logit."""

    def __init__(self, columns: dict[str, Array], wanted: Indices, folds: Indices, conversations: Array) -> None:
        self._columns, self._wanted, self._folds, self._conversations = columns, wanted, folds, conversations

    def features(self, groups: Sequence[Group]) -> Array:
        """Return [samples, labels, coefficients]; parameters of one group are added up."""
        parts = [self._part(group) for group in groups]
        return np.concatenate(parts, axis=2)

    def _part(self, group: Group) -> Array:
        if group == (BIAS,):
            samples, labels = self._columns["sem_weight"].shape
            return np.broadcast_to(np.eye(labels), (samples, labels, labels))
        return np.asarray(sum(self._columns[name] for name in group))[:, :, None]

    def fit(self, groups: Sequence[Group], rows: Indices | slice = slice(None)) -> Array:
        """Return the coefficients fitted on some of the samples."""
        sizes = [self._part(group).shape[2] for group in groups]
        centre = np.repeat([1.0 if group == ("sem_weight",) else 0.0 for group in groups], sizes)
        pull = np.repeat([PULL.get(group[0], _VOTE_PULL) for group in groups], sizes)
        return fit_conditional_logit(self.features(groups)[rows], self._wanted[rows], centre, pull)

    def held_out(self, groups: Sequence[Group]) -> Array:
        """Return each sample's log-probabilities by a fit on the other folds, [samples, labels]."""
        features = self.features(groups)
        found = np.zeros(features.shape[:2])
        for fold in np.unique(self._folds):
            out = np.flatnonzero(self._folds == fold)
            values = self.fit(groups, np.flatnonzero(self._folds != fold))
            found[out] = log_softmax(features[out] @ values)
        return found

    def gains(self, before: Array, after: Array) -> bool:
        """Say whether likelihood gains more than its standard error and no right decision is lost on balance."""
        rows = np.arange(len(self._wanted))
        _, place = np.unique(self._conversations, return_inverse=True)
        sums = np.bincount(place, weights=(after - before)[rows, self._wanted])
        right = [int((held.argmax(1) == self._wanted).sum()) for held in (before, after)]
        return bool(sums.sum() > sums.std() * np.sqrt(len(sums))) and right[1] >= right[0]


def _names(form: Form) -> list[str]:
    return ["sem_weight", *dict.fromkeys(name for step in STEPS[form] for group in step for name in group)]


def _column(evidence: Sequence[Evidence], labels: Sequence[str], form: Form, name: str) -> Array:
    """Return what one unit of a parameter adds to each label, [samples, labels], by the join itself."""
    plain = PoolingWeights(sem="", model="", form=form)
    unit = plain.model_copy(update={name: 1.0})
    rows = []
    for one in evidence:
        with_it = join(one.sem, one.primary, one.verdict, unit)
        without = join(one.sem, one.primary, one.verdict, plain) if name != "sem_weight" else dict.fromkeys(labels, 0.0)
        rows.append([with_it[label] - without[label] for label in labels])
    return np.array(rows)


def _values(groups: Sequence[Group], values: Array, labels: Sequence[str]) -> dict[str, object]:
    """Return the fields of a fit; what was not kept stays 0."""
    clipped = np.clip(values, -_LIMIT, _LIMIT).round(4).tolist()
    found: dict[str, object] = {}
    for group in groups:
        if group == (BIAS,):
            found[BIAS] = dict(zip(labels, clipped[: len(labels)], strict=True))
            clipped = clipped[len(labels) :]
        else:
            found |= dict.fromkeys(group, clipped.pop(0))
    return {**found, "sem_weight": max(float(str(found["sem_weight"])), 0.01)}


def _folds(conversations: Sequence[str], seed: int) -> Indices:
    names = sorted(set(conversations))
    if len(names) < 2:
        raise SetupError("all turns come from one conversation; fitting needs at least 2")
    random.Random(seed).shuffle(names)
    place = {name: number % FOLDS for number, name in enumerate(names)}
    return np.array([place[name] for name in conversations])


def _form(evidence: Sequence[Evidence], model: str) -> Form:
    forms = [pooling_form(one.verdict) for one in evidence]
    if not forms:
        raise SetupError(f"the LLM {model!r} named no emotion in any turn: there is nothing to fit")
    return max(("scored", "generated"), key=forms.count)
