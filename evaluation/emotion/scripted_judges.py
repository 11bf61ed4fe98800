"""Scripted judges: chat models whose reliability is known, to hold the join of SEM and LLM to its promise.

The true label reaches them beside the graph, by a context variable that the evaluation sets
before each turn; nothing of it stands in the graph's state or in a prompt.
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

ASKED: ContextVar[Sample | None] = ContextVar("asked", default=None)
"""The sample that is being measured."""
KINDS = ("oracle", "constant", "adversary")


class ScriptedJudge(BaseChatModel):
    """Answer every question with a bare label, right as often as it is told to be.

    Whether it is right, and what it says when it is not, depends on the seed and the sample alone:
    asked again about the same turn, it says the same.
    """

    model_name: str
    """Its specification, such as `oracle:0.6`."""
    labels: tuple[str, ...]
    """The taxonomy; a wrong answer is any of the other labels, all equally often."""
    right: float
    """How often it is right, from 0 to 1."""
    always: str | None = None
    """What it says whatever it is asked; None leaves it to chance."""
    seed: int = 0
    """Of its chance."""

    @property
    def _llm_type(self) -> str:
        return "scripted-judge"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        sample = ASKED.get()
        return {"seed": self.seed, "sample": _key(sample) if sample else None}

    def answer(self, sample: Sample) -> str:
        """Return its label for one sample."""
        if self.always:
            return self.always
        chance = random.Random(f"{self.seed} {_key(sample)}")
        if chance.random() < self.right:
            return sample.emotion
        return chance.choice([label for label in self.labels if label != sample.emotion])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        sample = ASKED.get()
        if sample is None:
            raise ModelError(f"{self.model_name} only answers within `hef evaluate emotion`, which tells it the label")
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.answer(sample)))])


def scripted_judge(spec: str | None, labels: Sequence[str], seed: int = 0) -> ScriptedJudge | None:
    """Return the judge that a specification names, None where it names another model.

    Args:
        spec: `oracle:P` is right with probability P, `constant:LABEL` always says the same,
            `adversary` is always wrong.
        labels: The taxonomy.
        seed: Of its chance.

    Raises:
        SetupError: The probability or the label cannot be one.
    """
    kind, _, value = (spec or "").strip().partition(":")
    if kind not in KINDS:
        return None
    name = f"{kind}:{value}" if value else kind
    if kind == "constant":
        if value not in labels:
            raise SetupError(f"the model is {name!r}; give constant:<label>, with one of {', '.join(labels)}")
        return ScriptedJudge(model_name=name, labels=tuple(labels), right=0.0, always=value, seed=seed)
    return ScriptedJudge(model_name=name, labels=tuple(labels), right=_share(kind, value), seed=seed)


def _share(kind: str, value: str) -> float:
    if kind == "adversary" and not value:
        return 0.0
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if kind == "adversary" or not 0 <= share <= 1:
        raise SetupError(f"the model is {kind}:{value}; give oracle:<share from 0 to 1>, or adversary")
    return share


def _key(sample: Sample) -> str:
    return f"{sample.conv_id} {len(sample.turns)}"
