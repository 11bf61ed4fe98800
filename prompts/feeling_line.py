"""The line in which an LLM says what the person feels and which of their words show it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..contract.chinese.simplified import simplified
from .label_parser import NONE

LINE_LIMIT = 200
"""Characters of a line at most."""
_FORM = re.compile(r"([^:：]*)(?:[:：](.*))?", re.DOTALL)
_SEVERAL = re.compile(r"[/,，、&]")
_MARKUP = " \t*_`#>-.。\"'“”‘’「」『』"
_BRACKETS = {"[": "]", "【": "】", "［": "］", "(": ")", "（": "）"}


@dataclass(frozen=True, slots=True)
class Feeling:
    """What a line says."""

    label: str
    """A label, or `NONE` where nothing is felt."""
    words: str = ""
    """The person's words that show it, as the LLM quoted them; may be empty."""


class LineReader:
    """Reads such lines.

    Args:
        labels: The labels.
        synonyms: Other words for them, in any language.
    """

    def __init__(self, labels: Sequence[str], synonyms: Mapping[str, str]) -> None:
        words = {**synonyms, **{label: label for label in labels}, NONE: NONE}
        self._labels = {_plain(word): label for word, label in words.items()}

    def __call__(self, answer: str) -> Feeling | None:
        """Return what an answer says in its first line; None where that is no label, with or without words."""
        line = next(filter(None, (line.strip(_MARKUP) for line in answer.splitlines())), "")
        if _BRACKETS.get(line[:1]) == line[-1:] and len(line) > 1:
            line = line[1:-1]
        form = _FORM.fullmatch(line) if len(line) <= LINE_LIMIT else None
        head = form[1] if form else ""
        label = self._labels.get(_plain(head)) or self._labels.get(_plain(_SEVERAL.split(head)[0]))
        return Feeling(label, (form[2] or "").strip(_MARKUP)) if form and label else None


def _plain(word: str) -> str:
    return simplified(word.strip(_MARKUP).replace("_", " ").casefold())
