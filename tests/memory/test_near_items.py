"""Which of the turns that a search finds are near enough to be shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hef.memory import near_items
from langgraph.store.base import SearchItem

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def item(text: str, score: float | None) -> SearchItem:
    return SearchItem(("hef", "turns", "ana"), text, {"text": text}, NOW, NOW, score)


@pytest.mark.parametrize(
    ("min_similarity", "shown"),
    [
        (-1.0, ["near", "Call Bello", "unknown"]),
        (0.5, ["Call Bello", "unknown"]),
        (0.01, ["near", "Call Bello", "unknown"]),
    ],
)
def test_a_turn_is_near_by_its_similarity_or_its_words_and_where_nothing_is_known(
    min_similarity: float, shown: list[str]
) -> None:
    items = [item("near", 0.2), item("far", 0.05), item("Call Bello", -0.3), item("unknown", None)]
    assert [each.value["text"] for each in near_items(items, " bello ", min_similarity)] == shown
