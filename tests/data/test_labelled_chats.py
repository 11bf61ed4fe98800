from __future__ import annotations

import json
from pathlib import Path

from hef.data.labelled_chats import read_chats

CHAT = {
    "id": "a",
    "language": "en",
    "turns": [
        {
            "role": "user",
            "text": "my cat died",
            "emotion": "sad",
            "also": ["devastated"],
            "topic": 1,
            "causes": ["cat"],
        },
        {"role": "assistant", "text": "I am sorry."},
        {"role": "user", "text": "a word for blue?", "emotion": "none", "topic": 2},
        {"role": "assistant", "text": "Azure."},
        {"role": "user", "text": "she was 14", "emotion": "sad", "topic": 1},
    ],
}


def chats(path: Path, *rows: object) -> tuple[list, list[str]]:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return read_chats(path)


def test_each_turn_of_the_person_comes_with_what_was_said_before_it(tmp_path: Path) -> None:
    ((chat,), broken) = chats(tmp_path / "chats.jsonl", CHAT)
    assert not broken
    first, second, third = chat.turns
    assert [len(turn.turns) for turn in chat.turns] == [1, 3, 5]
    assert (first.emotions, second.emotions) == ({"sad", "devastated"}, frozenset())
    assert third.same_subject == (True, True, False, False, True)
    assert (second.earlier_emotions, third.earlier_emotions) == ({"sad"}, frozenset())


def test_a_chat_that_begins_with_the_assistant_or_lacks_a_mark_is_reported(tmp_path: Path) -> None:
    without_mark = {**CHAT, "turns": [{"role": "user", "text": "hello"}]}
    begins_wrong = {**CHAT, "turns": CHAT["turns"][1:]}  # type: ignore[index]
    read, broken = chats(tmp_path / "chats.jsonl", without_mark, begins_wrong, CHAT)
    assert len(read) == 1
    assert [message.split(":")[1] for message in broken] == ["1", "2"]
