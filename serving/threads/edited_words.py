"""Earlier messages that a person edited while the chat went on: what is an edit, and what is remembered then.

Clients also shorten old messages, put a date or a name before them, translate them, or send something else in their
place. So what is remembered changes only where most of the words stay and none of the old ones was merely added to.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from ...contract.text import MAX_STORED_CHARACTERS, split_clauses

_ALIKE = 0.5
"""Share of the words that both have in common from which on one is an edit of the other."""
_SAME_FEELING = 0.9
"""The same, from which on what was felt stays."""
_MAX_WORDS = 2000
"""Words of each that are compared."""
_CUT = ("…", "...")


def edited_value(value: Mapping[str, Any], words: str) -> dict[str, Any]:
    """Return the fields that change in a stored turn where its words were edited; empty where they were not.

    Args:
        value: The stored turn.
        words: The person's words as a client shows them now.
    """
    old, new = str(value.get("text", "")), words.strip()[-MAX_STORED_CHARACTERS:]
    if not _is_edit(old, new):
        return {}
    changes: dict[str, Any] = {"text": new, "clauses": split_clauses(new)}
    changes["causes"] = [cause for cause in value.get("causes") or [] if cause in new]
    if not value.get("confirmed") and _likeness(old, new) < _SAME_FEELING:
        changes |= {"emotion": None, "probability": None, "causes": []}
    return changes


def _is_edit(old: str, new: str) -> bool:
    before, after = _bare(old), _bare(new)
    if not after or before in after:
        return False
    is_shortened = before.startswith(after) and (new.endswith(_CUT) or not _ends_with_word(old, new))
    return not is_shortened and _likeness(old, new) >= _ALIKE


def _ends_with_word(old: str, new: str) -> bool:
    """Return whether the beginning of a text ends where one of its words does."""
    return not (old.startswith(new) and old[len(new) : len(new) + 1].isalnum() and new[-1:].isalnum())


def _likeness(old: str, new: str) -> float:
    before, after = _units(old)[:_MAX_WORDS], _units(new)[:_MAX_WORDS]
    return SequenceMatcher(None, before, after, autojunk=False).ratio()


def _units(text: str) -> list[str]:
    """Return the words of a text; of one without spaces, its characters."""
    words = text.casefold().split()
    return words if len(words) > len(text) / 12 else list("".join(words))


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
