"""The settings of one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.config import JsonDict

from .recalling import RecallWeights

Strategy: TypeAlias = Literal["two_stage", "one_prompt", "sem_only", "llm_only"]
Primary: TypeAlias = Annotated[int, Field(ge=1, le=32)] | Annotated[float, Field(gt=0, lt=1)]


def _on(*nodes: str, prompt: bool = False) -> JsonDict:
    """Return the hints that put a setting on its nodes in LangGraph Studio."""
    hints: JsonDict = {"langgraph_nodes": list(nodes)}
    return {**hints, "langgraph_type": "prompt"} if prompt else hints


class HefContext(BaseModel):
    """Settings of one run; each has a default, so that an empty context works."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: str | None = Field(
        default=None,
        description="Whose memory is recalled and written; without it nothing is remembered",
        json_schema_extra=_on("recall", "remember"),
    )
    model: str | None = Field(
        default=None,
        description="Another LLM for this run: `embedded`, `embedded-plain`, `huggingface:<id or path>`, "
        "or `<provider>:<name>`",
        json_schema_extra=_on("coarse_emotion", "fine_emotion", "draft_response"),
    )
    strategy: Strategy = Field(
        default="two_stage",
        description="How the emotion is decided",
        json_schema_extra=_on("coarse_emotion", "fine_emotion"),
    )
    primary: Primary = Field(
        default=5,
        description="Primary emotions: how many, or (below 1) how often they shall hold the true one",
        json_schema_extra=_on("sem_emotion"),
    )
    max_requeries: int = Field(
        default=1,
        ge=0,
        le=5,
        description="How often the SEM is asked again when the LLM disagrees",
        json_schema_extra=_on("coarse_emotion"),
    )
    memory_limit: int = Field(
        default=3,
        ge=0,
        le=50,
        description="How many past turns are recalled at most",
        json_schema_extra=_on("recall"),
    )
    memory_budget: int = Field(
        default=400,
        ge=0,
        description="Tokens of past turns that the LLM is shown at most, a token counted as four characters",
        json_schema_extra=_on("recall"),
    )
    memory_weights: RecallWeights = Field(
        default=RecallWeights(),
        description="What past turns are recalled by, and how much each part counts",
        json_schema_extra=_on("recall"),
    )
    remember: bool = Field(default=True, description="Whether this turn is stored", json_schema_extra=_on("remember"))
    dialogue_limit: int = Field(
        default=6000,
        ge=200,
        description="Characters of dialogue shown to the LLM; the oldest turns are dropped first",
        json_schema_extra=_on("coarse_emotion", "draft_response"),
    )
    persona: str = Field(
        default="a warm, attentive friend",
        max_length=2000,
        description="Who the assistant is when it replies",
        json_schema_extra=_on("draft_response", prompt=True),
    )


def as_context(value: object) -> HefContext:
    """Return the settings of a run from whatever stands in `runtime.context`.

    Args:
        value: A `HefContext`, None, a mapping, or the context object of a host graph. A host's
            object may carry a whole `HefContext` (or mapping) under the name `hef`; otherwise
            fields of the same name are taken where they are valid, and the rest is the host's own.
    """
    if isinstance(value, HefContext):
        return value
    if value is None:
        return HefContext()
    found = _lookup(value, "hef")
    if isinstance(found, HefContext):
        return found
    if isinstance(found, Mapping):
        return HefContext.model_validate(dict(found))
    taken = {name: held for name in HefContext.model_fields if (held := _lookup(value, name)) is not None}
    return HefContext.model_validate({name: held for name, held in taken.items() if _valid(name, held)})


def _lookup(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _valid(name: str, held: object) -> bool:
    try:
        HefContext.model_validate({name: held}, strict=True)
    except ValidationError:
        return False
    return True


PRIMARY: TypeAdapter[int | float] = TypeAdapter(Primary)
"""Validates the setting `primary` where it is given outside a context."""
