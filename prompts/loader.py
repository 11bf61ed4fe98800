"""Load prompt templates, and fence the dialogue in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template

from ..contract import SetupError, Turn
from .examples import parse_examples

NAMES = ("system", "score", "coarse", "fine", "one_prompt", "repair", "draft_system", "draft", "examples")
_NAMES_OF_ROLES = {"speaker": "Speaker", "listener": "Listener"}
_FENCE = re.compile(r"<(\s*/?\s*dialogue[^<>]*)>?", re.IGNORECASE)


class Prompts:
    """The prompt templates of a graph: Markdown with `$placeholders`.

    Args:
        overrides: Template name -> text that replaces the shipped one.

    Raises:
        SetupError: A name is unknown, or a template names a placeholder that it is never given.
    """

    def __init__(self, overrides: Mapping[str, str] | None = None) -> None:
        given = dict(overrides or {})
        if unknown := sorted(set(given) - set(NAMES)):
            raise SetupError(f"unknown prompts {unknown}; there are {', '.join(NAMES)}")
        shipped = {name: (files("hef.prompts") / f"{name}.md").read_text(encoding="utf-8") for name in NAMES}
        self._templates = {name: Template(given.get(name, text).strip()) for name, text in shipped.items()}
        for name, template in self._templates.items():
            allowed = set(Template(shipped[name]).get_identifiers())
            if not template.is_valid() or not set(template.get_identifiers()) <= allowed:
                raise SetupError(
                    f"prompt {name!r} may only name the placeholders {sorted(allowed)}; write $$ for a dollar"
                )
        self.examples = parse_examples(self._templates["examples"].substitute())
        """Worked examples of a drafted reply; none when the prompt `examples` is empty."""

    def render(self, name: str, **values: str) -> str:
        """Return a template with its values; lines left empty by an empty value are dropped."""
        return re.sub(r"\n{3,}", "\n\n", self._templates[name].substitute(values)).strip()


def fence(turns: Sequence[Turn], limit: int) -> str:
    """Return the newest turns as text that cannot leave its fence.

    Args:
        turns: The dialogue, oldest first.
        limit: Characters at most, see `newest`.
    """
    kept, _ = newest(turns, limit)
    return "\n".join(f"{_NAMES_OF_ROLES[turn.role]}: {_plain(turn.text)}" for turn in kept)


def newest(turns: Sequence[Turn], limit: int) -> tuple[list[Turn], int]:
    """Return the newest turns that fit, and how many do not or only in part.

    Args:
        turns: The dialogue, oldest first.
        limit: Characters at most; the last turn alone is cut at its beginning if it must be.
    """
    kept: list[Turn] = []
    room = limit
    for turn in reversed(turns):
        if kept and len(turn.text) > room:
            break
        kept.append(Turn(turn.role, turn.text[-limit:]))
        room -= len(turn.text)
    return kept[::-1], len(turns) - len(kept) + int(bool(turns) and len(turns[-1].text) > limit)


def _plain(text: str) -> str:
    """Return text without control characters, fence tags or line breaks that would fake a turn."""
    spaced = " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in text).split())
    return _FENCE.sub(r"(\1)", spaced)
