"""The line in brackets that an LLM writes before its reply, with what the person feels: read, and taken off."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..contract.chinese.simplified import simplified
from .label_parser import NONE
from .thoughts import ThoughtFilter

LINE_LIMIT = 200
"""Characters of a line at most."""
_BRACKETS = {"[": "]", "【": "】", "［": "］"}
_FORM = re.compile(r"([^:：]*)(?:[:：](.*))?", re.DOTALL)
_SEVERAL = re.compile(r"[/,，、&]")
_MARKUP = " \t*_`#>-\"'“”‘’「」『』"


@dataclass(frozen=True, slots=True)
class Feeling:
    """What a first line says."""

    label: str
    """A label, or `NONE` where nothing is felt."""
    words: str = ""
    """The person's words that show it, as the LLM quoted them; may be empty."""


class LineReader:
    """Reads first lines.

    Args:
        labels: The labels.
        synonyms: Other words for them, in any language.
    """

    def __init__(self, labels: Sequence[str], synonyms: Mapping[str, str]) -> None:
        words = {**synonyms, **{label: label for label in labels}, NONE: NONE}
        self._labels = {_plain(word): label for word, label in words.items()}

    def __call__(self, line: str) -> Feeling | None:
        """Return what the inside of the brackets says.

        None where it does not begin with a label and a colon: a mood in brackets is how characters act.
        """
        form = _FORM.fullmatch(line)
        label = self._labels.get(_plain(_SEVERAL.split(form[1])[0])) if form else None
        if form is None or label is None or (form[2] is None and label != NONE):
            return None
        return Feeling(label, (form[2] or "").strip(_MARKUP))


class FirstLine:
    """Takes the first line off an answer that comes in pieces, and with it the thoughts of the whole answer.

    A line that is said twice is taken off twice. What does not begin with a line that can be read is the reply from its
    first character on.

    Args:
        read: Reads the inside of the brackets.
    """

    def __init__(self, read: Callable[[str], Feeling | None]) -> None:
        self._read = read
        self._thoughts = ThoughtFilter()
        self._pending = ""
        self._may_follow = True
        """Whether another line may still come before the reply."""
        self._is_line_start = True
        self._has_begun = False
        """Whether anything of the reply was returned."""
        self._is_closed = False
        self.feeling: Feeling | None = None
        """What the line says; None while that is open, and where the answer has no such line."""
        self.is_complete = False
        """Whether the line was read, or is known to be missing."""

    def feed(self, piece: str) -> str:
        """Return what the next piece holds of the reply."""
        return self._reply(self._thoughts.feed(piece))

    def close(self) -> str:
        """Return what was held back of the reply at the end of the answer."""
        if self._is_closed:
            return ""
        self._is_closed = True
        return self._reply(self._thoughts.close())

    def _reply(self, text: str) -> str:
        self._pending += text
        while self._may_follow:
            line, newline, rest = self._pending.lstrip().partition("\n")
            if not newline and not self._is_closed and _may_become_line(line):
                return ""
            feeling = self._read(inside) if (inside := _inside(line)) is not None else None
            self.feeling = self.feeling or feeling
            self.is_complete = True
            self._may_follow = feeling is not None and bool(newline)
            if feeling is not None:
                self._pending = rest
        shown = self._shown()
        if not self._has_begun:
            shown = shown.lstrip()
        self._has_begun = self._has_begun or bool(shown)
        return shown

    def _shown(self) -> str:
        """Return what may be seen of what is pending: a first line that is written again later is taken off, too."""
        shown = ""
        while self._pending:
            line, newline, rest = self._pending.partition("\n")
            if self.feeling is not None and self._is_line_start:
                if not newline and not self._is_closed and _may_become_line(line):
                    break
                if (inside := _inside(line)) is not None and self._read(inside) is not None:
                    self._pending = rest
                    continue
            shown += line + newline
            self._pending, self._is_line_start = rest, bool(newline)
        return shown


def _may_become_line(start: str) -> bool:
    begin = start.lstrip(_MARKUP)
    return len(start) < LINE_LIMIT and (not begin or begin[0] in _BRACKETS)


def _inside(line: str) -> str | None:
    """Return what stands between the brackets that a line consists of; None where it has others, or other text."""
    text = line.strip(_MARKUP + "\r.。")
    if len(line) > LINE_LIMIT or len(text) < 2 or _BRACKETS.get(text[0]) != text[-1]:
        return None
    return text[1:-1]


def _plain(word: str) -> str:
    return simplified(word.strip(_MARKUP).replace("_", " ").casefold())
