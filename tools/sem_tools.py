"""The tools of a SEM: `sem_emotion` reads the emotion of a dialogue, `sem_causes` names the words that speak for it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeAlias

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from ..contract import Cause, Evidence, ModelError, Reading, Turn, View, apply_view
from ..contract.context import Primary
from ..prompts import cause_words
from ..sem import Sem, resolve_sem
from ..sem.distribution import primary_emotions
from ..sem.language import unread_language
from ..sem.validation import causes_fault, check_reading


class Utterance(BaseModel):
    """One utterance of a dialogue."""

    role: Literal["speaker", "listener"] = Field(
        description="speaker: the person whose emotion is meant; listener: who answers them, such as an assistant"
    )
    text: str = Field(description="What was said, word for word")


def _parse_json(value: Any) -> Any:
    """Return a value that was sent as JSON in a text, which some clients do with every list."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


DialogueArgument: TypeAlias = Annotated[
    list[Utterance],
    BeforeValidator(_parse_json),
    Field(description="The turns of the conversation, oldest first, up to the person's last one", min_length=1),
]


def to_turns(dialogue: list[Utterance]) -> list[Turn]:
    """Return the utterances of an argument as turns."""
    return [Turn(utterance.role, utterance.text) for utterance in dialogue]


def label_type(labels: tuple[str, ...]) -> Any:
    """Return the type of an emotion of a taxonomy, whose JSON schema lists the labels for a model."""
    return Literal[labels]


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
        language = unread_language(turns, description.languages)
        return describe(reading) + _doubt(reading, language), reading

    return StructuredTool.from_function(
        sem_emotion,
        name="sem_emotion",
        description="Read how a person feels from what they said, with a small model that tells "
        f"{len(description.taxonomy.labels)} emotions apart: the most probable ones with their probabilities, and, "
        "where you name a hypothesis, what speaks for it. Use it before you answer someone who shares something "
        "personal.",
        args_schema=_emotion_arguments(description.taxonomy.labels),
        response_format="content_and_artifact",
    )


@lru_cache(maxsize=16)
def _emotion_arguments(labels: tuple[str, ...]) -> type[EmotionArguments]:
    """Return the arguments for the labels of a SEM; every graph of that SEM has the same."""
    hypothesis: Any = label_type(labels) | None
    return create_model(
        "EmotionArguments",
        __base__=EmotionArguments,
        hypothesis=(
            hypothesis,
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


def _doubt(reading: Reading, language: str) -> str:
    """Return why a reading is none to rely on, as a sentence after it; empty where it is."""
    if language:
        return f" This model was not trained on {language}: that is a guess."
    if reading.is_neutral:
        return f" Most likely what was said carries no emotion ({reading.neutral:.0%})."
    return ""


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


class CauseArguments(BaseModel):
    """Arguments of `sem_causes` that do not depend on the labels of a SEM."""

    model_config = ConfigDict(extra="forbid")

    dialogue: DialogueArgument


def sem_causes_tool(sem: Sem | str | None = None) -> BaseTool:
    """Return the tool that finds cause words with a SEM, given as in `create_hef`.

    Its content lists the words, strongest first; its artifact is a tuple of `Cause`. Causes whose
    offsets do not fit the text are a `ModelError`.
    """
    resolved_sem = resolve_sem(sem)
    description = resolved_sem.description

    def sem_causes(dialogue: list[Utterance], emotion: str) -> tuple[str, tuple[Cause, ...]]:
        turns = to_turns(dialogue)
        (causes,) = resolved_sem.causes([turns], [emotion])
        if fault := causes_fault(causes, turns):
            raise ModelError(f"SEM {description.name!r}: {fault}")
        return ", ".join(cause_words(cause.text) for cause in causes) or "none found", causes

    return StructuredTool.from_function(
        sem_causes,
        name="sem_causes",
        description="Find the words in a dialogue that show why the person feels an emotion, strongest first. "
        "Use it after sem_emotion, with one of the emotions that it named.",
        args_schema=_cause_arguments(description.taxonomy.labels),
        response_format="content_and_artifact",
    )


@lru_cache(maxsize=16)
def _cause_arguments(labels: tuple[str, ...]) -> type[CauseArguments]:
    """Return the arguments for the labels of a SEM; every graph of that SEM has the same."""
    return create_model(
        "CauseArguments",
        __base__=CauseArguments,
        emotion=(label_type(labels), Field(description="The emotion whose causes are searched")),
    )
