"""A dialogue as a tool argument, and the emotions that a model may name in one."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field

from ..contract import Turn
from ..sem import Taxonomy


class Utterance(BaseModel):
    """Who spoke, and what they said."""

    role: Literal["speaker", "listener"] = Field(
        description="speaker: the person whose emotion is meant; listener: who answers them, such as an assistant"
    )
    text: str = Field(description="What was said, word for word")


def _unpacked(given: Any) -> Any:
    """Return what was sent as JSON in a text, which some clients do with every list."""
    try:
        return json.loads(given) if isinstance(given, str) else given
    except ValueError:
        return given


DialogueArgument: TypeAlias = Annotated[
    list[Utterance],
    BeforeValidator(_unpacked),
    Field(description="The turns of the conversation, oldest first, up to the person's last one", min_length=1),
]


def turns_of(dialogue: list[Utterance]) -> list[Turn]:
    """Return the tool's utterances as turns."""
    return [Turn(utterance.role, utterance.text) for utterance in dialogue]


def label_of(taxonomy: Taxonomy) -> Any:
    """Return the type of an emotion of a taxonomy, so that a model is told which there are."""
    return Literal[tuple(taxonomy.labels)]


def maybe_label_of(taxonomy: Taxonomy) -> Any:
    """Return the type of an emotion that need not be named."""
    return label_of(taxonomy) | None
