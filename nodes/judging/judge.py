"""Ask the LLM for its judgement: scored where it can score, generated otherwise."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from ...contract import HefContext, Reading, Turn
from ...llm import ChoiceScorer, model_name
from ...prompts import SCORE_PREFIX, Prompts, content_free_messages, score_messages
from ...sem import Taxonomy
from ..deciding.fit_registry import FitRegistry
from .ask_in_words import LabelAsker
from .judgement_prompt import JudgementPrompt, judgement_prompt

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the LLM said about the speaker's emotion."""

    emotion: str | None
    """The label it names, None when it names none."""
    scores: dict[str, float] | None
    """Log-probability of each label, where it was scored."""
    form: Literal["scored", "generated"]
    """How it was asked."""


class Judge:
    """Put the question about the emotion, and read the answer.

    Args:
        prompts: The templates of the graph; those of a run's settings go before them.
        taxonomy: The labels and their synonyms.
        fits: Say whether a scoring LLM is better with its answer about nothing taken off.
    """

    def __init__(self, prompts: Prompts, taxonomy: Taxonomy, fits: FitRegistry) -> None:
        self._prompts = prompts
        self._taxonomy = taxonomy
        self._fits = fits
        self._asker = LabelAsker(taxonomy)

    def judge(
        self, model: BaseChatModel, turns: Sequence[Turn], readings: Sequence[Reading], settings: HefContext
    ) -> Judgement:
        """Return the LLM's judgement."""
        if isinstance(model, ChoiceScorer):
            messages, free = self._scored(model, turns, settings)
            return _scored(model.score_choices(messages, self._taxonomy.labels, prefix=SCORE_PREFIX, content_free=free))
        return Judgement(self._asker.ask(model, self._question(turns, readings, settings)), None, "generated")

    async def ajudge(
        self, model: BaseChatModel, turns: Sequence[Turn], readings: Sequence[Reading], settings: HefContext
    ) -> Judgement:
        """Return the LLM's judgement without blocking."""
        if isinstance(model, ChoiceScorer):
            messages, free = self._scored(model, turns, settings)
            return _scored(
                await model.ascore_choices(messages, self._taxonomy.labels, prefix=SCORE_PREFIX, content_free=free)
            )
        return Judgement(await self._asker.aask(model, self._question(turns, readings, settings)), None, "generated")

    def _question(self, turns: Sequence[Turn], readings: Sequence[Reading], settings: HefContext) -> JudgementPrompt:
        return judgement_prompt(self._prompts.replaced(settings.templates), self._taxonomy, turns, readings, settings)

    def _scored(
        self, model: BaseChatModel, turns: Sequence[Turn], settings: HefContext
    ) -> tuple[list[BaseMessage], list[list[BaseMessage]]]:
        prompts = self._prompts.replaced(settings.templates)
        messages = score_messages(prompts, turns, settings.persona, settings.dialogue_limit)
        _log.debug("scored: %s", messages)
        calibrates = self._fits.get(model_name(model), "scored").content_free
        return messages, content_free_messages(prompts, settings.persona) if calibrates else []


def _scored(scores: dict[str, float]) -> Judgement:
    return Judgement(max(scores, key=lambda label: scores[label]), scores, "scored")
