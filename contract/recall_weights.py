"""How past turns are weighed when they are recalled."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .renamed_fields import RECALL_WEIGHT_FIELDS, rename_fields


class RecallWeights(BaseModel):
    """What a past turn is recalled by, and how much each part counts.

    The relevance of a turn is the mean of five figures from 0 to 1, weighted by these (the form of Park et al.,
    UIST 2023, equation of section 4.1, with words and detail beside their three):

        meaning   cosine of the query's vector and the nearest vector of the turn or of one of its clauses
        words     share of the query's words, weighted by how rare they are, that the turn holds
        detail    log(1 + distinct words) / log(31), at most 1: a longer turn has more to be recalled for
        recency   0.5 ** (age / half_life)
        emotion   probability of the emotion that was decided: a turn that says clearly what was felt counts more

    A turn whose meaning lies below `least` does not bear on the query: it is not recalled, however new it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    similarity: float = Field(default=1.0, ge=0, description="Weight of what is meant")
    lexical: float = Field(default=0.1, ge=0, description="Weight of shared words, rare ones above all")
    length: float = Field(default=0.3, ge=0, description="Weight of how much a turn says")
    recency: float = Field(default=0.02, ge=0, description="Weight of how new a turn is")
    emotion: float = Field(default=0.02, ge=0, description="Weight of how clear its emotion was")
    min_similarity: float = Field(default=-1.0, ge=-1, le=1, description="Meaning below which a turn is not recalled")
    half_life_days: float = Field(default=30.0, gt=0, description="Days after which a turn is half as new")

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, value: Any) -> Any:
        return rename_fields(value, RECALL_WEIGHT_FIELDS)
