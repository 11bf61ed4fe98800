"""Maximum likelihood fit of the weights that join a SEM with an LLM, with as many parameters as the data supports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ...contract import PoolingWeights, Reading, SetupError, Verdict
from ...contract.numerics import Array, Indices, fit_conditional_logit, log_softmax
from ...contract.settings.pooling_weights import Form, Origin
from ...data.conversations import Sample, conversation_folds
from ...nodes.deciding.decision import join, pool_rounds, pooling_form
from .turn_record import TurnRecord

FOLDS = 5
BIAS = "bias"
"""Stands for one parameter per label."""
_VOTES = ("vote_first", "vote_primary", "vote_outside")
PRIOR_PRECISION = {"sem_weight": 25.0, "llm_weight": 1.0, "escape": 1.0, BIAS: 10.0, **dict.fromkeys(_VOTES, 0.25)}
"""1 / variance of each parameter's prior; its mean is 1 for the SEM's weight and 0 for the others."""
_LIMIT = 20.0
_ASK_THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
"""Probabilities of the SEM's first choice from which on it may decide alone."""
_ASK_SAMPLES = 30
"""Samples of at least that probability without which nothing is known: with no loss in 30 it is below 10%."""

Group: TypeAlias = tuple[str, ...]
"""Parameters that share one value."""
STEPS: dict[Form, tuple[tuple[Group, ...], ...]] = {
    "scored": ((("llm_weight",),), (("escape",),), ((BIAS,),)),
    "generated": ((("llm_weight",),), (_VOTES,), tuple((vote,) for vote in _VOTES), (("escape",),), ((BIAS,),)),
}
"""Groups that are tried, one step after another; the separate votes replace the common one."""


@dataclass(frozen=True, slots=True)
class PoolingExample:
    """The SEM's and the LLM's evidence on one sample, as the decision joins it."""

    sem: dict[str, float]
    """The SEM's probabilities, pooled over rounds."""
    primary: tuple[str, ...]
    """The primary emotions of the first round."""
    verdict: Verdict
    """The LLM's last verdict."""
    target: int
    """Index of the true label."""
    conversation: str
    """The conversation of the sample; folds keep conversations together."""

    @classmethod
    def from_turn(
        cls, readings: Sequence[Reading], verdict: Verdict, sample: Sample, labels: Sequence[str]
    ) -> PoolingExample:
        """Return the example of a turn."""
        return cls(
            pool_rounds(readings), tuple(readings[0].primary), verdict, labels.index(sample.emotion), sample.conv_id
        )


def pooling_examples(
    records: Sequence[TurnRecord], samples: Sequence[Sample], labels: Sequence[str]
) -> list[PoolingExample]:
    """Return the examples of all turns that have both a reading and a verdict."""
    return [
        PoolingExample.from_turn(record.readings, record.last_verdict, sample, labels)
        for record, sample in zip(records, samples, strict=True)
        if record.last_verdict and record.readings
    ]


def fit_join(
    examples: Sequence[PoolingExample],
    labels: Sequence[str],
    *,
    sem: str,
    model: str,
    data: str,
    date: str,
    seed: int = 0,
) -> PoolingWeights:
    """Fit the parameters of a join.

    Forward selection: starting from the SEM alone, parameters are added as long as cross-validation over
    conversations finds a gain in likelihood that is larger than its standard error, and no fewer
    right decisions. So a judge without new information gets no weight, whatever the noise, and
    neither does one that knows more but is so confident in its errors that the decision suffers. `ask_below` is the
    least probability of the SEM's first choice from which on its decisions alone are as often right, 0 for a judge
    without weight. The names, the file of conversations and the day are noted in the result.

    Raises:
        SetupError: The LLM never named a label, or all turns come from one conversation.
    """
    form = _majority_form(examples, model)
    examples = [example for example in examples if pooling_form(example.verdict) == form]
    design = _Design(examples, labels, form, seed)
    groups: tuple[Group, ...] = (("sem_weight",),)
    best = design.cross_validate(groups)
    for step in STEPS[form]:
        replaced = {name for group in step for name in group}
        candidate = (*(group for group in groups if not replaced & set(group)), *step)
        validated = design.cross_validate(candidate)
        if design.is_better(best, validated):
            groups, best = candidate, validated
    coefficients = design.fit(groups)
    alone = log_softmax(design.features((("sem_weight",),))[:, :, 0])
    joined = log_softmax(design.features(groups) @ coefficients)
    origin = Origin(
        data=data,
        samples=len(examples),
        conversations=len({example.conversation for example in examples}),
        date=date,
        before=round(design.mean_likelihood(alone), 4),
        after=round(design.mean_likelihood(joined), 4),
        held_out=round(design.mean_likelihood(best), 4),
    )
    weights = _weights(groups, coefficients, labels)
    names = {"sem": sem, "model": model, "form": form, "ask_below": design.ask_below(best) if len(groups) > 1 else 0.0}
    return PoolingWeights.model_validate({**names, **weights, "origin": origin})


def likelihood_alone(examples: Sequence[PoolingExample], labels: Sequence[str]) -> float:
    """Return the mean log-probability of the true label by the LLM's scores alone, at their best temperature."""
    scored = [(example.verdict.scores, example.target) for example in examples if example.verdict.scores is not None]
    features = np.array([[scores[label] for label in labels] for scores, _ in scored])[:, :, None]
    targets = np.array([target for _, target in scored])
    inverse_temperature = fit_conditional_logit(features, targets, np.ones(1), np.zeros(1))
    return float(log_softmax(features @ inverse_temperature)[np.arange(len(targets)), targets].mean())


