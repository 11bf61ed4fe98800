"""The dialogue as every SEM reads it: turns of a speaker and a listener."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import Generic, Literal, TypeAlias, TypeVar

from .text import is_chinese

_T = TypeVar("_T")
Role: TypeAlias = Literal["speaker", "listener"]
TextLanguage: TypeAlias = Literal["en", "zh"]
"""Language of what HEF itself says about a turn."""
View: TypeAlias = Literal["dialogue", "speaker", "last_turn"]

MAX_TURN_CHARACTERS = 250_000
"""Characters of a turn that are read; of a longer text its end is, which every SEM and every prompt reads first."""

_CHINESE = ("zh", "chinese", "mandarin", "中文", "汉语", "普通话", "简体中文")
"""Beginnings of what names Chinese as a language."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance and who said it."""

    role: Role
    """`speaker` is the person whose emotion is read, `listener` the one who answers."""
    text: str
    """The raw text, cut to its last `MAX_TURN_CHARACTERS`; offsets of cause words refer to it."""

    def __post_init__(self) -> None:
        # Broken JSON escapes leave half characters that no tokenizer takes; one for one keeps the offsets.
        object.__setattr__(self, "text", _LONE_SURROGATE.sub("\ufffd", self.text[-MAX_TURN_CHARACTERS:]))


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a dialogue that may be a cause."""

    turn: int
    """Index of its turn."""
    start: int
    """First character in the turn's text."""
    end: int
    """One past the last character."""


Dialogue: TypeAlias = Sequence[Turn]
"""The dialogue context: all turns before the listener's next one, oldest first."""


def speaks_chinese(dialogue: Dialogue) -> bool:
    """Return whether the speaker writes Chinese: in their last turn that has letters."""
    turns = reversed([turn for turn in dialogue if turn.role == "speaker"])
    return next((is_chinese(turn.text) for turn in turns if any(map(str.isalpha, turn.text))), False)


def turn_language(setting: str | None, dialogue: Dialogue) -> TextLanguage:
    """Return the language of what HEF says about a turn: Chinese where it is set or the speaker's, else English.

    Args:
        setting: The setting `language`.
        dialogue: The dialogue context.
    """
    if setting is None:
        return "zh" if speaks_chinese(dialogue) else "en"
    return "zh" if setting.lower().startswith(_CHINESE) else "en"


def apply_view(dialogue: Dialogue, view: View) -> list[Turn]:
    """Return the turns of one view of the dialogue.

    `dialogue` has all turns, `speaker` the speaker's turns alone, `last_turn` the speaker's last
    turn alone. A view that would be empty falls back to all turns.
    """
    turns = list(dialogue)
    if view == "dialogue":
        return turns
    speaker_turns = [turn for turn in turns if turn.role == "speaker"]
    return (speaker_turns if view == "speaker" else speaker_turns[-1:]) or turns


def dialogue_digest(turns: Sequence[Turn]) -> bytes:
    """Return what stands for a dialogue in a cache, which so holds nobody's words, however long they are."""
    words = json.dumps([(turn.role, turn.text) for turn in turns])
    return blake2b(words.encode("ascii"), digest_size=16).digest()


class DialogueCache(Generic[_T]):
    """The newest values that were computed for dialogues, for several threads; nobody's words are kept.

    Args:
        size: How many.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._values: dict[bytes, _T] = {}

    def get(self, turns: Sequence[Turn]) -> _T | None:
        """Return the value of a dialogue; None where there is none."""
        key = dialogue_digest(turns)
        with self._lock:
            return self._values.get(key)

    def put(self, turns: Sequence[Turn], value: _T) -> None:
        """Keep the value of a dialogue in place of the oldest."""
        key = dialogue_digest(turns)
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = value
            while len(self._values) > self._size:
                del self._values[next(iter(self._values))]
