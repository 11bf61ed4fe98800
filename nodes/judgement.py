"""Ask the LLM for its judgement: scored where it can score, generated otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from ..contract import HefContext, Reading, Turn
from ..llm import ChoiceScorer
from ..llm.choosing import parse_choice
from ..prompts import SCORE_PREFIX, Prompts, content_free_messages, question_messages, score_messages
from ..sem import Taxonomy

LIKELY = 2
"""How many emotions strategy `one_prompt` calls more likely."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the LLM said about the speaker's emotion."""

    emotion: str | None
    """The label it names, None when it names none."""
    scores: dict[str, float] | None
    """Log-probability of each label, where it was scored."""
    form: Literal["scored", "generated"]
    """How it was asked."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question to the LLM, ready to be sent in either form."""

    messages: list[BaseMessage]
    """The prompt."""
    labels: tuple[str, ...]
    """What it may answer."""
    repair: str
    """What it is told once when its answer holds none of the labels."""


class Judge:
    """Put the question about the emotion, and read the answer.

    Args:
        prompts: The templates.
        taxonomy: The labels and their synonyms.
    """

    def __init__(self, prompts: Prompts, taxonomy: Taxonomy) -> None:
        self._prompts = prompts
        self._taxonomy = taxonomy

    def judge(
        self, model: BaseChatModel, turns: Sequence[Turn], readings: Sequence[Reading], settings: HefContext
    ) -> Judgement:
        """Return the LLM's judgement."""
        if isinstance(model, ChoiceScorer):
            messages, free = self._scored(turns, settings)
            return _scored(model.score_choices(messages, self._taxonomy.labels, prefix=SCORE_PREFIX, content_free=free))
        question = self._question(turns, readings, settings)
        answer = str(model.invoke(question.messages).text)
        label = self._read(answer, question)
        if label is None:
            label = self._read(str(model.invoke(_again(question, answer)).text), question)
        return Judgement(label, None, "generated")

    async def ajudge(
        self, model: BaseChatModel, turns: Sequence[Turn], readings: Sequence[Reading], settings: HefContext
    ) -> Judgement:
        """Return the LLM's judgement without blocking."""
        if isinstance(model, ChoiceScorer):
            messages, free = self._scored(turns, settings)
            return _scored(
                await model.ascore_choices(messages, self._taxonomy.labels, prefix=SCORE_PREFIX, content_free=free)
            )
        question = self._question(turns, readings, settings)
        answer = str((await model.ainvoke(question.messages)).text)
        label = self._read(answer, question)
        if label is None:
            label = self._read(str((await model.ainvoke(_again(question, answer))).text), question)
        return Judgement(label, None, "generated")

    def _scored(self, turns: Sequence[Turn], settings: HefContext) -> tuple[list[BaseMessage], list[list[BaseMessage]]]:
        messages = score_messages(self._prompts, turns, settings.persona, settings.dialogue_limit)
        return messages, content_free_messages(self._prompts, settings.persona)

    def _question(self, turns: Sequence[Turn], readings: Sequence[Reading], settings: HefContext) -> Question:
        labels = self._taxonomy.labels
        everything = ", ".join(labels)
        name, values = "fine", {"labels": everything}
        if readings and settings.strategy == "one_prompt":
            name, values = "one_prompt", {"labels": everything, "likely": ", ".join(readings[-1].ranked[:LIKELY])}
        elif readings:
            reading = readings[-1]
            others = ", ".join(label for label in labels if label not in reading.primary)
            name, values = (
                "coarse",
                {"primary": ", ".join(reading.primary), "others": others or "none", "evidence": _evidence(reading)},
            )
        messages = question_messages(self._prompts, name, turns, settings.persona, settings.dialogue_limit, **values)
        return Question(messages, labels, self._prompts.render("repair", labels=everything))

    def _read(self, answer: str, question: Question) -> str | None:
        return parse_choice(answer, question.labels, self._taxonomy.synonyms)


def _scored(scores: dict[str, float]) -> Judgement:
    return Judgement(max(scores, key=lambda label: scores[label]), scores, "scored")


def _again(question: Question, answer: str) -> list[BaseMessage]:
    return [*question.messages, AIMessage(answer), HumanMessage(question.repair)]


def _evidence(reading: Reading) -> str:
    evidence = reading.evidence
    if evidence is None:
        return ""
    for_it, against = (", ".join(words) or "none" for words in (evidence.words_for, evidence.words_against))
    return (
        f"Before, you thought of {evidence.hypothesis}. On a second look "
        f"the small model gives it rank {evidence.rank}; "
        f"words for it: {for_it}; words for {reading.ranked[0]}: {against}."
    )
