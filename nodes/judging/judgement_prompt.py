"""The question of the generated judgement, put together from the readings and the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from ...contract import HefContext, Reading, Turn
from ...prompts import Prompts, question_messages
from ...sem import Taxonomy

HINTED_LABELS = 2
"""How many emotions strategy `one_prompt` calls more likely."""
_SHOWN = 300
"""Characters of a useless answer that the LLM is shown again."""


@dataclass(frozen=True, slots=True)
class JudgementPrompt:
    """One question to the LLM, ready to be sent."""

    messages: list[BaseMessage]
    """The prompt."""
    offered: tuple[str, ...]
    """The labels that it may answer at once."""
    labels: tuple[str, ...]
    """The labels that it may answer at all, at once or as its own hypothesis."""
    repair: str
    """What it is told once when its answer holds none of the labels."""

    def again(self, answer: str) -> list[BaseMessage]:
        """Return the prompt that asks again after an answer without a label."""
        return [*self.messages, AIMessage(answer.strip()[:_SHOWN] or "…"), HumanMessage(self.repair)]


def judgement_prompt(
    prompts: Prompts, taxonomy: Taxonomy, turns: Sequence[Turn], readings: Sequence[Reading], settings: HefContext
) -> JudgementPrompt:
    """Return the question of a turn.

    With a reading it is asked whether a primary emotion fits, or (`one_prompt`) which of all
    emotions, of which the likeliest are named; without one which of all emotions.
    """
    labels = taxonomy.labels
    name, offered, values = "all_labels", labels, {"labels": ", ".join(labels)}
    if readings and settings.strategy == "one_prompt":
        name = "one_prompt"
        values["likely"] = ", ".join(readings[-1].ranked[:HINTED_LABELS])
    elif readings:
        name, offered, values = "coarse", readings[-1].primary, _coarse(readings[-1], labels)
    messages = question_messages(prompts, name, turns, settings.persona, settings.dialogue_limit, **values)
    return JudgementPrompt(messages, offered, labels, prompts.render("repair", labels=", ".join(labels)))


def _coarse(reading: Reading, labels: Sequence[str]) -> dict[str, str]:
    others = ", ".join(label for label in labels if label not in reading.primary)
    return {"primary": ", ".join(reading.primary), "others": others or "none", "evidence": _evidence(reading)}


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
