"""How often the emotion is right: the SEM alone, the LLM alone, and HEF, on the same samples."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from pydantic import BaseModel, ConfigDict, Field

from ..contract import Dialogue, HefContext
from ..sem import Sem
from ..sem.training.data import Sample
from .metrics import Estimate, estimates


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was predicted for one sample."""

    emotion: str
    """The decided label; not always the most probable one, where an LLM is obeyed."""
    distribution: Mapping[str, float]
    """Label -> probability."""


Predict: TypeAlias = Callable[[Sequence[Sample]], list[Prediction]]
"""From a part of the samples to their predictions."""
Report: TypeAlias = Callable[[int, int], None]
"""Called with how many samples are done, of how many."""


class EmotionReport(BaseModel):
    """How well one strategy read the emotion."""

    model_config = ConfigDict(frozen=True)

    strategy: str = Field(description="How the emotion was decided")
    sem: str | None = Field(description="Name of the SEM, where one took part")
    model: str | None = Field(description="Name of the LLM, where one took part")
    samples: int = Field(description="Listener turns; the input is all turns before each")
    conversations: int = Field(description="Conversations they come from")
    seconds: float = Field(description="Time for all samples")
    top1: Estimate = Field(description="Accuracy")
    top3: Estimate = Field(description="How often the label is among the three most probable")
    top5: Estimate = Field(description="How often the label is among the five most probable")
    ece: Estimate = Field(description="Expected calibration error, 15 bins")


def evaluate_emotion(
    predict: Predict,
    samples: Sequence[Sample],
    labels: Sequence[str],
    *,
    strategy: str,
    sem: str | None = None,
    model: str | None = None,
    part: int = 64,
    report: Report = lambda done, total: None,
) -> EmotionReport:
    """Predict all samples, a part at a time, and compare with their labels.

    Args:
        predict: From samples to a distribution each.
        samples: What to measure on.
        labels: The taxonomy.
        strategy: Name of what is measured.
        sem: Name of the SEM.
        model: Name of the LLM.
        part: Samples a call of `predict`.
        report: Told of the progress.
    """
    found: list[Prediction] = []
    started = time.perf_counter()
    for start in range(0, len(samples), part):
        found += predict(samples[start : start + part])
        report(len(found), len(samples))
    seconds = time.perf_counter() - started
    shares = np.array([[row.distribution.get(label, 0.0) for label in labels] for row in found])
    chosen = np.array([labels.index(row.emotion) for row in found])
    wanted = np.array([labels.index(sample.emotion) for sample in samples])
    groups = [sample.conv_id for sample in samples]
    return EmotionReport(
        strategy=strategy,
        sem=sem,
        model=model,
        samples=len(samples),
        conversations=len(set(groups)),
        seconds=round(seconds, 2),
        **estimates(shares, chosen, wanted, groups),
    )


def predict_with_sem(sem: Sem) -> Predict:
    """Return a prediction by the SEM alone, batched."""

    def predict(samples: Sequence[Sample]) -> list[Prediction]:
        readings = sem.read([sample.turns for sample in samples])
        return [Prediction(reading.ranked[0], reading.distribution) for reading in readings]

    return predict


def predict_with_hef(hef: Any, context: HefContext) -> Predict:
    """Return a prediction by a compiled graph of HEF, one turn after another."""

    def predict(samples: Sequence[Sample]) -> list[Prediction]:
        outputs = (hef.invoke({"messages": as_messages(sample.turns)}, context=context) for sample in samples)
        return [Prediction(output["empathy"].emotion, output["empathy"].distribution) for output in outputs]

    return predict


def as_messages(dialogue: Dialogue) -> list[AnyMessage]:
    """Return a dialogue as the messages of a chat."""
    return [HumanMessage(turn.text) if turn.role == "speaker" else AIMessage(turn.text) for turn in dialogue]
