"""Tokens of a text, and phrases of a lexicon in it under tags: "i want to die" is `I:i WANT:want_to DIE:die`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

_SENTENCE_ENDS = frozenset(".!?;\n。")
_CHINESE = re.compile("[\u3400-\u9fff]")
MAX_SENTENCE_TOKENS = 120
"""Tokens of a sentence that are read together; a longer one is read in pieces."""


@dataclass(slots=True)
class Tokens:
    """Words, Chinese characters, numbers and marks of a text, or phrases under their tags, as three lists."""

    symbols: list[str] = field(default_factory=list)
    """The word in normal form; for a phrase its tag in upper case, a colon, and its words with `_` between."""
    starts: list[int] = field(default_factory=list)
    """First character of each in the normal form of the text."""
    ends: list[int] = field(default_factory=list)
    """One past the last character of each."""

    def add(self, symbol: str, start: int, end: int) -> None:
        """Add a token."""
        self.symbols.append(symbol)
        self.starts.append(start)
        self.ends.append(end)


@dataclass(frozen=True, slots=True)
class Sentence:
    """The tokens of a sentence, written as one string in which each symbol is followed by a blank."""

    text: str
    """All symbols with a blank after each."""
    symbols: frozenset[str]
    """All tags and words that occur."""
    is_chinese: bool
    """Whether there is a Chinese character."""
    starts: list[int]
    """First character of each symbol in the normal form of the text."""
    ends: list[int]
    """One past the last character of each symbol."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the normal form of the text of a span of `text` that holds whole symbols."""
        first = self.text.count(" ", 0, start)
        last = self.text.count(" ", 0, end) - 1
        return self.starts[first], self.ends[max(first, last)]


@dataclass(slots=True)
class Lexicon:
    """Phrases and their tags, as a tree of tokens."""

    tree: dict[str, Any] = field(default_factory=dict)
    """Token -> the tree of what may follow; the tag of the phrase that ends there under the empty token."""

    def add(self, phrase: Iterable[str], tag: str) -> None:
        """Add the tokens of a phrase; a phrase that has a tag already keeps it."""
        branch = self.tree
        for symbol in phrase:
            branch = branch.setdefault(symbol, {})
        branch.setdefault("", tag)

    def tag(self, tokens: Tokens) -> Tokens:
        """Return the tokens with the longest phrases from left to right put together under their tags."""
        tagged = Tokens()
        heads = [symbol.partition(":")[0] or symbol for symbol in tokens.symbols]
        index, count = 0, len(heads)
        while index < count:
            length, tag = self._longest(heads, index)
            symbol = tokens.symbols[index]
            if tag:
                words = (part.partition(":")[2] or part for part in tokens.symbols[index : index + length])
                symbol = f"{tag}:{'_'.join(words)}"
            tagged.add(symbol, tokens.starts[index], tokens.ends[index + length - 1])
            index += length
        return tagged

    def _longest(self, symbols: list[str], start: int) -> tuple[int, str]:
        """Return the length and the tag of the longest phrase that begins at a token; else 1 and nothing."""
        branch: dict[str, Any] | None = self.tree.get(symbols[start])
        length, name = 1, ""
        offset = start
        while branch:
            offset += 1
            if "" in branch:
                length, name = offset - start, branch[""]
            branch = branch.get(symbols[offset]) if offset < len(symbols) else None
        return length, name


def split_sentences(tokens: Tokens) -> Iterator[Sentence]:
    """Yield the sentences, each with its final mark."""
    start = 0
    last = len(tokens.symbols) - 1
    for index, symbol in enumerate(tokens.symbols):
        if symbol in _SENTENCE_ENDS or index - start + 1 >= MAX_SENTENCE_TOKENS or index == last:
            yield _sentence(tokens, start, index + 1)
            start = index + 1


def _sentence(tokens: Tokens, start: int, end: int) -> Sentence:
    """Return the sentence of some tokens."""
    symbols = tokens.symbols[start:end]
    text = " ".join(symbols) + " "
    occurring = frozenset(text.replace(":", " ").replace("_", " ").split())
    return Sentence(text, occurring, bool(_CHINESE.search(text)), tokens.starts[start:end], tokens.ends[start:end])


_OPTION = re.compile(r"[()\[\]|]|[^\s()\[\]|]+")
Sequences: TypeAlias = list[tuple[str, ...]]


def expand_phrase(phrase: str, symbol_options: Callable[[str], Sequences]) -> Sequences:
    """Return all token sequences that a phrase of the lexicon stands for.

    `(a|b c)` is one of several, `[a]` may be left out: "take my [own] (life|lives)".

    Args:
        phrase: The phrase.
        symbol_options: From a word of the phrase to the token sequences it stands for.

    Raises:
        ValueError: The brackets do not match.
    """
    return _expand(_OPTION.findall(phrase), "", symbol_options)


def _expand(parts: list[str], closing: str, symbol_options: Callable[[str], Sequences]) -> Sequences:
    """Take parts from the front up to a closing bracket, and return the sequences that they stand for."""
    finished: Sequences = []
    current: Sequences = [()]
    while parts:
        part = parts.pop(0)
        if part == closing:
            return finished + current
        if part == "|":
            finished, current = finished + current, [()]
            continue
        if part in ")]":
            raise ValueError(f"a bracket {part!r} closes none that is open")
        if part in "([":
            options = _expand(parts, ")" if part == "(" else "]", symbol_options)
            options = [*options, ()] if part == "[" else options
        else:
            options = symbol_options(part)
        current = [sequence + option for sequence in current for option in options]
    if closing:
        raise ValueError(f"a bracket that {closing!r} should close is left open")
    return finished + current
