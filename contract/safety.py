"""What `hef.safety` found in a dialogue: whether somebody is in danger, and which words say so."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

SafetyLevel: TypeAlias = Literal["none", "concern", "danger"]
"""From harmless to grave.

- danger: the person speaks of ending their life, a plan, means, an attempt, self-injury now, of killing somebody, or
  is being harmed;
- concern: a passive death wish, hopelessness with risk, somebody else in danger, a past attempt told as history, a
  question about methods;
- none: everything else.
"""

SafetyKind: TypeAlias = Literal["", "suicide", "self_harm", "overdose", "violence", "abuse", "other_person", "medical"]
"""What it is about; empty where the level is none.

| kind | what the person speaks of |
|---|---|
| suicide | wishing to die or planning to, a question about ways to die |
| self_harm | injuring themselves without the aim to die |
| overdose | pills or another poison that was taken, or is about to be |
| violence | killing or hurting somebody else |
| abuse | being beaten, threatened or sexually abused |
| other_person | somebody else who is in danger |
| medical | an emergency of the body: no breath, heavy bleeding, pain in the chest |
"""


class Safety(BaseModel):
    """Whether somebody is in danger, from the person's own words."""

    model_config = ConfigDict(frozen=True)

    level: SafetyLevel = Field(default="none", description="none, concern or danger")
    kind: SafetyKind = Field(default="", description="What it is about; empty where the level is none")
    words: tuple[str, ...] = Field(default=(), description="The person's words that raised the level, as written")
    language: Literal["en", "zh"] = Field(default="en", description="Language of the person's last turn")
    traditional: bool = Field(default=False, description="Whether they write Chinese in traditional characters")
    turn: int | None = Field(default=None, ge=0, description="Index of the turn in the dialogue that holds the words")
    after_danger: bool = Field(
        default=False, description="Whether the person's turn before was in danger, and this one is of no level itself"
    )


class SafetyEvent(BaseModel):
    """What a host's hook `on_safety` is told where the level of a turn is concern or danger."""

    model_config = ConfigDict(frozen=True)

    safety: Safety = Field(description="Level, kind, and the words that raised it")
    text: str = Field(description="The person's last turn")
    region: str | None = Field(default=None, description="The run's region")
    user_id: str | None = Field(default=None, description="Who the person is, where the run names them")
    thread: str | None = Field(default=None, description="Id of the conversation, where there is one")
