"""The tool `sem_emotion`: a SEM reads the emotion of a dialogue."""

from __future__ import annotations

from typing import Literal

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, ConfigDict, Field

from ..contract import Evidence, Reading, Turn, look
from ..contract.context import Primary
from ..sem import Sem
from ..sem.distribution import check_reading, primary_emotions


class Utterance(BaseModel):
    """One turn as a tool argument."""

    role: Literal["speaker", "listener"] = Field(description="speaker: the person; listener: who answers")
    text: str = Field(description="What was said")


class EmotionArguments(BaseModel):
    """Arguments of `sem_emotion`."""

    model_config = ConfigDict(extra="forbid")

    dialogue: list[Utterance] = Field(description="All turns, oldest first", min_length=1)
    primary: Primary = Field(
        default=5, description="How many primary emotions, or (below 1) how often they shall hold the true one"
    )
    hypothesis: str | None = Field(default=None, description="An emotion to give evidence for and against")
    view: Literal["dialogue", "speaker", "last_turn"] = Field(default="dialogue", description="Which turns to look at")


def turns_of(dialogue: list[Utterance]) -> list[Turn]:
    """Return the tool's utterances as turns."""
    return [Turn(utterance.role, utterance.text) for utterance in dialogue]


def sem_emotion_tool(sem: Sem) -> BaseTool:
    """Return the tool that reads emotion with the given SEM.

    Its content is a short text for an LLM, its artifact the `Reading`.
    """

    def sem_emotion(
        dialogue: list[Utterance],
        primary: int | float = 5,
        hypothesis: str | None = None,
        view: Literal["dialogue", "speaker", "last_turn"] = "dialogue",
    ) -> tuple[str, Reading]:
        turns = turns_of(dialogue)
        (reading,) = sem.read([turns], views=[view])
        about = sem.description
        check_reading(reading, about.taxonomy.labels, about.name)
        seen = len(look(turns, view))
        reading = reading.model_copy(
            update={
                "primary": primary_emotions(reading.distribution, primary, about.prediction_sets, seen),
                "evidence": _evidence(sem, turns, reading, hypothesis),
            }
        )
        return describe(reading), reading

    return StructuredTool.from_function(
        sem_emotion,
        name="sem_emotion",
        description="Read a person's fine-grained emotion from a dialogue with a small empathetic model: "
        "the most probable emotions, and the evidence for a hypothesis if one is given.",
        args_schema=EmotionArguments,
        response_format="content_and_artifact",
    )


def describe(reading: Reading) -> str:
    """Return a reading as a line an LLM can read."""
    named = ", ".join(f"{label} {reading.distribution[label]:.0%}" for label in reading.primary)
    evidence = reading.evidence
    if evidence is None:
        return f"Primary emotions: {named}."
    words = ", ".join(evidence.words_for) or "none"
    return (
        f"Primary emotions: {named}. {evidence.hypothesis}: {evidence.probability:.0%}, rank {evidence.rank}; "
        f"words for it: {words}."
    )


def _evidence(sem: Sem, turns: list[Turn], reading: Reading, hypothesis: str | None) -> Evidence | None:
    if hypothesis is None or hypothesis not in reading.distribution:
        return None
    ranked = reading.ranked
    for_it, against = sem.causes([turns, turns], [hypothesis, ranked[0]])
    return Evidence(
        hypothesis=hypothesis,
        probability=min(1.0, max(0.0, reading.distribution[hypothesis])),
        rank=ranked.index(hypothesis) + 1,
        words_for=tuple(cause.text for cause in for_it[:3]),
        words_against=tuple(cause.text for cause in against[:3]),
    )
