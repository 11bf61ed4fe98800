"""Which past turns are recalled: the formula, what the prompt holds, near-duplicates, clauses, the budget."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from hef.contract import Memory, RecallWeights
from hef.contract.text import MAX_CLAUSES, split_clauses
from hef.memory import (
    fit_token_budget,
    list_turns,
    recall_turns,
    remember_turn,
    remember_turns,
    user_namespace,
)
from hef.memory.relevance import Candidate, idf_overlap, is_duplicate, rank
from hef.memory.turns import stored_value
from hypothesis import given
from hypothesis import strategies as st
from langgraph.store.base import BaseStore, SearchItem
from langgraph.store.memory import InMemoryStore

DAY = 86_400.0
TESTS = "After nine long weeks of waiting and many tests our family doctor rang last Monday morning and told me that"
MEANING = RecallWeights(lexical=0, length=0, recency=0, emotion=0)


def ranked(*memories: Memory, query: str = "dog", meaning: float = 0.5, **weights: float) -> list[str]:
    nothing = dict.fromkeys(("similarity", "lexical", "length", "recency", "emotion"), 0.0)
    candidates = [Candidate(memory, meaning) for memory in memories]
    found = rank(candidates, query, RecallWeights(**{**nothing, **weights}), now=100 * DAY)
    return [candidate.memory.id for candidate in found]


def test_each_part_of_the_formula_ranks_alone() -> None:
    assert ranked(Memory(id="a", text="cat"), Memory(id="b", text="dog"), lexical=1) == ["b", "a"]
    assert ranked(Memory(id="a", text="cat"), Memory(id="b", text="cat and mouse"), length=1) == ["b", "a"]
    assert ranked(Memory(id="a", text="cat"), Memory(id="b", text="cat", time=99 * DAY), recency=1) == ["b", "a"]
    assert ranked(Memory(id="a", text="x"), Memory(id="b", text="x", probability=0.9), emotion=1) == ["b", "a"]
    near, far = Candidate(Memory(id="a", text="x"), 0.9), Candidate(Memory(id="b", text="x"), 0.8)
    assert [found.memory.id for found in rank([far, near], "dog", MEANING, now=0)] == ["a", "b"]


def test_the_score_is_the_weighted_mean() -> None:
    memory = Memory(id="a", text="my dog", time=70 * DAY, probability=0.6)
    weights = RecallWeights(similarity=2, lexical=0, length=0, recency=1, emotion=1, half_life_days=30)
    (found,) = rank([Candidate(memory, 0.4)], "my dog", weights, now=100 * DAY)
    assert found.memory.score == pytest.approx((2 * 0.4 + 0.5 + 0.6) / 4)


def test_a_turn_of_the_future_is_no_newer_than_now() -> None:
    weights = RecallWeights(similarity=0, lexical=0, length=0, recency=1, emotion=0)
    (found,) = rank([Candidate(Memory(id="a", text="x", time=10.0), 0.0)], "dog", weights, now=0.0)
    assert found.memory.score == 1.0


@given(
    weights=st.builds(
        RecallWeights,
        **dict.fromkeys(("similarity", "lexical", "length", "recency"), st.floats(0, 10)),
        min_similarity=st.just(-1.0),
    ),
    meaning=st.none() | st.floats(-1, 1),
    text=st.text(),
    query=st.text(min_size=1),
)
def test_a_score_lies_between_0_and_1(weights: RecallWeights, meaning: float | None, text: str, query: str) -> None:
    (found,) = rank([Candidate(Memory(id="a", text=text, probability=1.0), meaning)], query, weights, now=1.0)
    assert found.memory.score is None or 0 <= found.memory.score <= 1 + 1e-9


def test_what_lies_below_the_least_meaning_is_not_recalled_however_new_it_is() -> None:
    far, near = Candidate(Memory(id="far", text="x", time=9.0), 0.19), Candidate(Memory(id="near", text="x"), 0.2)
    unknown = Candidate(Memory(id="unknown", text="x"), None)
    found = rank([far, near, unknown], "dog", RecallWeights(min_similarity=0.2, recency=5), now=9.0)
    assert {candidate.memory.id for candidate in found} == {"near", "unknown"}


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    rare, common, none = idf_overlap("the Moira", ["Moira laughed", "the rain", "a cat"] + ["the sun"] * 5)[:3]
    assert rare > common > none == 0


def test_what_the_prompt_holds_of_the_thread_is_left_out_and_what_it_dropped_comes_back(store: BaseStore) -> None:
    for place, (text, thread) in enumerate([("dog food", "now"), ("the dog barks", "now"), ("a dog", "then")]):
        remember_turn(store, "ana", Memory(id=str(place), text=text, thread=thread))
    found = recall_turns(store, "ana", "dog", 5, thread="now", already_in_prompt=["the dog barks", "a dog"])
    assert {memory.id for memory in found} == {"0", "2"}


def test_many_turns_at_hand_do_not_crowd_out_the_others(store: BaseStore) -> None:
    held = [f"dog {place}" for place in range(60)]
    remember_turns(store, "ana", [Memory(id=text, text=text, thread="now") for text in held])
    remember_turn(store, "ana", Memory(id="then", text="the dog of those long years was a good one", thread="then"))
    assert [memory.id for memory in recall_turns(store, "ana", "dog", thread="now", already_in_prompt=held)] == ["then"]


def test_a_turn_is_found_by_one_of_its_clauses(store: BaseStore) -> None:
    long = "the trains were late and nobody knew why, my sister called from the hospital"
    remember_turn(store, "ana", Memory(id="long", text=long))
    remember_turns(store, "ana", [Memory(id=str(n), text=f"my sister called number {n}") for n in range(5)])
    (first, *_) = recall_turns(store, "ana", "my sister called from the hospital", 1, weights=MEANING)
    assert first.id == "long"
    assert first.score == pytest.approx(1.0, abs=1e-3)


def test_clauses() -> None:
    assert split_clauses("I lost my job.") == []
    assert split_clauses("I lost my job and my wife left, ok") == ["I lost my job", "my wife left"]
    many = split_clauses(", ".join(f"clause number {n}" for n in range(100)))
    assert 1 < len(many) <= MAX_CLAUSES
    assert many[0].startswith("clause number 0, clause number 1")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("My dog died.", "my dog died!!", True),
        ("I really miss my dog so much", "I miss my dog", True),
        ("It is cancer", "It is not cancer", False),
        ("I can sleep", "I can't sleep", False),
        ("She is 12", "She is 13", False),
        ("My dog died", "My cat died", False),
        ("I passed my driving test today", "I failed my driving test today", False),
        ("ok", "yes", False),
        (f"{TESTS} it is cancer", f"{TESTS} it is certain cancer", True),
        (f"{TESTS} it is cancer", f"{TESTS} it is not cancer", False),
        (f"{TESTS} room 7", f"{TESTS} room 8", False),
        ("", "!", True),
    ],
)
def test_turns_that_say_the_same(one: str, other: str, expected: bool) -> None:
    assert is_duplicate(one, other) is expected


def test_of_near_duplicates_one_is_recalled(store: BaseStore) -> None:
    texts = ["I miss my dog", "I really miss my dog", "I miss my dog!", "my dog was brown"]
    remember_turns(store, "ana", [Memory(id=text, text=text, time=float(n)) for n, text in enumerate(texts)])
    found = [memory.text for memory in recall_turns(store, "ana", "I miss my dog", 3)]
    assert len(found) == 2
    assert "my dog was brown" in found


def test_the_same_said_thousands_of_times_is_fetched_in_part() -> None:
    class Equal(InMemoryStore):
        fetched: ClassVar[list[int]] = []

        def search(self, *arguments: Any, limit: int = 10, **options: Any) -> list[SearchItem]:
            self.fetched.append(limit)
            now = datetime.now(UTC)
            value = stored_value("ana", Memory(id="", text="My dog died."))
            return [SearchItem(user_namespace("ana"), str(n), value, now, now, score=0.5) for n in range(limit)]

    assert [memory.text for memory in recall_turns(Equal(), "ana", "I miss my dog.")] == ["My dog died."]
    assert Equal.fetched == [35, 140, 500]
    Equal.fetched.clear()
    recall_turns(Equal(), "ana", "I miss my dog.", already_in_prompt=[str(n) for n in range(1000)])
    assert Equal.fetched == [1035]


def test_where_meaning_has_no_weight_all_turns_are_ranked(store: BaseStore) -> None:
    turns = [Memory(id=str(n), text="cat" + " mouse" * n, time=(37 * n % 80) * DAY) for n in range(80)]
    remember_turns(store, "ana", [*turns, Memory(id="new", text="quite another thing", time=99 * DAY)])
    weights = RecallWeights(similarity=0, lexical=0, length=0, recency=1, emotion=0)
    found = recall_turns(store, "ana", "cat", 1, weights=weights, now=100 * DAY)
    assert [memory.id for memory in found] == ["new"]


def test_what_lies_below_a_users_turns_is_no_turn_of_theirs(store: BaseStore) -> None:
    below = (*user_namespace("ana"), "more")
    store.put(below, "1", {"text": "my dog"}, index=["text"])
    remember_turn(store, "ana", Memory(id="2", text="a cat"))
    assert [memory.id for memory in recall_turns(store, "ana", "my dog", 5)] == ["2"]
    assert [memory.id for memory in list_turns(store, "ana")] == ["2"]


def test_a_turn_that_is_written_again_keeps_the_time_it_was_first_said(store: BaseStore) -> None:
    later = 4e9
    remember_turn(store, "ana", Memory(id="1", text="my dog", reply="Oh.", time=later))
    remember_turn(store, "ana", Memory(id="1", text="my dog", reply="Oh no.", time=later + DAY))
    (found,) = list_turns(store, "ana")
    assert found.reply == "Oh no."
    assert found.time < later


def test_memories_that_do_not_fit_the_budget_are_passed_over() -> None:
    memories = [Memory(id=str(size), text="x" * size) for size in (5, 9, 4, 3)]
    assert [memory.id for memory in fit_token_budget(memories, 8, lambda memory: len(memory.text))] == ["5", "3"]
    assert fit_token_budget(memories, 0, lambda memory: len(memory.text)) == []