class _Design:
    """Design matrix of the examples as a conditional logit, with folds of conversations."""

    def __init__(self, examples: Sequence[PoolingExample], labels: Sequence[str], form: Form, seed: int) -> None:
        names = ["sem_weight", *dict.fromkeys(name for step in STEPS[form] for group in step for name in group)]
        self._columns = _columns(examples, labels, form, [name for name in names if name != BIAS])
        self._targets = np.array([example.target for example in examples])
        self._conversations = [example.conversation for example in examples]
        self._folds = np.array(conversation_folds(self._conversations, FOLDS, seed))

    def features(self, groups: Sequence[Group]) -> Array:
        """Return [samples, labels, coefficients]; the parameters of a group are summed."""
        return np.concatenate([self._part(group) for group in groups], axis=2)

    def _part(self, group: Group) -> Array:
        if group == (BIAS,):
            samples, labels = self._columns["sem_weight"].shape
            return np.broadcast_to(np.eye(labels), (samples, labels, labels))
        return np.asarray(sum(self._columns[name] for name in group))[:, :, None]

    def fit(self, groups: Sequence[Group], rows: Indices | slice = slice(None)) -> Array:
        """Return the coefficients fitted on some of the samples."""
        sizes = [self._part(group).shape[2] for group in groups]
        mean = np.repeat([1.0 if group == ("sem_weight",) else 0.0 for group in groups], sizes)
        precision = np.repeat([PRIOR_PRECISION[group[0]] for group in groups], sizes)
        return fit_conditional_logit(self.features(groups)[rows], self._targets[rows], mean, precision)

    def cross_validate(self, groups: Sequence[Group]) -> Array:
        """Return each sample's log-probabilities by a fit on the other folds, [samples, labels]."""
        features = self.features(groups)
        validated = np.zeros(features.shape[:2])
        for fold in np.unique(self._folds):
            rows = np.flatnonzero(self._folds == fold)
            validated[rows] = log_softmax(features[rows] @ self.fit(groups, np.flatnonzero(self._folds != fold)))
        return validated

    def is_better(self, before: Array, after: Array) -> bool:
        """Return whether likelihood gains more than its standard error and accuracy does not fall."""
        _, conversation = np.unique(self._conversations, return_inverse=True)
        sums = np.bincount(conversation, weights=self._true_likelihoods(after - before))
        right_before, right_after = (int((rows.argmax(1) == self._targets).sum()) for rows in (before, after))
        return bool(sums.sum() > sums.std() * np.sqrt(len(sums))) and right_after >= right_before

    def ask_below(self, joined: Array) -> float | None:
        """Return the least probability of the SEM's first choice from which on it decides as well alone; None for none.

        Args:
            joined: Log-probabilities of the join, each by a fit on other samples, [samples, labels].
        """
        sem = self._columns["sem_weight"]
        right_alone, right_joined = (scores.argmax(1) == self._targets for scores in (sem, joined))
        first = np.exp(sem.max(axis=1))
        for threshold in _ASK_THRESHOLDS:
            rows = first >= threshold
            if rows.sum() >= _ASK_SAMPLES and right_alone[rows].sum() >= right_joined[rows].sum():
                return threshold
        return None

    def mean_likelihood(self, log_probabilities: Array) -> float:
        """Return the mean log-probability of the true label."""
        return float(self._true_likelihoods(log_probabilities).mean())

    def _true_likelihoods(self, log_probabilities: Array) -> Array:
        return np.asarray(log_probabilities[np.arange(len(self._targets)), self._targets])


def _columns(
    examples: Sequence[PoolingExample], labels: Sequence[str], form: Form, names: Sequence[str]
) -> dict[str, Array]:
    """Return what one unit of each parameter adds to each label, [samples, labels], computed by the join itself.

    The SEM's weight is the first parameter, and adds to nothing; the others add to what the join says without them.
    """
    zero = PoolingWeights(sem="", model="", form=form)

    def scores(weights: PoolingWeights) -> Array:
        joined = (join(one.sem, one.primary, one.verdict, weights) for one in examples)
        return np.array([[row[label] for label in labels] for row in joined])

    base = scores(zero)
    columns = {name: scores(zero.model_copy(update={name: 1.0})) for name in names}
    return {name: column if name == "sem_weight" else column - base for name, column in columns.items()}


def _weights(groups: Sequence[Group], coefficients: Array, labels: Sequence[str]) -> dict[str, object]:
    """Return the fields of a fit; parameters that were not selected stay 0."""
    values = np.clip(coefficients, -_LIMIT, _LIMIT).round(4).tolist()
    weights: dict[str, object] = {}
    for group in groups:
        if group == (BIAS,):
            weights[BIAS] = dict(zip(labels, values[: len(labels)], strict=True))
            values = values[len(labels) :]
        else:
            weights |= dict.fromkeys(group, values.pop(0))
    return {**weights, "sem_weight": max(float(str(weights["sem_weight"])), 0.01)}


def _majority_form(examples: Sequence[PoolingExample], model: str) -> Form:
    forms = [pooling_form(example.verdict) for example in examples]
    if not forms:
        raise SetupError(f"the LLM {model!r} named no emotion in any turn: there is nothing to fit")
    return max(("scored", "generated"), key=forms.count)
