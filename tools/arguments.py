"""Types of tool arguments: a dialogue, and the labels that a model may name."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field

from ..contract import Turn


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


def optional_label_type(labels: tuple[str, ...]) -> Any:
    """Return the type of an emotion that need not be named."""
    return label_type(labels) | None
