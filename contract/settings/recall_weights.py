"""The weights that past turns are recalled by."""

from __future__ import annotations

from pydantic import Field

from ..renamed_fields import RECALL_WEIGHT_FIELDS
from .settings_model import SettingsModel


class RecallWeights(SettingsModel):
    """Weights of the parts of a past turn's relevance.

    The relevance of a turn is the mean of five parts from 0 to 1, weighted by these (the form of Park et al.,
    UIST 2023, equation of section 4.1, with `lexical` and `length` added to their three):

        similarity  cosine of the query's vector and the nearest vector of the turn or of one of its clauses
        lexical     share of the query's words, weighted by how rare they are, that the turn contains
        length      log(1 + distinct words) / log(31), at most 1: a longer turn has more to be recalled for
        recency     0.5 ** (age / half_life_days)
        emotion     probability of the emotion that was decided: a turn that says clearly what was felt counts more;
                    left out of the mean for a turn that was stored without a feeling

    A turn whose similarity is below `min_similarity` does not bear on the query: it is not recalled, however new it is.
    """

    old_names = RECALL_WEIGHT_FIELDS

    similarity: float = Field(default=1.0, ge=0, description="Weight of the similarity of meaning")
    lexical: float = Field(default=0.1, ge=0, description="Weight of shared words, rare ones above all")
    length: float = Field(default=0.3, ge=0, description="Weight of the length of a turn")
    recency: float = Field(default=0.02, ge=0, description="Weight of how new a turn is")
    emotion: float = Field(default=0.02, ge=0, description="Weight of how clear its emotion was")
    min_similarity: float = Field(
        default=-1.0, ge=-1, le=1, description="Similarity below which a turn is not recalled"
    )
    half_life_days: float = Field(default=30.0, gt=0, description="Days after which the recency of a turn is halved")
