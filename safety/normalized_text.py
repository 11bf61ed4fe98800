"""A text in the one form that the rules read, with the way back to the text as it was written.

Case, width, styled letters, look-alike letters, combining marks and characters without width are taken away; Chinese
characters become simplified ones.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..contract.chinese.simplified import simplified

_LOOK_ALIKES = dict(zip("авекмнорстухіѕјԁαεικνορτυχ", "abekmhopctyxisjdaeiknoptux", strict=True))
"""Cyrillic and Greek letters that stand for Latin ones in "suісіdе"."""
_QUOTES = dict.fromkeys("‘’ʼ´`＇", "'") | dict.fromkeys("“”„«»「」『』《》", '"')
_DROPPED = {"Mn", "Me", "Cf", "Cc", "Co", "Cs"}
"""Unicode categories that are written over or between letters: accents, zero-width marks, control characters."""
_BREAKS = dict.fromkeys("\n\r\u2028\u2029\x0b\x0c\x85", "\n")


@dataclass(frozen=True, slots=True)
class NormalizedText:
    """A text in normal form."""

    text: str
    """The normal form."""
    offsets: Sequence[int]
    """Offset in the raw text of each character."""

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the raw text that a span of the normal form, of one character or more, comes from."""
        return self.offsets[start], self.offsets[end - 1] + 1

    def replace(self, changes: Iterable[tuple[int, int, str]]) -> NormalizedText:
        """Return the text with spans replaced; the characters of a new text share the offsets of the span.

        Args:
            changes: Start, end and new text of each span, from left to right, none empty.
        """
        parts: list[str] = []
        offsets: list[int] = []
        done = 0
        for start, end, new in changes:
            parts += self.text[done:start], new
            offsets += self.offsets[done:start]
            offsets += [self.offsets[min(start + i, end - 1)] for i in range(len(new) - 1)] + [self.offsets[end - 1]]
            done = end
        if not parts:
            return self
        return NormalizedText("".join([*parts, self.text[done:]]), [*offsets, *self.offsets[done:]])


def normalize(raw: str) -> NormalizedText:
    """Return the normal form of a text."""
    if raw.isascii():
        return NormalizedText(raw.lower(), range(len(raw)))
    parts = list(map(_FORMS.__getitem__, raw))
    text = "".join(parts)
    if len(text) == len(raw) and "" not in parts:
        return NormalizedText(text, range(len(raw)))
    return NormalizedText(text, [offset for offset, part in enumerate(parts) for _ in part])


class _Forms(dict[str, str]):
    """Character -> its normal form, often itself, sometimes nothing; each is made when it is first met."""

    def __missing__(self, character: str) -> str:
        form = self[character] = _normal_form(character)
        return form


_FORMS = _Forms()


def _normal_form(character: str) -> str:
    """Return the normal form of one character."""
    if character in _BREAKS:
        return "\n"
    if character in _QUOTES:
        return _QUOTES[character]
    decomposed = unicodedata.normalize("NFKD", character).lower()
    kept = [part for part in decomposed if part == "\t" or unicodedata.category(part) not in _DROPPED]
    return "".join(_QUOTES.get(part) or _LOOK_ALIKES.get(part) or simplified(part) for part in kept)
