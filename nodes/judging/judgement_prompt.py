"""The prompt of the generated judgement, built from the readings and the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from ...contract import HefContext, Reading, Turn
from ...prompts import Prompts, cause_words, question_messages
from ...sem import Taxonomy

HINTED_LABELS = 2
"""How many emotions strategy `one_prompt` calls more likely."""
_ANSWER_CHARACTERS = 300
"""Characters of an answer without a label that the LLM is shown again."""


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
    """The message that is sent once when its answer holds none of the labels."""

    def repair_messages(self, answer: str) -> list[BaseMessage]:
        """Return the prompt that asks again after an answer without a label."""
        return [*self.messages, AIMessage(answer.strip()[:_ANSWER_CHARACTERS] or "…"), HumanMessage(self.repair)]


def judgement_prompt(
    prompts: Prompts, taxonomy: Taxonomy, turns: Sequence[Turn], readings: Sequence[Reading], settings: HefContext
) -> JudgementPrompt:
    """Return the question of a turn.

    With a reading it asks whether a primary emotion fits, or (`one_prompt`) which of all emotions
    it is, with the likeliest ones named; without a reading it asks which of all emotions it is.
    """
    labels = taxonomy.labels
    name, offered, values = "all_labels", labels, {"labels": ", ".join(labels)}
    if readings and settings.strategy == "one_prompt":
        name = "one_prompt"
        values["likely"] = ", ".join(readings[-1].ranked[:HINTED_LABELS])
    elif readings:
        name, offered, values = "coarse", readings[-1].primary, _coarse_values(readings[-1], labels)
    messages = question_messages(prompts, name, turns, settings.persona, settings.dialogue_limit, **values)
    return JudgementPrompt(messages, offered, labels, prompts.render("repair", labels=", ".join(labels)))


def _coarse_values(reading: Reading, labels: Sequence[str]) -> dict[str, str]:
    others = ", ".join(label for label in labels if label not in reading.primary)
    return {"primary": ", ".join(reading.primary), "others": others or "none", "evidence": _evidence_text(reading)}


def _evidence_text(reading: Reading) -> str:
    evidence = reading.evidence
    if evidence is None:
        return ""
    words_for, words_against = (
        ", ".join(map(cause_words, words)) or "none" for words in (evidence.words_for, evidence.words_against)
    )
    return (
        f"Before, you thought of {evidence.hypothesis}. On a second look "
        f"the small model gives it rank {evidence.rank}; "
        f"words for it: {words_for}; words for {reading.ranked[0]}: {words_against}."
    )
