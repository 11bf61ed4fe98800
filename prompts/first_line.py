"""The line in brackets that an LLM writes before its reply, with what the person feels: read, and taken off."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .label_parser import NONE
from .thoughts import ThoughtFilter

LINE_LIMIT = 200
"""Characters of a line at most."""
_BRACKETS = {"[": "]", "【": "】", "(": ")", "（": "）", "［": "］"}
_END_OF_WORD = re.compile(r"[:：,，;；–—]|\s-\s")
_MARKUP = " \t*_`#>\"'“”‘’「」『』"


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
        self._labels = {word.casefold(): label for word, label in synonyms.items()}
        self._labels |= {label.casefold(): label for label in labels} | {NONE: NONE}

    def __call__(self, line: str) -> Feeling | None:
        """Return what the inside of the brackets says; None where its first word is no label."""
        word, *_ = _END_OF_WORD.split(line, maxsplit=1)
        label = self._labels.get(word.strip(_MARKUP).casefold())
        return Feeling(label, line[len(word) + 1 :].strip(_MARKUP)) if label else None


class FirstLine:
    """Takes the first line off an answer that comes in pieces, and with it the thoughts of the whole answer.

    What does not begin with a line that can be read is the reply from its first character on.

    Args:
        read: Reads the inside of the brackets.
    """

    def __init__(self, read: Callable[[str], Feeling | None]) -> None:
        self._read = read
        self._thoughts = ThoughtFilter()
        self._start = ""
        self.feeling: Feeling | None = None
        """What the line says; None while that is open, and where the answer has no such line."""
        self.is_complete = False
        """Whether the line was read, or is known to be missing."""
        self._has_begun = False
        """Whether anything of the reply was returned."""

    def feed(self, piece: str) -> str:
        """Return what the next piece holds of the reply."""
        return self._reply(self._thoughts.feed(piece))

    def close(self) -> str:
        """Return what was held back of the reply at the end of the answer."""
        return self._reply(self._thoughts.close(), is_end=True)

    def _reply(self, said: str, *, is_end: bool = False) -> str:
        if not self.is_complete:
            self._start = (self._start + said).lstrip(_MARKUP + "\r\n")
            line, rest = _bracketed(self._start)
            if line is None and not is_end and _may_become_line(self._start):
                return ""
            self.feeling = None if line is None else self._read(line)
            self.is_complete, said = True, rest if self.feeling else self._start
        if not self._has_begun:
            said = said.lstrip()
        self._has_begun = self._has_begun or bool(said)
        return said


def _bracketed(text: str) -> tuple[str | None, str]:
    """Return what stands between the brackets that a text begins with, and what follows them; None without any."""
    end = text.find(_BRACKETS[text[0]], 1, LINE_LIMIT) if text and text[0] in _BRACKETS else -1
    return (None, text) if end < 0 else (text[1:end].strip(), text[end + 1 :].lstrip("*_`"))


def _may_become_line(start: str) -> bool:
    return not start or (start[0] in _BRACKETS and len(start) < LINE_LIMIT)
