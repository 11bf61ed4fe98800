"""A judge whose answers were recorded before, in words, by whatever gave them: a provider's batch, another program.

A row is one listener turn: `{"conv_id", "turn", "alone", "coarse", "hypothesis"}`. `turn` is the turn's index, so its
input is all turns before it. `alone` answers the question among all labels, `coarse` the one about the primary
emotions; where that is "none", `hypothesis` is the emotion that fits best. A later question gets the same answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextvars import ContextVar
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
from .scripted_judges import MEASURED_SAMPLE

MEASURED_STRATEGY: ContextVar[Strategy | None] = ContextVar("measured_strategy", default=None)
"""The strategy that is being measured."""
SCHEME = "recorded:"
TurnKey: TypeAlias = tuple[str, int]
"""A conversation and the index of the listener turn in it."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What was answered about one turn."""

    key: TurnKey
    """The turn."""
    answers: Mapping[Strategy, str]
    """Its answers, by the strategy whose question they answer."""


class RecordedJudge(BaseChatModel):
    """Answer each question about a turn as it was answered before."""

    model_name: str
    """The specification, with the file's name alone."""
    recordings: dict[TurnKey, Mapping[Strategy, str]]
    """The answers about each turn."""

    @property
    def _llm_type(self) -> str:
        return "recorded-judge"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"answer": self._answer()}

    @property
    def strategies(self) -> list[Strategy]:
        """The strategies that some answer is about."""
        return sorted({strategy for answers in self.recordings.values() for strategy in answers})

    def recorded(self, samples: Sequence[Sample], strategies: Collection[Strategy]) -> list[Sample]:
        """Return the samples that have an answer for each of the strategies.

        Raises:
            SetupError: None has.
        """
        needed = set(strategies) - {"sem_only"}
        known = [sample for sample in samples if needed <= set(self.recordings.get(_key(sample), ()))]
        if not known:
            raise SetupError(
                f"{self.model_name} answers {' and '.join(sorted(needed))} for none of the {len(samples):,} turns; it "
                f"holds answers for {' and '.join(self.strategies)} about {len(self.recordings):,} turns"
            )
        return known

    def _answer(self) -> str | None:
        sample, strategy = MEASURED_SAMPLE.get(), MEASURED_STRATEGY.get()
        return self.recordings.get(_key(sample), {}).get(strategy) if sample and strategy else None

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        answer = self._answer()
        if answer is None:
            raise ModelError(f"{self.model_name} holds no answer for this turn; it answers in `hef evaluate emotion`")
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
    return RecordedJudge(model_name=f"{SCHEME}{path.name}", recordings={row.key: row.answers for row in rows}), broken


def make_recording(row: dict[str, Any]) -> Recording:
    """Return the answers of a row.

    Raises:
        KeyError: It names no turn.
        ValueError: It holds no answer, or one that is no text.
    """
    answers: dict[Strategy, str] = {}
    alone, coarse, hypothesis = row.get("alone"), row.get("coarse"), row.get("hypothesis")
    if alone is not None:
        answers["llm_only"] = alone
    if coarse is not None:
        answers["two_stage"] = f"{coarse} {hypothesis}" if hypothesis else coarse
    if not answers or not all(isinstance(answer, str) for answer in answers.values()):
        raise ValueError("`alone` and `coarse` are no texts")
    return Recording((str(row["conv_id"]), int(row["turn"])), answers)


def _key(sample: Sample) -> TurnKey:
    return sample.conv_id, len(sample.turns)
