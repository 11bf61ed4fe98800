"""JSON messages between `HttpSem` and a SEM's service, one Pydantic model per message.

`GET description` returns a `DescriptionMessage`. `POST read`, `causes` and `embed` take the `…Request` and return the
`…Answer` of that name. An invalid request gets status 422, a failure of the SEM 500, each with an `ErrorMessage`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from ...contract import Cause, Reading, Turn, View
from ...contract.renamed_fields import SEM_DESCRIPTION_FIELDS, rename_fields
from ..protocol import SemDescription


class Message(BaseModel):
    """Base of all messages; unknown keys are ignored, so that a service may send more."""

    model_config = ConfigDict(frozen=True)


class DescriptionMessage(Message):
    """Description of the service's SEM."""

    description: SemDescription
    """The SEM's description; `name` and `taxonomy` (`name` and `labels`) are required."""
    dimensions: int | None = None
    """Width of its sentence vectors; None if it has none."""

    @field_validator("description", mode="before")
    @classmethod
    def _read_old_names(cls, value: Any) -> Any:
        return rename_fields(value, SEM_DESCRIPTION_FIELDS)


class ReadRequest(Message):
    """Dialogues to read."""

    dialogues: list[list[Turn]]
    """Turns of `role` and `text`, oldest first."""
    views: list[View] | None = None
    """One per dialogue; None means all turns."""


class ReadAnswer(Message):
    """One reading per dialogue."""

    readings: list[Reading]


class CausesRequest(Message):
    """Dialogues, and the emotion of each to explain."""

    dialogues: list[list[Turn]]
    emotions: list[str]


class CausesAnswer(Message):
    """The cause words of each dialogue, strongest first."""

    causes: list[tuple[Cause, ...]]


class EmbedRequest(Message):
    """Texts to embed."""

    texts: list[str]


class EmbedAnswer(Message):
    """One unit vector per text."""

    vectors: list[list[float]]


class ErrorMessage(Message):
    """Why there is no answer."""

    error: str
