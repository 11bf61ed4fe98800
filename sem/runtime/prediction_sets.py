"""Prediction sets: how probable a label must be to stand in a set that holds the true one at a stated rate."""

from __future__ import annotations

from bisect import bisect_left

from pydantic import BaseModel, ConfigDict, Field, model_validator


class PredictionSets(BaseModel):
    """Thresholds on a label's probability, fitted by split conformal prediction.

    A label stands in the set of a coverage when its probability reaches the threshold; the most
    probable label always does. Such sets are the smallest on average (least ambiguous set-valued
    classifier, Sadinle et al., JASA 2019). Contexts of one turn and longer ones have thresholds of
    their own, so that the coverage holds for each kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    coverages: tuple[float, ...] = Field(min_length=1, description="Rates at which a set holds the true label, rising")
    one_turn: tuple[float, ...] = Field(description="The threshold of each coverage for contexts of one turn")
    more_turns: tuple[float, ...] = Field(description="The same for longer contexts")

    @model_validator(mode="after")
    def _fits(self) -> PredictionSets:
        if not len(self.coverages) == len(self.one_turn) == len(self.more_turns):
            raise ValueError("each coverage needs one threshold for one turn and one for more")
        if list(self.coverages) != sorted(set(self.coverages)) or not 0 < self.coverages[0] <= self.coverages[-1] < 1:
            raise ValueError("the coverages must rise and lie between 0 and 1")
        return self

    def threshold(self, coverage: float, turns: int) -> float:
        """Return the least probability of a label in the set.

        Args:
            coverage: How often the set shall hold the true label, between 0 and 1; linear between
                the fitted rates. Below the lowest of them its threshold is kept.
            turns: How many turns were read.
        """
        held = self.one_turn if turns == 1 else self.more_turns
        after = bisect_left(self.coverages, coverage)
        if after == 0:
            return held[0]
        low, high = self.coverages[after - 1], (*self.coverages, 1.0)[after]
        share = min(1.0, (coverage - low) / (high - low))
        return held[after - 1] * (1 - share) + (*held, 0.0)[after] * share
