"""Turns that were stored without a feeling: listed, searched, exported, imported, recalled and left out of figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hef.contract import Memory, RecallWeights
from hef.memory import (
    ChromaStore,
    Selection,
    export_turns,
    feedback_rows,
    import_turns,
    list_turns,
    recall_turns,
    remember_turn,
    search_items,
    select_items,
    timeline,
)
from hef.memory.relevance import Candidate, rank

UNFELT = Memory(id="1", text="What time is it in Tokyo?", reply="Nine.", time=1000.0, thread="a", turn=1)
FELT = Memory(id="2", text="My dog died.", emotion="sad", probability=0.8, causes=("died",), time=2000.0, thread="a")


def embed(texts: list[str]) -> list[list[float]]:
    return [[float("dog" in text), 1.0, float("Tokyo" in text)] for text in texts]


def filled(folder: Path) -> Any:
    store = ChromaStore(folder, index={"dims": 3, "embed": embed, "fields": ["text"]})
    for memory in (UNFELT, FELT):
        remember_turn(store, "ana", memory)
    return store


def test_a_turn_without_a_feeling_is_listed_searched_filtered_and_recalled(tmp_path: Path) -> None:
    store = filled(tmp_path)

    assert [turn.emotion for turn in list_turns(store, "ana")] == ["sad", None]
    assert search_items(store, "ana", "Tokyo", 1)[0].value["emotion"] is None
    assert [item.key for item in select_items(store, "ana", Selection(threads=("a",), until=1500.0))] == ["1"]
    assert [item.key for item in store.search(("hef", "turns", "ana"), filter={"emotion": "sad"})] == ["2"]
    assert recall_turns(store, "ana", "the time in Tokyo", 1)[0] == recalled(store)


def recalled(store: Any) -> Memory:
    (turn,) = recall_turns(store, "ana", "the time in Tokyo", 1)
    assert (turn.id, turn.emotion, turn.probability) == ("1", None, None)
    return turn


def test_it_goes_out_and_comes_in_again_as_it_is(tmp_path: Path) -> None:
    lines = list(export_turns(filled(tmp_path / "old"), "ana"))
    store = ChromaStore(tmp_path / "new", index={"dims": 3, "embed": embed, "fields": ["text"]})
    report = import_turns(store, lines)

    assert (report.added, report.broken) == (2, [])
    assert list(export_turns(store, "ana")) == lines


def test_the_timeline_and_the_feedback_leave_it_out(tmp_path: Path) -> None:
    store = filled(tmp_path)

    assert [point.id for point in timeline(list_turns(store, "ana"))] == ["2"]
    assert list(feedback_rows(store, "ana")) == []


def test_recall_counts_no_emotion_for_or_against_it() -> None:
    def score(memory: Memory) -> float:
        weights = RecallWeights(similarity=1, lexical=0, length=0, recency=0, emotion=1)
        return rank([Candidate(memory, 0.6)], "x", weights, 0.0)[0].memory.score or 0.0

    assert score(UNFELT) == 0.6
    assert round(score(FELT), 6) == 0.7
