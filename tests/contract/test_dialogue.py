from __future__ import annotations

import pytest
from hef.contract import (
    Cause,
    Empathy,
    HefError,
    InputError,
    ModelError,
    Reading,
    SetupError,
    StoreError,
    Turn,
    apply_view,
)
from hef.contract.dialogue import MAX_TURN_CHARACTERS
from hef.contract.state import merge_faults
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

FIRST, REPLY, LAST = Turn("speaker", "one"), Turn("listener", "two"), Turn("speaker", "three")
FAULTS = st.none() | st.dictionaries(st.sampled_from(["recall", "sem_emotion", "remember"]), st.text(max_size=3))


def test_views_keep_their_turns() -> None:
    dialogue = [FIRST, REPLY, LAST]

    assert apply_view(dialogue, "dialogue") == dialogue
    assert apply_view(dialogue, "speaker") == [FIRST, LAST]
    assert apply_view(dialogue, "last_turn") == [LAST]


@pytest.mark.parametrize("view", ["dialogue", "speaker", "last_turn"])
def test_view_that_would_be_empty_is_the_whole_dialogue(view: str) -> None:
    assert apply_view([REPLY], view) == [REPLY]  # type: ignore[arg-type]


@given(st.text(st.characters(), max_size=20))
def test_half_a_character_is_replaced_one_for_one(text: str) -> None:
    cleaned = Turn("speaker", text).text

    cleaned.encode("utf-8")
    assert len(cleaned) == len(text)
    assert all(a == b or "\ud800" <= b <= "\udfff" for a, b in zip(cleaned, text, strict=True))


def test_lone_surrogate_becomes_the_replacement_character() -> None:
    assert Turn("speaker", "so \ud83d sad 😢").text == "so \ufffd sad 😢"


@given(FAULTS, FAULTS, FAULTS)
def test_faults_merge_in_any_grouping(
    a: dict[str, str] | None, b: dict[str, str] | None, c: dict[str, str] | None
) -> None:
    assert merge_faults(merge_faults(a, b), c) == merge_faults(a, merge_faults(b, c))
    assert merge_faults(a, None) == merge_faults(None, a) == (a or {})


def test_newest_fault_of_a_node_stays_and_the_old_is_not_changed() -> None:
    faults = {"recall": "no store", "remember": "full"}

    assert merge_faults(faults, {"recall": ""}) == {"recall": "", "remember": "full"}
    assert faults["recall"] == "no store"


def test_reading_ranks_ties_by_name() -> None:
    assert Reading(distribution={"sad": 0.3, "afraid": 0.3, "joyful": 0.4}).ranked == ["joyful", "afraid", "sad"]


@pytest.mark.parametrize("field", [{"weight": 1.1}, {"weight": -0.1}, {"start": -1}, {"turn": -1}])
def test_cause_out_of_range_is_refused(field: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Cause.model_validate({"text": "dog", "turn": 0, "start": 0, "end": 3, "weight": 0.5, **field})


def test_what_crosses_a_boundary_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Empathy(emotion="sad", distribution={"sad": 1.0}).emotion = "joyful"  # type: ignore[misc]


@pytest.mark.parametrize("kind", [SetupError, InputError, ModelError, StoreError])
def test_errors_are_one_family(kind: type[Exception]) -> None:
    assert issubclass(kind, HefError)


def test_a_reading_that_the_version_before_stored_is_read_and_written_by_its_new_names() -> None:
    stored = {"distribution": {"sad": 1.0}, "weight": 0.25, "dropped": 3}

    reading = Reading.model_validate(stored)

    assert (reading.pool_weight, reading.truncated_turns) == (0.25, 3)
    assert {"pool_weight", "truncated_turns"} <= reading.model_dump().keys()
    assert Reading.model_validate(reading.model_dump()) == reading


def test_a_turn_keeps_the_end_of_a_text_that_is_too_long() -> None:
    turn = Turn("speaker", "x" * 10_000_000 + "My dog died.")

    assert len(turn.text) == MAX_TURN_CHARACTERS
    assert turn.text.endswith("xMy dog died.")
