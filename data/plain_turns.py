"""Turns without an emotion, and marked ones with one: comments of GoEmotions, dialogues of RECCON."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from ..contract import Turn
from .json_lines import read_json_lines, require_file

Turns: TypeAlias = tuple[Turn, ...]
NEUTRAL = "neutral"
WINDOW = 3
"""Turns of a dialogue that are one context."""


def read_plain_turns(path: Path) -> tuple[list[Turns], list[Turns]]:
    """Return the contexts of a file that carry no emotion, and those whose last turn carries one.

    Rows are comments (`text`, `labels`), or dialogues (`turns` with `utterance` and `emotion`). Rows that are marked
    as both, or are read in neither form, are left out.

    Raises:
        SetupError: The file does not exist.
    """
    require_file(path)
    rows, _ = read_json_lines(path, _contexts)
    contexts = [context for row in rows for context in row]
    plain = [turns for turns, emotional in contexts if emotional is False]
    return plain, [turns for turns, emotional in contexts if emotional]


def _contexts(row: dict[str, Any]) -> list[tuple[Turns, bool | None]]:
    """Return the contexts of a row, each with whether it carries an emotion; None where its marks do not say."""
    if "text" in row:
        labels = list(row["labels"])
        both = NEUTRAL in labels and len(labels) > 1
        return [((Turn("speaker", str(row["text"])),), None if both else labels != [NEUTRAL])]
    turns = list(row["turns"])
    contexts: list[tuple[Turns, bool | None]] = []
    for index, turn in enumerate(turns):
        window = turns[max(0, index - WINDOW + 1) : index + 1]
        is_plain = all(item["emotion"] == NEUTRAL for item in window)
        emotional = False if is_plain else True if turn["emotion"] != NEUTRAL else None
        contexts.append((_as_context([_untokenize(str(item["utterance"])) for item in window]), emotional))
    return contexts


def _as_context(texts: list[str]) -> Turns:
    """Return texts as turns, the last one the speaker's."""
    last = len(texts) - 1
    return tuple(Turn("speaker" if (last - i) % 2 == 0 else "listener", text) for i, text in enumerate(texts))


def _untokenize(text: str) -> str:
    """Return text without the spaces that RECCON has before punctuation."""
    for mark in (",", ".", "?", "!", ";", ":", "'"):
        text = text.replace(f" {mark}", mark)
    return text.replace("' ", "'")
