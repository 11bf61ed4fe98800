"""Fields that were renamed on the way from 0.1 to 0.2; those of 0.1 are in `tests/compatibility`."""

from __future__ import annotations

from typing import Any

from hef.contract import Memory, RecallWeights, Why
from hef.contract.state import JsonValue


def test_a_checkpoint_with_the_old_shares_of_a_recalled_turn_is_read() -> None:
    shares = {"meaning": 0.5, "words": 0.25, "length": 0.25, "recency": 0.0, "emotion": 0.0, "by": "relevance"}
    stored: Any = [{"id": "7", "text": "My dog died.", "why": shares}]

    (memory,) = JsonValue(list[Memory], "memories").from_checkpoint(stored).value

    assert memory.why == Why(similarity=0.5, lexical=0.25, length=0.25)


def test_the_shares_of_a_recalled_turn_are_called_what_their_weights_are() -> None:
    assert Why.model_fields.keys() - {"by"} <= RecallWeights.model_fields.keys()
