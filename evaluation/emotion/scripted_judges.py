"""Scripted judges: chat models of known reliability, to test the join of SEM and LLM.

The true label reaches them beside the graph, by a context variable that the evaluation sets before
each turn; it is part neither of the graph's state nor of a prompt.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from ...contract import ModelError, SetupError
from ...data.conversations import Sample

MEASURED_SAMPLE: ContextVar[Sample | None] = ContextVar("measured_sample", default=None)
"""The sample that is being measured."""
KINDS = ("oracle", "constant", "adversary")


class ScriptedJudge(BaseChatModel):
    """Answer every question with a bare label, right with a given probability.

    The answer depends on the seed and the sample alone: the same turn always gets the same answer.
    """

    model_name: str
    """Its specification, such as `oracle:0.6`."""
    labels: tuple[str, ...]
    """The taxonomy; a wrong answer is any of the other labels with equal probability."""
    accuracy: float
    """Probability of the right answer, from 0 to 1."""
    constant: str | None = None
    """The answer to everything; None draws each."""
    seed: int = 0
    """Seed of the draws."""

    @property
    def _llm_type(self) -> str:
        return "scripted-judge"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        sample = MEASURED_SAMPLE.get()
        return {"seed": self.seed, "sample": _key(sample) if sample else None}

    def answer(self, sample: Sample) -> str:
        """Return the label for one sample."""
        if self.constant:
            return self.constant
        rng = random.Random(f"{self.seed} {_key(sample)}")
        if rng.random() < self.accuracy:
            return sample.emotion
        return rng.choice([label for label in self.labels if label != sample.emotion])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        sample = MEASURED_SAMPLE.get()
        if sample is None:
            raise ModelError(f"{self.model_name} only answers within `hef evaluate emotion`, which tells it the label")
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.answer(sample)))])


def scripted_judge(spec: str | None, labels: Sequence[str], seed: int = 0) -> ScriptedJudge | None:
    """Return the judge that a specification names, None where it names another model.

    Args:
        spec: `oracle:P` is right with probability P, `constant:LABEL` always answers the same,
            `adversary` is always wrong.
        labels: The taxonomy.
        seed: Seed of the draws.

    Raises:
        SetupError: The probability is not between 0 and 1, or the label is not in the taxonomy.
    """
    kind, _, value = (spec or "").strip().partition(":")
    if kind not in KINDS:
        return None
    name = f"{kind}:{value}" if value else kind
    if kind == "constant":
        if value not in labels:
            raise SetupError(f"the model is {name!r}; give constant:<label>, with one of {', '.join(labels)}")
        return ScriptedJudge(model_name=name, labels=tuple(labels), accuracy=0.0, constant=value, seed=seed)
    return ScriptedJudge(model_name=name, labels=tuple(labels), accuracy=_parse_accuracy(kind, value), seed=seed)


def _parse_accuracy(kind: str, value: str) -> float:
    if kind == "adversary" and not value:
        return 0.0
    try:
        accuracy = float(value)
    except ValueError:
        accuracy = -1.0
    if kind == "adversary" or not 0 <= accuracy <= 1:
        raise SetupError(f"the model is {kind}:{value}; give oracle:<share from 0 to 1>, or adversary")
    return accuracy


def _key(sample: Sample) -> str:
    return f"{sample.conv_id} {len(sample.turns)}"
