"""What goes over the wire between `HttpSem` and a SEM's service: plain JSON, one model a message.

`GET description` gives a `Described`. `POST read`, `causes` and `embed` take the `…Request` and give the `…Answer` of
that name. What cannot be answered gets status 422, a failure of the SEM 500, each with a `Refusal`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from ...contract import Cause, Reading, Turn, View
from ...contract.renamed_fields import SEM_DESCRIPTION_FIELDS, rename_fields
from ..protocol import SemDescription


class Message(BaseModel):
    """Base of all messages; keys that are not known are left aside, so that a service may say more."""

    model_config = ConfigDict(frozen=True)


class DescriptionMessage(Message):
    """What the service reads with."""

    description: SemDescription
    """As the SEM gives it; `name` and `taxonomy` (`name` and `labels`) are needed."""
    dimensions: int | None = None
    """Width of its sentence vectors; None where it gives none."""

    @field_validator("description", mode="before")
    @classmethod
    def _read_old_names(cls, value: Any) -> Any:
        return rename_fields(value, SEM_DESCRIPTION_FIELDS)


class ReadRequest(Message):
    """Dialogues to read."""

    dialogues: list[list[Turn]]
    """Turns of `role` and `text`, oldest first."""
    views: list[View] | None = None
    """One a dialogue; None means all turns."""


class ReadAnswer(Message):
    """One reading a dialogue."""

    readings: list[Reading]


class CausesRequest(Message):
    """Dialogues, and the emotion of each that is to be explained."""

    dialogues: list[list[Turn]]
    emotions: list[str]


class CausesAnswer(Message):
    """The cause words of each dialogue, strongest first."""

    causes: list[tuple[Cause, ...]]


class EmbedRequest(Message):
    """Texts to embed."""

    texts: list[str]


class EmbedAnswer(Message):
    """One unit vector a text."""

    vectors: list[list[float]]


class ErrorMessage(Message):
    """Why there is no answer."""

    error: str
