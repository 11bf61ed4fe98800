"""Records of the turns of a measured strategy: the readings, the verdicts, the decision, and the cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from ...contract import Dialogue, HefContext, PoolingWeights, Reading, Verdict
from ...contract.progress import Progress, ignore_progress
from ...data.conversations import Sample
from ...sem import Sem
from ...sem.distribution import primary_emotions
from ..llm_cache import AnswerCache, Usage
from .emotion_metrics import Prediction
from .scripted_judges import MEASURED_SAMPLE

_BATCH = 64
"""Dialogues that the SEM alone reads at once."""
ReadBatches: TypeAlias = Callable[[Iterable[Sequence[Dialogue]]], Iterable[list[Reading]]]
"""From batches of dialogues to their readings, in order."""


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One turn of the graph, up to the decision."""

    prediction: Prediction
    """The decision."""
    readings: tuple[Reading, ...]
    """The SEM's readings, one per round."""
    verdicts: tuple[Verdict, ...]
    """The LLM's verdicts, one per round."""
    usage: Usage
    """What the LLM used."""
    seconds: float
    """How long it took, or would have taken without cached answers."""
    is_neutral: bool = False
    """Whether it was decided that nothing is felt."""
    fit: PoolingWeights | None = None
    """The weights of the decision, where an LLM judged."""

    @property
    def last_verdict(self) -> Verdict | None:
        """The last verdict, None where the LLM named nothing."""
        last = self.verdicts[-1] if self.verdicts else None
        return last if last and last.form != "none" else None


def record_turns(
    hef: Any,
    context: HefContext,
    samples: Sequence[Sample],
    cache: AnswerCache,
    labels: Sequence[str],
    *,
    task: str = "",
    progress: Progress = ignore_progress,
) -> list[TurnRecord]:
    """Run a compiled graph on each sample and record what its nodes wrote.

    The graph is one of `create_emotion_graph` or `create_hef`, the cache that of its LLM; `task` names the run to
    `progress`.
    """
    records: list[TurnRecord] = []
    for sample in samples:
        records.append(_record(hef, context, sample, cache, labels))
        progress(task, len(records), len(samples))
    return records


def record_sem(
    sem: Sem,
    samples: Sequence[Sample],
    primary: int | float,
    *,
    task: str = "",
    progress: Progress = ignore_progress,
    read_batches: ReadBatches | None = None,
) -> list[TurnRecord]:
    """Record what the SEM alone reads, many dialogues at once.

    `primary` is the number of primary emotions, or their coverage. `read_batches` reads the batches instead of the
    SEM's own `read`, on a cluster for example.
    """
    records: list[TurnRecord] = []
    sets = sem.description.prediction_sets
    batches = [samples[start : start + _BATCH] for start in range(0, len(samples), _BATCH)]
    dialogues = [[sample.turns for sample in batch] for batch in batches]
    answers = iter((read_batches or partial(map, sem.read))(dialogues))
    for batch in batches:
        started = time.perf_counter()
        readings = next(answers)
        seconds = (time.perf_counter() - started) / len(batch)
        for reading, sample in zip(readings, batch, strict=True):
            likely = primary_emotions(reading.distribution, primary, sets, len(sample.turns))
            first = reading.model_copy(update={"primary": likely})
            prediction = Prediction(first.ranked[0], first.distribution)
            records.append(TurnRecord(prediction, (first,), (), Usage(), seconds, first.is_neutral))
        progress(task, len(records), len(samples))
    return records


def as_messages(dialogue: Dialogue) -> list[AnyMessage]:
    """Return a dialogue as the messages of a chat."""
    return [HumanMessage(turn.text) if turn.role == "speaker" else AIMessage(turn.text) for turn in dialogue]


def _record(hef: Any, context: HefContext, sample: Sample, cache: AnswerCache, labels: Sequence[str]) -> TurnRecord:
    cache.pop_usage()
    started = time.perf_counter()
    token = MEASURED_SAMPLE.set(sample)
    readings: list[Reading] = []
    verdicts: list[Verdict] = []
    prediction: Prediction | None = None
    is_neutral = False
    try:
        for step in hef.stream({"messages": as_messages(sample.turns)}, context=context, stream_mode="updates"):
            for update in filter(None, step.values()):
                readings = update.get("readings", readings)
                verdicts += [update["verdict"]] if "verdict" in update else []
                if empathy := update.get("empathy"):
                    prediction = Prediction(empathy.emotion, empathy.distribution)
                    is_neutral = empathy.neutral
    finally:
        MEASURED_SAMPLE.reset(token)
    if prediction is None or (context.strategy == "llm_only" and verdicts and verdicts[-1].emotion is None):
        # The LLM alone named nothing, and the SEM decided: here it counts as a guess among all labels.
        prediction = Prediction(labels[0], dict.fromkeys(labels, 1 / len(labels)))
    if context.strategy == "llm_only":
        is_neutral = bool(verdicts) and verdicts[-1].neutral
    usage = cache.pop_usage()
    seconds = time.perf_counter() - started + usage.saved_seconds
    return TurnRecord(prediction, tuple(readings), tuple(verdicts), usage, seconds, is_neutral)
