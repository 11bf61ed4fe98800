"""Earlier messages that a person edited while the chat went on: what is an edit, and what is remembered then.

Clients also shorten old messages, put a date or a name before them, translate them, or send something else in their
place. So what is remembered changes only where at least half of the words stay, some go, and others come.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from ...contract.text import MAX_STORED_CHARACTERS, split_clauses

_ALIKE = 0.5
"""Share of the words that both have in common from which on one is an edit of the other."""
_SAME_FEELING = 0.9
"""The same, from which on what was felt stays."""
_SURELY_ALIKE = 0.65
"""The same, from which on the first words of a conversation are other first words, edited."""
_MIN_UNITS, _MIN_SIGNS = 5, 8
"""Words, or signs of a language without spaces, of which such first words have at least so many: "Hello there" is said
in many conversations."""
_MAX_WORDS = 600
"""Words of each that are compared."""
_BRACKETS = re.compile(r"\[[^\[\]\n]{0,80}\]|\([^()\n]{0,80}\)|（[^（）\n]{0,80}）|【[^【】\n]{0,80}】")
"""What clients add in brackets: a date, a mark of what was left out."""
_MASK = re.compile(r"\[[A-Z][A-Z_ 0-9]{1,30}\]|<[A-Z][A-Z_ 0-9]{1,30}>|\*{3,20}|█{2,20}")
"""What stands in the place of a name or a number that was masked."""


def edited_value(value: Mapping[str, Any], words: str) -> dict[str, Any]:
    """Return the fields that change in a stored turn where its words were edited; empty where they were not.

    Args:
        value: The stored turn.
        words: The person's words as a client shows them now.
    """
    old, new = str(value.get("text", "")), words.strip()[-MAX_STORED_CHARACTERS:]
    likeness = _likeness(old, new) if _may_be_edit(old, new) else 0.0
    if likeness < _ALIKE:
        return {}
    changes: dict[str, Any] = {"text": new, "clauses": split_clauses(new)}
    if (wish := value.get("wish")) and _bare(str(wish)) not in _bare(new):
        changes["wish"] = ""
    changes["causes"] = [cause for cause in value.get("causes") or [] if cause in new]
    if not value.get("confirmed") and likeness < _SAME_FEELING:
        changes |= {"emotion": None, "probability": None, "causes": []}
    return changes


def is_edited_beginning(old: str, new: str) -> bool:
    """Return whether first words are surely other first words that were edited, and no other conversation's.

    Args:
        old: The words that began a conversation.
        new: Words that are said without anything before them.
    """
    old, new = old.strip()[-MAX_STORED_CHARACTERS:], new.strip()[-MAX_STORED_CHARACTERS:]
    for text in (old, new):
        units = _units(text)
        if len(units) < (_MIN_UNITS if any(len(unit) > 1 for unit in units) else _MIN_SIGNS):
            return False
    return _may_be_edit(old, new) and _likeness(old, new) >= _SURELY_ALIKE


def _may_be_edit(old: str, new: str) -> bool:
    """Return whether a text is neither empty nor another one that was shortened, masked or added to."""
    before, after = _bare(old), _bare(new)
    is_masked = _MASK.search(new) and not _MASK.search(old)
    if not after or before in after or before.startswith(after) or is_masked:
        return False
    return not _is_part(_units(_BRACKETS.sub(" ", new)), _units(old))


def _is_part(units: Sequence[str], whole: Sequence[str]) -> bool:
    """Return whether words stand in others in their order: a text was shortened, wherever it was cut."""
    rest = iter(map(_bare, whole))
    return all(unit in rest for unit in filter(None, map(_bare, units)))


def _likeness(old: str, new: str) -> float:
    before, after = _units(old)[:_MAX_WORDS], _units(new)[:_MAX_WORDS]
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() >= _ALIKE and matcher.quick_ratio() >= _ALIKE else 0.0


def _units(text: str) -> list[str]:
    """Return the words of a text; of one without spaces, its characters."""
    words = text.casefold().split()
    return words if len(words) > len(text) / 12 else list("".join(words))


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
