"""A judge whose answers were recorded before, in words, by whatever gave them: a provider's batch, another program.

A row is one listener turn: `{"conv_id", "turn", "alone", "coarse", "hypothesis"}`. `turn` is the turn's index, so its
input is all turns before it. `alone` answers the question among all labels, which two stages ask first; `coarse` the
one about the primary emotions, which a re-query asks, and where that is "none", `hypothesis` is the emotion that fits
best. Where two stages ask what was not recorded, the other answer stands for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from ...contract import ModelError, SetupError
from ...contract.context import Strategy
from ...data.conversations import Sample
from ...data.json_lines import read_rows
from ...nodes.judging.ask_in_words import QUESTION
from .scripted_judges import MEASURED_SAMPLE

SCHEME = "recorded:"
TurnKey: TypeAlias = tuple[str, int]
"""A conversation and the index of the listener turn in it."""
_ANSWERED_BY: dict[Strategy, tuple[str, ...]] = {"llm_only": ("all_labels",), "two_stage": ("all_labels", "coarse")}
"""Strategy -> the questions of which one must have been answered."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What was answered about one turn."""

    key: TurnKey
    """The turn."""
    answers: Mapping[str, str]
    """Its answers by question: `all_labels`, `coarse`."""

    def has_answer(self, strategy: Strategy) -> bool:
        """Return whether a strategy's question was answered."""
        return any(question in self.answers for question in _ANSWERED_BY.get(strategy, ()))


class RecordedJudge(BaseChatModel):
    """Answer each question about a turn as it was answered before."""

    model_name: str
    """The specification, with the file's name alone."""
    recordings: dict[TurnKey, Recording]
    """The answers about each turn."""

    @property
    def _llm_type(self) -> str:
        return "recorded-judge"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        recording = self._recording()
        return {"answers": dict(recording.answers) if recording else None}

    @property
    def strategies(self) -> list[Strategy]:
        """The strategies that some answer is about."""
        return [name for name in _ANSWERED_BY if any(row.has_answer(name) for row in self.recordings.values())]

    def recorded(self, samples: Sequence[Sample], strategies: Collection[Strategy]) -> list[Sample]:
        """Return the samples that have an answer for each of the strategies.

        Raises:
            SetupError: None has.
        """
        needed = sorted(set(strategies) - {"sem_only"})
        known = [sample for sample in samples if self._answers_all(sample, needed)]
        if not known:
            raise SetupError(
                f"{self.model_name} answers {' and '.join(needed)} for none of the {len(samples):,} turns; it "
                f"holds answers for {' and '.join(self.strategies)} about {len(self.recordings):,} turns"
            )
        return known

    def _answers_all(self, sample: Sample, strategies: Sequence[Strategy]) -> bool:
        recording = self.recordings.get(_key(sample))
        return not strategies or (recording is not None and all(map(recording.has_answer, strategies)))

    def _recording(self) -> Recording | None:
        sample = MEASURED_SAMPLE.get()
        return self.recordings.get(_key(sample)) if sample else None

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        recording = self._recording()
        if recording is None:
            raise ModelError(f"{self.model_name} holds no answer for this turn; it answers in `hef evaluate emotion`")
        question = str((run_manager.metadata if run_manager else {}).get(QUESTION))
        answer = recording.answers.get(question) or next(iter(recording.answers.values()))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(answer))])


def recorded_judge(spec: str | None) -> tuple[RecordedJudge | None, list[str]]:
    """Return the judge of a specification `recorded:FILE`, and a message for each row that could not be read.

    The judge is None where the specification names another model.

    Raises:
        SetupError: There is no such file, or no row of it can be read.
    """
    spec = (spec or "").strip()
    if not spec.startswith(SCHEME):
        return None, []
    path = Path(spec.removeprefix(SCHEME).strip()).expanduser()
    rows, broken = read_rows(path, make_recording)
    return RecordedJudge(model_name=f"{SCHEME}{path.name}", recordings={row.key: row for row in rows}), broken


def make_recording(row: dict[str, Any]) -> Recording:
    """Return the answers of a row.

    Raises:
        KeyError: It names no turn.
        ValueError: It holds no answer, or one that is no text.
    """
    answers: dict[str, str] = {}
    alone, coarse, hypothesis = row.get("alone"), row.get("coarse"), row.get("hypothesis")
    if alone is not None:
        answers["all_labels"] = alone
    if coarse is not None:
        answers["coarse"] = f"{coarse} {hypothesis}" if hypothesis else coarse
    if not answers or not all(isinstance(answer, str) for answer in answers.values()):
        raise ValueError("`alone` and `coarse` are not texts")
    return Recording((str(row["conv_id"]), int(row["turn"])), answers)


def _key(sample: Sample) -> TurnKey:
    return sample.conv_id, len(sample.turns)
