"""The results of a SEM: its reading of a dialogue, causes of an emotion, and evidence about a hypothesis."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .dialogue import View
from .renamed_fields import READING_FIELDS, rename_fields


class Cause(BaseModel):
    """A word or span that speaks for an emotion."""

    model_config = ConfigDict(frozen=True)

    text: str = Field(description="The words as written in the turn")
    turn: int = Field(ge=0, description="Index of the turn in the dialogue, 0 is the oldest")
    start: int = Field(ge=0, description="First character in the turn's raw text")
    end: int = Field(ge=0, description="One past the last character")
    weight: float = Field(ge=0, le=1, description="Share of the evidence, 1 at most over all causes")


class Evidence(BaseModel):
    """What speaks for and against an emotion that the LLM proposed."""

    model_config = ConfigDict(frozen=True)

    hypothesis: str = Field(description="The proposed emotion")
    probability: float = Field(ge=0, le=1, description="The SEM's probability of it")
    rank: int = Field(ge=1, description="1 when it is the SEM's own first choice")
    words_for: tuple[str, ...] = Field(default=(), description="Words that speak for the hypothesis")
    words_against: tuple[str, ...] = Field(default=(), description="Words that speak for the SEM's first choice")


class Reading(BaseModel):
    """One reading of a dialogue by a SEM."""

    model_config = ConfigDict(frozen=True)

    distribution: dict[str, float] = Field(description="Calibrated probability of each label; sums to 1")
    sem: str = Field(default="", description="Name of the SEM")
    view: View = Field(default="dialogue", description="Which turns it read")
    pool_weight: float = Field(
        default=1.0, ge=0, le=1, description="Its weight beside a first reading when the rounds are pooled"
    )
    truncated_turns: int = Field(default=0, ge=0, description="How many of the oldest turns did not fit its window")
    neutral: float | None = Field(
        default=None, ge=0, le=1, description="Probability that what was read carries no emotion; None if not known"
    )
    topic_turns: tuple[int, ...] | None = Field(
        default=None, description="Indices of the turns of the current topic, which alone were read; None means all"
    )
    primary: tuple[str, ...] = Field(default=(), description="The primary emotions, most probable first")
    evidence: Evidence | None = Field(default=None, description="On a re-query: about the LLM's hypothesis")
    round: int = Field(default=0, ge=0, description="0 for the first reading of a turn, then one more per re-query")

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, value: Any) -> Any:
        return rename_fields(value, READING_FIELDS)

    @property
    def ranked(self) -> list[str]:
        """All labels, most probable first."""
        return sorted(self.distribution, key=lambda label: (-self.distribution[label], label))
