"""The tool `sem_emotion`: a SEM reads the emotion of a dialogue."""

from __future__ import annotations

from functools import lru_cache

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, ConfigDict, Field, create_model

from ..contract import Evidence, Reading, Turn, View, apply_view
from ..contract.context import Primary
from ..prompts import cause_words
from ..sem import Sem, resolve_sem
from ..sem.distribution import primary_emotions
from ..sem.validation import check_reading
from .arguments import DialogueArgument, Utterance, optional_label_type, to_turns


class EmotionArguments(BaseModel):
    """Arguments of `sem_emotion` that do not depend on the labels of a SEM."""

    model_config = ConfigDict(extra="forbid")

    dialogue: DialogueArgument
    primary: Primary = Field(
        default=5,
        description="How many emotions to name (a whole number), "
        "or how often they should include the true one (a probability such as 0.9)",
    )
    view: View = Field(
        default="dialogue",
        description="What to read: the whole dialogue, the speaker's turns alone, or the last turn alone",
    )


def sem_emotion_tool(sem: Sem | str | None = None) -> BaseTool:
    """Return the tool that reads emotion with a SEM, given as in `create_hef`.

    Its content is a short text for an LLM, its artifact the `Reading`.
    """
    resolved_sem = resolve_sem(sem)
    description = resolved_sem.description

    def sem_emotion(
        dialogue: list[Utterance],
        primary: int | float = 5,
        hypothesis: str | None = None,
        view: View = "dialogue",
    ) -> tuple[str, Reading]:
        turns = to_turns(dialogue)
        (reading,) = resolved_sem.read([turns], views=[view])
        check_reading(reading, description.taxonomy.labels, description.name)
        turn_count = len(apply_view(turns, view))
        reading = reading.model_copy(
            update={
                "primary": primary_emotions(reading.distribution, primary, description.prediction_sets, turn_count),
                "evidence": _evidence(resolved_sem, turns, reading, hypothesis),
            }
        )
        return describe(reading), reading

    return StructuredTool.from_function(
        sem_emotion,
        name="sem_emotion",
        description="Read how a person feels from what they said, with a small model that tells "
        f"{len(description.taxonomy.labels)} emotions apart: the most probable ones with their probabilities, and, "
        "where you name a hypothesis, what speaks for it. Use it before you answer someone who shares something "
        "personal.",
        args_schema=_arguments(description.taxonomy.labels),
        response_format="content_and_artifact",
    )


@lru_cache(maxsize=16)
def _arguments(labels: tuple[str, ...]) -> type[EmotionArguments]:
    """Return the arguments for the labels of a SEM; every graph of that SEM has the same."""
    return create_model(
        "EmotionArguments",
        __base__=EmotionArguments,
        hypothesis=(
            optional_label_type(labels),
            Field(default=None, description="An emotion that you think of, to be given evidence for and against"),
        ),
    )


def describe(reading: Reading) -> str:
    """Return a reading as a line for an LLM."""
    primary = ", ".join(f"{label} {reading.distribution[label]:.0%}" for label in reading.primary)
    evidence = reading.evidence
    if evidence is None:
        return f"Primary emotions: {primary}."
    words = ", ".join(map(cause_words, evidence.words_for)) or "none"
    return (
        f"Primary emotions: {primary}. {evidence.hypothesis}: {evidence.probability:.0%}, rank {evidence.rank}; "
        f"words for it: {words}."
    )


def _evidence(sem: Sem, turns: list[Turn], reading: Reading, hypothesis: str | None) -> Evidence | None:
    if hypothesis is None:
        return None
    ranked = reading.ranked
    causes_for, causes_against = sem.causes([turns, turns], [hypothesis, ranked[0]])
    return Evidence(
        hypothesis=hypothesis,
        probability=min(1.0, max(0.0, reading.distribution[hypothesis])),
        rank=ranked.index(hypothesis) + 1,
        words_for=tuple(cause.text for cause in causes_for[:3]),
        words_against=tuple(cause.text for cause in causes_against[:3]),
    )
