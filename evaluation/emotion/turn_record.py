"""What happened in each turn of a measured strategy: the readings, the judgements, the decision, the cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from ...contract import Dialogue, HefContext, ModelError, PoolingWeights, Reading, Verdict
from ...data.conversations import Sample
from ...sem import Sem
from ...sem.distribution import primary_emotions
from ..llm_cache import Answers, Usage
from .prediction import Prediction, Report
from .scripted_judges import ASKED

_PART = 64
"""How many dialogues the SEM alone reads at once."""
ReadParts: TypeAlias = Callable[[Iterable[Sequence[Dialogue]]], Iterable[list[Reading]]]
"""From parts of a corpus to their readings, in order."""


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One turn of the graph, up to the decision."""

    prediction: Prediction
    """The decision."""
    readings: tuple[Reading, ...]
    """What the SEM read, one a round."""
    verdicts: tuple[Verdict, ...]
    """How the LLM judged, one a round."""
    usage: Usage
    """What the LLM used."""
    seconds: float
    """How long it took, or would have taken without kept answers."""
    fit: PoolingWeights | None = None
    """What joined the decision, where an LLM judged."""

    @property
    def judged(self) -> Verdict | None:
        """The last judgement, None where the LLM named nothing."""
        last = self.verdicts[-1] if self.verdicts else None
        return last if last and last.form != "none" else None


def record_turns(
    hef: Any,
    context: HefContext,
    samples: Sequence[Sample],
    answers: Answers,
    labels: Sequence[str],
    report: Report = lambda done, total: None,
) -> list[TurnRecord]:
    """Run a compiled graph on each sample and record what its nodes wrote.

    Args:
        hef: What `create_perception` or `create_hef` made, compiled.
        context: Settings of the runs.
        samples: The dialogues.
        answers: Where the graph's LLM keeps its answers.
        labels: The taxonomy.
        report: Told of the progress.
    """
    found: list[TurnRecord] = []
    for sample in samples:
        found.append(_record(hef, context, sample, answers, labels))
        report(len(found), len(samples))
    return found


def record_sem(
    sem: Sem,
    samples: Sequence[Sample],
    primary: int | float,
    report: Report = lambda done, total: None,
    read_parts: ReadParts | None = None,
) -> list[TurnRecord]:
    """Record what the SEM alone reads, many dialogues at once.

    Args:
        sem: The SEM.
        samples: The dialogues.
        primary: How many primary emotions there are, or their coverage.
        report: Told of the progress.
        read_parts: Reads the parts instead of the SEM's own `read`, on a cluster for example.
    """
    found: list[TurnRecord] = []
    sets = sem.description.prediction_sets
    parts = [samples[start : start + _PART] for start in range(0, len(samples), _PART)]
    answers = iter((read_parts or partial(map, sem.read))([[sample.turns for sample in part] for part in parts]))
    for part in parts:
        started = time.perf_counter()
        readings = next(answers)
        each = (time.perf_counter() - started) / len(part)
        for reading, sample in zip(readings, part, strict=True):
            likely = primary_emotions(reading.distribution, primary, sets, len(sample.turns))
            first = reading.model_copy(update={"primary": likely})
            prediction = Prediction(first.ranked[0], first.distribution)
            found.append(TurnRecord(prediction, (first,), (), Usage(), each))
        report(len(found), len(samples))
    return found


def as_messages(dialogue: Dialogue) -> list[AnyMessage]:
    """Return a dialogue as the messages of a chat."""
    return [HumanMessage(turn.text) if turn.role == "speaker" else AIMessage(turn.text) for turn in dialogue]


def _record(hef: Any, context: HefContext, sample: Sample, answers: Answers, labels: Sequence[str]) -> TurnRecord:
    answers.take()
    started = time.perf_counter()
    token = ASKED.set(sample)
    readings: list[Reading] = []
    verdicts: list[Verdict] = []
    prediction: Prediction | None = None
    try:
        for step in hef.stream({"messages": as_messages(sample.turns)}, context=context, stream_mode="updates"):
            for update in filter(None, step.values()):
                readings = update.get("readings", readings)
                verdicts += [update["verdict"]] if "verdict" in update else []
                if empathy := update.get("empathy"):
                    prediction = Prediction(empathy.emotion, empathy.distribution)
    except ModelError:
        # The LLM alone named nothing: a turn without a result, which counts as a guess among all labels.
        if context.strategy != "llm_only" or not verdicts:
            raise
    finally:
        ASKED.reset(token)
    prediction = prediction or Prediction(labels[0], dict.fromkeys(labels, 1 / len(labels)))
    usage = answers.take()
    seconds = time.perf_counter() - started + usage.spared
    return TurnRecord(prediction, tuple(readings), tuple(verdicts), usage, seconds)
