"""Each character has its own part of a person's memory; whatever concerns the person concerns all parts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hef.contract import Memory, SetupError
from hef.memory import (
    Selection,
    alist_turns,
    erase_turns,
    export_turns,
    feedback_rows,
    forget_turns,
    import_turns,
    list_turns,
    mark_turn,
    recall_turns,
    remember_turn,
    remember_turns,
    search_items,
    select_items,
    timeline,
    user_namespace,
)
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from store_contract import INDEX


def told(id: str, text: str, character: str = "", **fields: Any) -> Memory:
    return Memory(id=id, text=text, character=character, **fields)


TOLD = [
    told("1", "My dog died."),
    told("2", "My dog barks at night.", "mia"),
    told("3", "My dog ate my shoe.", "m.i/a 小林"),
]


def ids(memories: list[Memory]) -> list[str]:
    return sorted(memory.id for memory in memories)


@pytest.fixture
def filled(store: BaseStore) -> BaseStore:
    remember_turns(store, "ana", TOLD)
    remember_turn(store, "ben", told("4", "My dog is fine.", "mia"))
    return store


@pytest.mark.parametrize(("character", "expected"), [(None, "1"), ("", "1"), ("mia", "2"), ("m.i/a 小林", "3")])
def test_a_character_recalls_what_was_said_to_it_alone(filled: BaseStore, character: str, expected: str) -> None:
    assert ids(recall_turns(filled, "ana", "my dog", 5, character=character)) == [expected]
    assert recall_turns(filled, "ana", "my dog", 5, character="nobody") == []


@pytest.mark.parametrize(("character", "expected"), [(None, "123"), ("", "1"), ("mia", "2")])
async def test_a_persons_turns_are_listed_with_all_characters_or_one(
    filled: BaseStore, character: str | None, expected: str
) -> None:
    assert ids(list_turns(filled, "ana", character=character)) == list(expected)
    assert ids(await alist_turns(filled, "ana", character=character)) == list(expected)
    selected = select_items(filled, "ana", Selection(character=character))
    assert sorted(item.key for item in selected) == list(expected)
    found = search_items(filled, "ana", "my dog", 5, Selection(character=character))
    assert sorted(item.key for item in found) == list(expected)
    assert forget_turns(filled, "ana", character=character) == len(expected)
    assert ids(list_turns(filled, "ana")) == [id for id in "123" if id not in expected]
    assert ids(list_turns(filled, "ben")) == ["4"]


def test_erasing_a_person_erases_what_they_said_to_every_character(filled: BaseStore) -> None:
    assert erase_turns(filled, "ana") == 3
    assert filled.search(user_namespace("ana")) == []
    assert ids(list_turns(filled, "ben")) == ["4"]


def test_an_export_brings_each_turn_back_to_its_character(filled: BaseStore) -> None:
    lines = list(export_turns(filled, "ana"))
    assert {json.loads(line)["user"] for line in lines} == {"ana"}
    other = InMemoryStore()
    assert import_turns(other, lines).added == 3
    assert import_turns(other, lines).unchanged == 3
    assert sorted(other.list_namespaces()) == sorted({item.namespace for item in select_items(filled, "ana")})
    assert list(export_turns(filled, None)) != lines
    assert import_turns(other, lines, user_id="eve").added == 3
    assert ids(list_turns(other, "eve", character="mia")) == ["2"]


def test_an_import_refuses_what_no_character_can_be() -> None:
    line = json.dumps({"user": "ana", "id": "1", "turn": {"text": "My dog.", "character": 3}})
    assert import_turns(InMemoryStore(), [line]).broken == [
        "line 1 holds no turn: it has character 3: a text of at most 200 characters was expected"
    ]


def test_a_turn_of_before_there_were_characters_is_a_persons_own(store: BaseStore) -> None:
    store.put(user_namespace("ana"), "old", {"text": "My dog died.", "user_id": "ana", "time": 5.0}, index=["text"])
    assert ids(recall_turns(store, "ana", "my dog")) == ["old"]
    assert list_turns(store, "ana")[0].character == ""
    assert recall_turns(store, "ana", "my dog", character="mia") == []


def test_a_timeline_tells_to_whom_it_was_said(store: BaseStore) -> None:
    felt = [told("1", "My dog died.", emotion="sad", time=1.0), told("2", "A bone!", "mia", emotion="joyful", time=2.0)]
    remember_turns(store, "ana", felt)
    assert [(point.emotion, point.character) for point in timeline(list_turns(store, "ana"))] == [
        ("sad", ""),
        ("joyful", "mia"),
    ]


def test_feedback_takes_no_turn_of_another_character_into_a_conversation(store: BaseStore) -> None:
    turns = [
        told("1", "My dog barks.", thread="t", time=1.0),
        told("2", "My dog died.", "mia", thread="t", time=2.0, emotion="sad", confirmed=True),
    ]
    remember_turns(store, "ana", turns)
    (row,) = feedback_rows(store, "ana")
    assert [utterance["text"] for utterance in row["utterances"]] == ["My dog died."]


def test_a_thousand_talks_with_a_character_hide_none_of_the_others() -> None:
    store = InMemoryStore(index=INDEX)
    remember_turn(store, "ana", told("own", "The weather was nice and the lake was quiet."))
    remember_turns(store, "ana", [told(str(n), f"My dog has number {n}.", "mia") for n in range(1000)])
    assert ids(recall_turns(store, "ana", "My dog has number 7.", 3)) == ["own"]


def test_a_turn_with_a_character_can_be_marked(filled: BaseStore) -> None:
    assert mark_turn(filled, "ana", "2", never_recall=True).never_recall
    assert recall_turns(filled, "ana", "my dog", 5, character="mia") == []
    assert ids(list_turns(filled, "ana", character="mia")) == ["2"]
    with pytest.raises(SetupError, match="no turn of this user"):
        mark_turn(filled, "ana", "4", pinned=True)


def test_a_pin_is_recalled_with_its_character_alone(filled: BaseStore) -> None:
    mark_turn(filled, "ana", "2", pinned=True)
    (recalled,) = recall_turns(filled, "ana", "the weather", 1, character="mia", with_pinned=True)
    assert (recalled.id, recalled.why and recalled.why.by) == ("2", "pinned")
    assert ids(recall_turns(filled, "ana", "the weather", 5, with_pinned=True)) == ["1"]
    assert forget_turns(filled, "ana") == 3
    assert filled.search(user_namespace("ana")) == []
