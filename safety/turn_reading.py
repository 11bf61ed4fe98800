"""A turn as the rules read it: normal form, disguised words revealed, tokens, tags, sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .english_spelling import reveal_words
from .english_tokens import tokenize
from .normalized_text import NormalizedText, normalize
from .rulebook import load_rulebook
from .tagged_text import Sentence, split_sentences

MAX_CHARACTERS = 3000
"""A turn up to this length is read whole; of a longer one its beginning, its end, and what is around risky words."""
_AROUND = 200
"""Characters that are read before and after a risky word of a long turn."""
_RISKY = tuple(
    """
    suic|su1c|kill|k1ll|unaliv|kms|end it|end my|myself|want to die|dead|pills|tablets|noose|overdos|wrist|razor|goodbye
    |shoot|stab|rape|hits me|beats me|alive|to live|自杀|自鲨|自尽|自残|想死|要死|去死|不想活|轻生|跳楼|跳下|跳河|割腕
    |遗书|安眠药|上吊|烧炭|活不下去|紫砂|捅死|打死|弄死|结束生命
    """.replace("\n    ", "")
    .strip()
    .split("|")
)
"""What is looked for in a long turn."""


@dataclass(frozen=True, slots=True)
class TurnReading:
    """A turn in normal form, and its sentences."""

    raw: str
    """The turn as it was written."""
    normalized: NormalizedText
    """Its normal form."""
    sentences: tuple[Sentence, ...]
    """Its sentences, with tags; of a long turn those that are read."""
    text: str
    """All sentences."""
    symbols: frozenset[str]
    """All tags and words that occur."""

    def text_with(self, index: int, sentence: str) -> str:
        """Return all sentences with another text in place of one."""
        texts = [sentence if number == index else one.text for number, one in enumerate(self.sentences)]
        return "".join(texts)

    def quote(self, sentence: Sentence) -> str:
        """Return a sentence as it was written."""
        return self.words(sentence, 0, len(sentence.text))

    def words(self, sentence: Sentence, start: int, end: int) -> str:
        """Return the words as written of a span of a sentence's text."""
        first, last = sentence.span(start, end)
        begin, stop = self.normalized.raw_span(first, last)
        return self.raw[begin:stop].strip()


def read_turn(raw: str) -> TurnReading:
    """Return a turn as the rules read it."""
    normalized = normalize(raw)
    if len(normalized.text) > MAX_CHARACTERS:
        normalized = _excerpt(normalized)
    revealed = reveal_words(normalized)
    rulebook = load_rulebook()
    tokens = rulebook.compounds.tag(rulebook.phrases.tag(tokenize(revealed.text)))
    sentences = tuple(split_sentences(tokens))
    symbols = frozenset[str]().union(*(sentence.symbols for sentence in sentences))
    return TurnReading(raw, revealed, sentences, "".join(sentence.text for sentence in sentences), symbols)


def _excerpt(text: NormalizedText) -> NormalizedText:
    """Return the parts of a long text that are read, as one text with a line break between."""
    spans = [(0, MAX_CHARACTERS // 4), *_risky_spans(text.text), (len(text.text) - MAX_CHARACTERS // 4, len(text.text))]
    pieces: list[tuple[int, int]] = []
    for start, end in spans:
        if pieces and start <= pieces[-1][1]:
            pieces[-1] = (pieces[-1][0], max(end, pieces[-1][1]))
        else:
            pieces.append((start, end))
    parts: list[str] = []
    offsets: list[int] = []
    for start, end in pieces:
        parts += text.text[start:end], "\n"
        offsets += [*text.offsets[start:end], text.offsets[end - 1]]
    return NormalizedText("".join(parts), offsets)


def _risky_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield what stands around risky words, until it is as long as a text that is read whole."""
    left = MAX_CHARACTERS
    done = 0
    for offset in sorted(offset for word in _RISKY for offset in _offsets(text, word)):
        if offset < done:
            continue
        start, end = max(done, offset - _AROUND), min(len(text), offset + _AROUND)
        left -= end - start
        done = end
        if left < 0:
            return
        yield start, end


def _offsets(text: str, word: str) -> Iterator[int]:
    """Yield where a word stands, at distances that leave room for what is read around."""
    offset = text.find(word)
    for _ in range(MAX_CHARACTERS // _AROUND):
        if offset < 0:
            return
        yield offset
        offset = text.find(word, offset + _AROUND)
