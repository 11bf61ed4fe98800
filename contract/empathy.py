"""The results of a turn: the verdict of the LLM, the recalled memories, and the decision."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .sem_reading import Cause

YEAR_10000 = 253_402_300_800.0
"""Unix time in seconds from which on no date can be written."""


class Verdict(BaseModel):
    """The LLM's judgement of the speaker's emotion, compared with the primary emotions."""

    model_config = ConfigDict(frozen=True)

    turn: str = Field(
        default="", description="What identifies the turn it judges; a verdict with another key is out of date"
    )
    agreed: bool = Field(default=True, description="Whether the LLM finds the emotion among the primary ones")
    emotion: str | None = Field(default=None, description="The emotion the LLM names; None when it names none")
    scores: dict[str, float] | None = Field(
        default=None, description="Log-probability of each label, where the LLM can score"
    )
    form: Literal["scored", "generated", "none"] = Field(default="none", description="How the LLM was asked")
    model: str | None = Field(default=None, description="Name of the LLM that judged; None when none did")
    requeries: int = Field(default=0, ge=0, description="Re-queries of the SEM before this judgement")


class Memory(BaseModel):
    """A past turn of the same person."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="hash(thread, turn)")
    text: str = Field(description="What the person said since the reply before, a line for each message")
    reply: str = Field(default="", description="What was answered")
    emotion: str | None = Field(default=None, description="The emotion decided then")
    probability: float | None = Field(default=None, ge=0, le=1, description="The probability of that emotion")
    confirmed: bool = Field(default=False, description="Whether a person said that it was this emotion")
    causes: tuple[str, ...] = Field(default=(), description="The cause words found then among the words of this turn")
    time: float = Field(
        default=0.0, ge=0, lt=YEAR_10000, allow_inf_nan=False, description="Unix time in seconds, from 1970 to 9999"
    )
    thread: str = Field(default="", description="Id of the conversation; empty without one")
    turn: int = Field(default=0, ge=0, description="Number of the person's turn there, from 1; 0 where unknown")
    score: float | None = Field(
        default=None, description="Relevance to the query, at most 1; None where nothing was compared"
    )


class Empathy(BaseModel):
    """What was understood of the person, which the reply is drafted from."""

    model_config = ConfigDict(frozen=True)

    emotion: str = Field(description="The decided emotion")
    distribution: dict[str, float] = Field(description="Probability of each label after joining SEM and LLM; sums to 1")
    primary: tuple[str, ...] = Field(default=(), description="The SEM's primary emotions, most probable first")
    agreed: bool = Field(default=True, description="Whether the LLM found the emotion among the primary ones")
    stage: Literal["coarse", "fine"] = Field(
        default="coarse", description="coarse: among the primary ones; fine: among the others"
    )
    confirmed: bool = Field(default=False, description="Whether a person said that it is this emotion")
    requeries: int = Field(default=0, ge=0, description="How often the SEM was asked again")
    hypothesis: str | None = Field(default=None, description="The emotion the LLM itself named")
    causes: tuple[Cause, ...] = Field(default=(), description="Cause words, strongest first")
    memories: tuple[str, ...] = Field(default=(), description="Ids of the past turns that were recalled")
    sem: str | None = Field(default=None, description="Name of the SEM; None where the strategy does without")
    model: str | None = Field(default=None, description="Name of the LLM")
    degraded: str | None = Field(default=None, description="Why some part was left out; None when all worked")
