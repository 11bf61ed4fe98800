"""Prediction sets: the probability above which a label belongs to a set with a stated coverage."""

from __future__ import annotations

from bisect import bisect_left

from pydantic import BaseModel, ConfigDict, Field, model_validator


class PredictionSets(BaseModel):
    """Thresholds on a label's probability, fitted by split conformal prediction.

    A label belongs to the set of a coverage if its probability reaches the threshold; the most
    probable label always does. Such sets are the smallest on average (least ambiguous set-valued
    classifier, Sadinle et al., JASA 2019). Contexts of one turn and longer ones have separate thresholds,
    so that the coverage holds for each kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    coverages: tuple[float, ...] = Field(
        min_length=1, description="Rates at which a set contains the true label, rising"
    )
    one_turn: tuple[float, ...] = Field(description="The threshold of each coverage for contexts of one turn")
    more_turns: tuple[float, ...] = Field(description="The same for longer contexts")

    @model_validator(mode="after")
    def _check_thresholds(self) -> PredictionSets:
        if not len(self.coverages) == len(self.one_turn) == len(self.more_turns):
            raise ValueError("each coverage needs one threshold for one turn and one for more")
        if list(self.coverages) != sorted(set(self.coverages)) or not 0 < self.coverages[0] <= self.coverages[-1] < 1:
            raise ValueError("the coverages must rise and lie between 0 and 1")
        return self

    def threshold(self, coverage: float, turns: int) -> float:
        """Return the lowest probability of a label in the set.

        Args:
            coverage: How often the set shall contain the true label, between 0 and 1; linear between
                the fitted rates, constant below the lowest of them.
            turns: Number of turns that were read.
        """
        thresholds = self.one_turn if turns == 1 else self.more_turns
        after = bisect_left(self.coverages, coverage)
        if after == 0:
            return thresholds[0]
        low, high = self.coverages[after - 1], (*self.coverages, 1.0)[after]
        fraction = min(1.0, (coverage - low) / (high - low))
        return thresholds[after - 1] * (1 - fraction) + (*thresholds, 0.0)[after] * fraction
