"""Features of a turn for the risk model: sequences of words, tags and letters, each as the number of a bucket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from .findings import Finding
from .tagged_text import Sentence
from .turn_reading import TurnReading

BUCKETS = 1 << 17
"""Features share a bucket where their hashes do; the weights of a bucket are one row of the model."""
MAX_TOKENS = 600
"""Tokens of a turn that are looked at, from its end."""
QUESTION_TOKENS = 60
"""Tokens of the assistant's turn before it, from its end."""
_LETTERS = range(3, 6)
"""Lengths of the letter sequences of a word."""


@dataclass(frozen=True, slots=True)
class RiskEvidence:
    """What the risk of a turn is read from."""

    reading: TurnReading
    """The turn."""
    findings: Sequence[Finding] = ()
    """What the rules found in it, the gravest first."""
    question: TurnReading | None = None
    """The assistant's turn before it."""
    earlier: Sequence[Finding] = ()
    """What the rules found in the person's turns before it."""


def turn_features(
    evidence: RiskEvidence, sentences: Sequence[Sentence] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the buckets of a turn's features and their values, a vector of length 1.

    Args:
        evidence: The turn.
        sentences: Some of its sentences, read without the turns before it; None reads all, each once.
    """
    counts = Counter(crc32(name.encode("utf-8", "replace")) % BUCKETS for name in _names(evidence, sentences))
    buckets = np.fromiter(counts, np.int64, len(counts))
    values = 1 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))
    return buckets, (values / max(float(np.linalg.norm(values)), 1e-9)).astype(np.float32)


def _names(evidence: RiskEvidence, sentences: Sequence[Sentence] | None) -> Iterator[str]:
    """Yield the names of all features, one as often as it occurs."""
    texts = dict.fromkeys(sentence.text for sentence in sentences or evidence.reading.sentences)
    symbols = [symbol for text in texts for symbol in text.split()][-MAX_TOKENS:]
    words = [word for symbol in symbols for word in _words(symbol)]
    tags = [_tag(symbol) for symbol in symbols]
    yield from _sequences("w", words, 4)
    yield from _pairs("p", words, 4)
    yield from _sequences("t", tags, 4)
    yield from _pairs("q", tags, 5)
    for word in words:
        if len(word) > 3 and word.isascii():
            marked = f"<{word}>"
            yield from (f"c{marked[i : i + n]}" for n in _LETTERS for i in range(len(marked) - n + 1))
    for finding in evidence.findings:
        yield from (f"f{finding.level}", f"f{finding.claim}")
    if sentences is not None:
        return
    yield from (f"e{finding.level}" for finding in evidence.earlier)
    if evidence.question is not None:
        asked = [_tag(symbol) for symbol in evidence.question.text.split()][-QUESTION_TOKENS:]
        yield from _sequences("a", asked, 3)
        yield from (f"b{tags[0] if tags else ''} {tag}" for tag in set(asked) if tag.isupper())


def _words(symbol: str) -> list[str]:
    """Return the words of a symbol: of one with a tag those it stands for."""
    tag, _, words = symbol.partition(":")
    return words.split("_") if words and tag.isupper() else [symbol]


def _tag(symbol: str) -> str:
    """Return the tag of a symbol, or the word where it has none."""
    tag = symbol.partition(":")[0]
    return tag if tag.isupper() else symbol


def _sequences(prefix: str, items: Sequence[str], longest: int) -> Iterator[str]:
    """Yield all sequences of 1 to `longest` items, with marks at both ends."""
    marked = ["^", *items, "$"]
    for length in range(1, longest + 1):
        for start in range(len(marked) - length + 1):
            yield prefix + " ".join(marked[start : start + length])


def _pairs(prefix: str, items: Sequence[str], distance: int) -> Iterator[str]:
    """Yield all pairs of items with one or more between them, at most `distance` apart."""
    for start, item in enumerate(items):
        for other in items[start + 2 : start + 1 + distance]:
            yield f"{prefix}{item} {other}"
