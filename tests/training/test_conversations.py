from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hef.contract import SetupError, Turn
from hef.data.conversations import Conversation, listener_turns, read_conversations, split
from hef.training.sem.emotion_network import resolve_backbone
from hef.training.sem.emotion_training import sample_contexts
from hef.training.sem.sem_recipe import SemRecipe
from hef.training.trainer import length_bucketed_batches
from hypothesis import given
from hypothesis import strategies as st

ROW: dict[str, Any] = {
    "conv_id": "c1",
    "emotion": "sad",
    "situation": "My dog died.",
    "utterances": [{"role": "speaker", "text": "My dog died."}, {"role": "listener", "text": "Oh no."}],
}
RECIPE = SemRecipe(situations=True, speaker_view=0.5)


def conversation(number: int, turns: int = 4) -> Conversation:
    roles = ("speaker", "listener")
    said = tuple(Turn(roles[i % 2], f"turn {i} of {number}") for i in range(turns))  # type: ignore[arg-type]
    return Conversation(f"c{number:03}", "sad", f"situation {number}", said)


CONVERSATIONS = [conversation(number, turns) for number, turns in enumerate([4, 6, 2, 1, 5] * 8)]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_broken_lines_are_counted_and_named_and_the_rest_is_read(tmp_path: Path, name: str) -> None:
    bad_role = {**ROW, "utterances": [{"role": "narrator", "text": "x"}]}
    lines = [ROW, "{not json", {**ROW, "conv_id": "c2"}, {"conv_id": "c3"}, [], {**ROW, "utterances": "x"}, bad_role]
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())

    found, broken = read_conversations(path)

    assert [one.conv_id for one in found] == ["c1", "c2"]
    assert [message.split(": ")[0] for message in broken] == [f"{name}:{line}" for line in (2, 4, 5, 6, 7)]
    assert "emotion" in broken[1] or "utterances" in broken[1]
    assert "neither speaker nor listener" in broken[4]


def test_row_becomes_a_conversation(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROW), encoding="utf-8")

    (found,), _ = read_conversations(path)

    turns = (Turn("speaker", "My dog died."), Turn("listener", "Oh no."))
    assert found == Conversation("c1", "sad", "My dog died.", turns)


def test_every_listener_turn_is_one_sample_of_all_turns_before_it() -> None:
    samples = list(listener_turns([conversation(0, 5), conversation(1, 1)]))

    assert [len(sample.turns) for sample in samples] == [1, 3]
    assert all(sample.turns == conversation(0, 5).turns[: len(sample.turns)] for sample in samples)


def test_listener_who_speaks_first_gives_no_sample_of_nothing() -> None:
    odd = Conversation("c", "sad", "", (Turn("listener", "Hello"), Turn("speaker", "Hi"), Turn("listener", "So?")))

    assert [len(sample.turns) for sample in listener_turns([odd])] == [2]


@given(st.integers(2, 40), st.floats(0.01, 0.49), st.integers(0, 5))
def test_split_keeps_conversations_apart_and_loses_none(count: int, share: float, seed: int) -> None:
    fitted, held_out = split(CONVERSATIONS[:count], share, seed)

    assert sorted([one.conv_id for one in (*fitted, *held_out)]) == [one.conv_id for one in CONVERSATIONS[:count]]
    assert len(held_out) == max(1, round(count * share))


def test_split_is_the_same_whatever_the_order_of_the_file() -> None:
    assert split(CONVERSATIONS, 0.1, 3) == split(CONVERSATIONS[::-1], 0.1, 3)
    assert split(CONVERSATIONS, 0.1, 3) != split(CONVERSATIONS, 0.1, 4)


def test_views_are_the_same_each_time_and_differ_between_passes() -> None:
    assert sample_contexts(CONVERSATIONS, RECIPE, 1) == sample_contexts(CONVERSATIONS, RECIPE, 1)
    assert sample_contexts(CONVERSATIONS, RECIPE, 1) != sample_contexts(CONVERSATIONS, RECIPE, 2)


def test_views_are_prefixes_that_end_before_a_listener_turn() -> None:
    by_id = {one.conv_id: one for one in CONVERSATIONS}

    for sample in sample_contexts(CONVERSATIONS, SemRecipe(situations=False, speaker_view=0.0), 0):
        turns = by_id[sample.conv_id].turns
        assert sample.turns == turns[: len(sample.turns)]
        assert len(sample.turns) == len(turns) or turns[len(sample.turns)].role == "listener"


def test_views_are_never_empty_and_have_one_situation_each() -> None:
    found = sample_contexts(CONVERSATIONS, RECIPE, 0)

    assert all(sample.turns for sample in found)
    situations = [sample for sample in found if sample.turns[0].text.startswith("situation")]
    assert [sample.conv_id for sample in situations] == [one.conv_id for one in CONVERSATIONS]


def test_listeners_monologue_gives_no_empty_view() -> None:
    odd = Conversation("c", "sad", "", (Turn("listener", "Hello"), Turn("listener", "Anyone?")))

    assert sample_contexts([odd], SemRecipe(speaker_view=1.0), 0) == []


def test_speaker_view_hides_the_listener() -> None:
    found = sample_contexts(CONVERSATIONS, SemRecipe(situations=False, speaker_view=1.0), 0)

    assert {turn.role for sample in found for turn in sample.turns} == {"speaker"}


def test_last_turn_view_shows_the_newest_turn_alone() -> None:
    found = sample_contexts(CONVERSATIONS, SemRecipe(situations=False, speaker_view=0.0, last_turn_view=1.0), 0)

    assert {len(sample.turns) for sample in found} == {1}
    assert {sample.turns[0] for sample in found} <= {turn for one in CONVERSATIONS for turn in one.turns[1:]} | {
        one.turns[0] for one in CONVERSATIONS
    }


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 8), st.integers(1, 4))
def test_batches_cover_every_index_once(lengths: list[int], size: int, pool: int) -> None:
    found = length_bucketed_batches(lengths, size, "0:0", pool)

    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    assert all(0 < len(batch) <= size for batch in found)
    assert found == length_bucketed_batches(lengths, size, "0:0", pool)


def test_batches_hold_similar_lengths_in_another_order_each_pass() -> None:
    lengths = [(7 * i) % 100 for i in range(100)]

    found = length_bucketed_batches(lengths, 10, "0:0")

    assert max(max(lengths[i] for i in batch) - min(lengths[i] for i in batch) for batch in found) == 9
    assert found != length_bucketed_batches(lengths, 10, "0:1")


def test_folder_is_its_own_backbone(tmp_path: Path) -> None:
    assert resolve_backbone(str(tmp_path)) == str(tmp_path)


def test_backbone_of_the_hub_is_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **_: f"{tmp_path}/{name}")

    assert resolve_backbone("some/encoder") == f"{tmp_path}/some/encoder"


def test_backbone_that_is_nowhere_is_named() -> None:
    with pytest.raises(SetupError, match="no backbone 'not/a/hub/id'"):
        resolve_backbone("not/a/hub/id")
