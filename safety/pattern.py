"""The small language that rules are written in, compiled to regular expressions that take linear time.

A pattern is words and tags between blanks; `(a|b c)` is one of several, `[a]` may be left out, `~3` stands for at most
three words that are neither a mark nor another subject nor a negation, `..3` for at most three symbols of any kind,
`a*` for a word that begins with "a", `^` for the beginning and `$` for the end of the sentence.
A tag finds a phrase of the lexicon, a word finds itself also inside such a phrase.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

_PART = re.compile(r"~\d+|\.\.\d+|[()\[\]|^$]|[^\s()\[\]|^$]+")
_GAP = r"(?:(?!(?:NOT|I|HE|PERSON|YOU):)[^\W_]\S* )"
_ANY = r"(?:\S+ )"
_OPERATORS = {"(": "(?:", ")": ")", "[": "(?:", "]": ")?", "|": "|", "^": r"\A", "$": r"\Z"}


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern, compiled when it is first asked for: all of them take half a second.

    Raises:
        ValueError: The brackets do not match.
    """
    try:
        return re.compile(r"(?<![^\s_:])" + "".join(map(_compile_part, _PART.findall(pattern))))
    except re.error as error:
        raise ValueError(f"the pattern {pattern!r} cannot be read: {error}") from error


def required_symbols(pattern: str) -> tuple[frozenset[str], ...]:
    """Return sets of words and tags of which every match holds one each: a sentence without need not be searched."""
    required: list[frozenset[str]] = []
    parts = iter(_PART.findall(pattern))
    for part in parts:
        if part == "[":
            _read_alternatives(parts)
        elif part == "(":
            required.append(_read_alternatives(parts))
        elif _is_symbol(part):
            required.append(frozenset({part}))
    return tuple(group for group in required if group)


def _read_alternatives(parts: Iterator[str]) -> frozenset[str]:
    """Take the parts of a bracket, and return a symbol of each alternative; none where one has no plain symbol."""
    symbols: list[str] = [""]
    depth = 1
    for part in parts:
        depth += (part in "([") - (part in ")]")
        if depth == 0:
            break
        if depth == 1 and part == "|":
            symbols.append("")
        elif depth == 1 and not symbols[-1] and _is_symbol(part):
            symbols[-1] = part
    return frozenset(symbols) if all(symbols) else frozenset()


def _is_symbol(part: str) -> bool:
    """Return whether a part is a word or a tag as a whole."""
    return part[0].isalnum() and not part.endswith("*")


def _compile_part(part: str) -> str:
    """Return the regular expression of a word, a tag, a gap or an operator."""
    if part in _OPERATORS:
        return _OPERATORS[part]
    if part.startswith("~"):
        return f"{_GAP}{{0,{int(part[1:])}}}?"
    if part.startswith(".."):
        return f"{_ANY}{{0,{int(part[2:])}}}?"
    if part == "@" or not part[0].isalnum():
        return re.escape(part) + " "
    if part in ("NUM", "FEW"):
        return part + "[ _]"
    if part.isupper() and part.isascii():
        return rf"{part}:\S+ "
    word, ending = (part[:-1], r"[^\s_]*") if part.endswith("*") else (part, "")
    return rf"(?:[A-Z]+:)?{re.escape(word)}{ending}[ _]"
