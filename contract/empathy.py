"""The results of a turn: what the SEM read, the verdict of the LLM, the recalled memories, and the decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .dialogue import View
from .renamed_fields import READING_FIELDS, WHY_FIELDS, rename_fields
from .safety import Safety

NEUTRAL_FROM = 0.5
"""Probability of no emotion from which on a reading is neutral."""
YEAR_10000 = 253_402_300_800.0
"""Unix time in seconds from which on no date can be written."""


def ranked_labels(distribution: Mapping[str, float]) -> list[str]:
    """Return the labels of a distribution, most probable first; those alike in the order of the alphabet."""
    return sorted(distribution, key=lambda label: (-distribution[label], label))


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
        default=None, description="Indices of the turns about the last one's subject; None means all"
    )
    primary: tuple[str, ...] = Field(default=(), description="The primary emotions, most probable first")
    evidence: Evidence | None = Field(default=None, description="On a re-query: about the LLM's hypothesis")
    round: int = Field(default=0, ge=0, description="0 for the first reading of a turn, then one more per re-query")

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, value: Any) -> Any:
        return rename_fields(value, READING_FIELDS)

    @property
    def is_neutral(self) -> bool:
        """Whether most likely nothing is felt; false where that is not known."""
        return self.neutral is not None and self.neutral >= NEUTRAL_FROM

    @property
    def ranked(self) -> list[str]:
        """All labels, most probable first."""
        return ranked_labels(self.distribution)


class Verdict(BaseModel):
    """The LLM's judgement of the speaker's emotion, compared with the primary emotions."""

    model_config = ConfigDict(frozen=True)

    turn: str = Field(
        default="", description="What identifies the turn it judges; a verdict with another key is out of date"
    )
    agreed: bool = Field(default=True, description="Whether the LLM finds the emotion among the primary ones")
    emotion: str | None = Field(default=None, description="The emotion the LLM names; None when it names none")
    neutral: bool = Field(default=False, description="Whether the LLM finds no feeling in what was said")
    words: str = Field(default="", description="The person's words that show it, as the LLM quotes them")
    scores: dict[str, float] | None = Field(
        default=None, description="Log-probability of each label, where the LLM can score"
    )
    answer: str | None = Field(
        default=None,
        description="The answer in words that `likelihoods` and `reliability` are of; both count only while `emotion` "
        "is this one",
    )
    likelihoods: dict[str, float] | None = Field(
        default=None,
        description="Probability of the LLM's answer for each emotion that may be felt, where it answered in words",
    )
    reliability: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Estimated probability that an answer in words of this LLM follows what the person said",
    )
    form: Literal["scored", "generated", "none"] = Field(default="none", description="How the LLM was asked")
    left_to_sem: bool = Field(default=False, description="Whether the LLM was not asked because the SEM was sure")
    model: str | None = Field(default=None, description="Name of the LLM that judged; None when none did")
    requeries: int = Field(default=0, ge=0, description="Re-queries of the SEM before this judgement")


class Why(BaseModel):
    """Why a past turn was recalled: the share of each part in its relevance, all 0 where nothing was compared.

    The parts are called what their weights are called in `RecallWeights`.
    """

    model_config = ConfigDict(frozen=True)

    similarity: float = Field(default=0.0, ge=0, le=1, description="Share of the similarity of meaning")
    lexical: float = Field(default=0.0, ge=0, le=1, description="Share of the words that are shared")
    length: float = Field(default=0.0, ge=0, le=1, description="Share of the length of the turn")
    recency: float = Field(default=0.0, ge=0, le=1, description="Share of how new the turn is")
    emotion: float = Field(default=0.0, ge=0, le=1, description="Share of how clear its emotion was")
    by: Literal["relevance", "pinned", "broad_question", "wish"] = Field(
        default="relevance",
        description="What it was chosen by: its relevance, its pin, a question after all that is remembered, or its "
        "wish",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, value: Any) -> Any:
        return rename_fields(value, WHY_FIELDS)


class Memory(BaseModel):
    """A past turn of the same person."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="hash(thread, turn)")
    text: str = Field(description="What the person said since the reply before, a line for each message")
    reply: str = Field(default="", description="What was answered")
    emotion: str | None = Field(default=None, description="The emotion decided then; None if none was read")
    probability: float | None = Field(default=None, ge=0, le=1, description="The probability of that emotion")
    confirmed: bool = Field(default=False, description="Whether a person said that it was this emotion")
    causes: tuple[str, ...] = Field(default=(), description="The cause words found then among the words of this turn")
    time: float = Field(
        default=0.0, ge=0, lt=YEAR_10000, allow_inf_nan=False, description="Unix time in seconds, from 1970 to 9999"
    )
    thread: str = Field(default="", description="Id of the conversation; empty without one")
    turn: int = Field(default=0, ge=0, description="Number of the person's turn there, from 1; 0 where unknown")
    character: str = Field(default="", description="Id of the character that they talked with; empty for none")
    score: float | None = Field(
        default=None, description="Relevance to the query, at most 1; None where nothing was compared"
    )
    name: str = Field(
        default="",
        max_length=200,
        description="Who said it, where several people speak: the `name` of the messages, with commas between several",
    )
    expires: float | None = Field(
        default=None,
        ge=0,
        lt=YEAR_10000,
        allow_inf_nan=False,
        description="Unix time in seconds from which on it is neither recalled nor listed; None for never",
    )
    pinned: bool = Field(default=False, description="Whether it is always recalled, and kept beyond its time")
    never_recall: bool = Field(default=False, description="Whether it is listed and exported, but never recalled")
    wish: str = Field(
        default="", max_length=300, description="What the person asked for from then on in how they are talked with"
    )
    why: Why | None = Field(default=None, description="Why it was recalled; None for a turn that was only listed")


class Empathy(BaseModel):
    """What was understood of the person, which the reply is drafted from."""

    model_config = ConfigDict(frozen=True)

    emotion: str = Field(
        description="The decided emotion; in danger nothing is read: it is `uncertain`, and all are equally probable"
    )
    distribution: dict[str, float] = Field(description="Probability of each label after joining SEM and LLM; sums to 1")
    primary: tuple[str, ...] = Field(default=(), description="The SEM's primary emotions, most probable first")
    agreed: bool = Field(default=True, description="Whether the LLM found the emotion among the primary ones")
    stage: Literal["coarse", "fine"] = Field(
        default="coarse", description="coarse: among the primary ones; fine: among the others"
    )
    uncertain: bool = Field(
        default=False, description="Whether what was said shows no emotion, or none that could be read"
    )
    neutral: bool = Field(default=False, description="Whether it is uncertain because what was said carries no emotion")
    confirmed: bool = Field(default=False, description="Whether a person said that it is this emotion")
    requeries: int = Field(default=0, ge=0, description="How often the SEM was asked again")
    hypothesis: str | None = Field(default=None, description="The emotion the LLM itself named")
    causes: tuple[Cause, ...] = Field(default=(), description="Cause words, strongest first")
    memories: tuple[str, ...] = Field(default=(), description="Ids of the past turns that were recalled")
    wish: str = Field(
        default="",
        description="What the person asks for from now on in how they are talked with, as a hosted LLM quotes it",
    )
    safety: Safety = Field(
        default=Safety(), description="Whether the person, or somebody they speak of, is in danger, and what says so"
    )
    sem: str | None = Field(default=None, description="Name of the SEM; None where the strategy does without")
    model: str | None = Field(default=None, description="Name of the LLM")
    degraded: str | None = Field(default=None, description="Why some part was left out; None when all worked")
