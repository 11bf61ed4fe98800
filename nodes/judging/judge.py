"""Ask the LLM for its judgement: scored where it can score, generated otherwise."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ...contract import HefContext, Reading, Turn, Verdict
from ...contract.chat_model import ChatModel, chat_models, is_hosted
from ...contract.settings.dialogue_limit import question_limit
from ...contract.settings.pooling_weights import Form
from ...contract.sync_async import run_sync
from ...llm import ChoiceScorer, model_name
from ...prompts import SCORE_PREFIX, Prompts, content_free_messages, score_messages
from ...prompts.label_parser import NONE
from ...sem import Taxonomy
from ..calling.llm_calls import ASYNC, SYNC, LlmCalls
from ..deciding.fit_registry import FitRegistry
from ..deciding.llm_reliability import HOSTED_LLM, UNKNOWN_LLM, LabelConfusion, LlmReliability, ReliabilityPrior
from ..support.turn_view import TurnView
from .ask_in_words import LabelAsker, judgement_prompt
from .line_asker import LineAsker

_log = logging.getLogger(__name__)


class Judge:
    """Ask the LLM which emotion the speaker feels, and read its answer.

    A judgement is a `Verdict` with emotion, scores, form and model; the rest is filled in by the node
    `coarse_emotion`, which compares it with the primary emotions.

    Args:
        prompts: The templates of the graph; those of a run's settings go before them.
        taxonomy: The labels and their synonyms.
        fits: Say whether a scoring LLM is better with its content-free scores subtracted.
    """

    def __init__(self, prompts: Prompts, taxonomy: Taxonomy, fits: FitRegistry) -> None:
        self._prompts = prompts
        self._taxonomy = taxonomy
        self._fits = fits
        self._asker = LabelAsker(taxonomy)
        self._line_asker = LineAsker(taxonomy, prompts)
        self._confusion = LabelConfusion(taxonomy)
        self._reliabilities: dict[tuple[str, ReliabilityPrior], LlmReliability] = {}

    def is_needed(self, model: ChatModel, readings: Sequence[Reading], settings: HefContext) -> bool:
        """Return whether the LLM is asked: always, or by `ask` = "unsure" where the SEM alone is not sure enough."""
        if settings.ask == "always" or settings.strategy != "two_stage" or not readings:
            return True
        form: Form = "scored" if isinstance(chat_models(model)[0], ChoiceScorer) else "generated"
        threshold = self._fits.get(model_name(model), form, reliability=0.0).ask_below
        return threshold is None or max(readings[0].distribution.values()) < threshold

    def leave_to_sem(self, readings: Sequence[Reading]) -> Verdict:
        """Return the verdict of a turn in which the LLM is not asked, and learn from the SEM's reading."""
        self._confusion.observe(readings[0].distribution)
        return Verdict(left_to_sem=True)

    def judge(
        self, model: ChatModel, turns: Sequence[Turn], readings: Sequence[Reading], settings: HefContext
    ) -> Verdict:
        """Return the LLM's judgement; with several readings that after a re-query."""
        is_requery = len(readings) > 1
        return run_sync(self.judge_by(SYNC, model, turns, readings, settings, is_requery=is_requery))[0]

    async def ajudge(
        self, model: ChatModel, turns: Sequence[Turn], readings: Sequence[Reading], settings: HefContext
    ) -> Verdict:
        """Return the LLM's judgement without blocking."""
        is_requery = len(readings) > 1
        return (await self.judge_by(ASYNC, model, turns, readings, settings, is_requery=is_requery))[0]

    async def judge_by(
        self,
        calls: LlmCalls,
        model: ChatModel,
        turns: Sequence[Turn],
        readings: Sequence[Reading],
        settings: HefContext,
        *,
        is_requery: bool,
    ) -> tuple[Verdict, str]:
        """Return the LLM's judgement by synchronous or asynchronous calls, and what failed before it was given.

        A re-query, after which the SEM has a second reading unless it failed, asks about the primary emotions, and its
        answer, which the first one led to, says nothing more about the LLM's reliability.
        """
        name, prompts = model_name(model), self._prompts.replaced(settings.templates)
        scorer = chat_models(model)[0]
        if not isinstance(scorer, ChoiceScorer):
            question = judgement_prompt(prompts, self._taxonomy, turns, readings, settings, is_requery=is_requery)
            label, fault = await self._asker.ask(model, question, calls)
            return self.read_answer(model, label, readings, is_requery=is_requery), fault
        messages = score_messages(prompts, turns, settings.persona, question_limit(settings.dialogue_limit))
        _log.debug("scored: %s", messages)
        is_calibrated = self._fits.get(name, "scored").content_free
        content_free = content_free_messages(prompts, settings.persona) if is_calibrated else []
        labels = self._taxonomy.labels
        scores = await calls.score_choices(scorer, messages, labels, prefix=SCORE_PREFIX, content_free=content_free)
        best = max(scores, key=lambda label: scores[label])
        return Verdict(emotion=best, scores=scores, form="scored", model=name), ""

    async def judge_by_line(self, calls: LlmCalls, model: ChatModel, turn: TurnView) -> tuple[Verdict, str]:
        """Return the judgement of an LLM that says in a line what is felt, and by which words it is shown.

        One that leaves the line out is asked for the label alone. Also returned is what failed before.
        """
        feeling, fault = await self._line_asker.ask(calls, model, turn)
        if feeling is None:
            verdict, also = await self.judge_by(
                calls, model, turn.dialogue, turn.readings, turn.settings, is_requery=turn.disputed_verdict is not None
            )
            return verdict, "; ".join(filter(None, [fault, also]))
        verdict = self.read_answer(model, feeling.label, turn.readings)
        return verdict.model_copy(update={"words": feeling.words}), fault

    def read_answer(
        self, model: ChatModel, label: str | None, readings: Sequence[Reading], *, is_requery: bool = False
    ) -> Verdict:
        """Return the judgement of an LLM that answered in words with a label, with `NONE`, or with none of both.

        An answer that is not one of a re-query says something about the LLM's reliability.
        """
        name = model_name(model)
        if label == NONE:
            return Verdict(neutral=True, model=name)
        reliability = self._reliability(model)
        verdict = _weighed(Verdict(emotion=label, answer=label, form="generated", model=name), readings, reliability)
        if not is_requery:
            self._learn(verdict, readings, reliability)
        return verdict

    def _learn(self, verdict: Verdict, readings: Sequence[Reading], reliability: LlmReliability) -> None:
        """Learn from the SEM's reading of a turn, and from the LLM's answer."""
        if not readings:
            return
        self._confusion.observe(readings[0].distribution)
        if verdict.emotion is not None:
            reliability.observe(verdict.emotion, readings[0].distribution, readings[0].primary)

    def _reliability(self, model: ChatModel) -> LlmReliability:
        """Return the estimate of an LLM; one that is hosted is trusted from the first answer."""
        prior = HOSTED_LLM if is_hosted(model) else UNKNOWN_LLM
        return self._reliabilities.setdefault((model_name(model), prior), LlmReliability(self._confusion, prior))


def _weighed(verdict: Verdict, readings: Sequence[Reading], reliability: LlmReliability) -> Verdict:
    """Return a verdict in words with the likelihoods of its answer."""
    if verdict.emotion is None or not readings:
        return verdict
    estimate = {
        "likelihoods": reliability.likelihoods(verdict.emotion, readings[0].primary),
        "reliability": reliability.reliability,
    }
    return verdict.model_copy(update=estimate)
