"""English words that are spelt to pass a filter, or in haste: "k i l l", "su1cide", "k*ll", "sucide"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import product

from .normalized_text import NormalizedText

_LONG_WORDS = """
    suicide suicidal myself himself herself themselves yourself killing killed overdose overdosed overdosing
    murder stabbing strangle tonight tomorrow hanging worthless anymore painless abusing abused raping goodbye
    swallowed shooting drowning unalive cutting jumping hopeless pills sleeping alive bridge
""".split()
"""Words of six letters and more (and a few of five that no other word is near) that are read with one typing error."""
_NEIGHBOURS = frozenset(
    """
    homeless topless hapless restless
    billing filling killings milling skilling tilling willing kissing kicking kilning pilling hulling culling
    filled billed milled skilled tilled willed killer called pulled kissed kicked
    overdone overdoes overdosed overdose overuse bridges bride brides fridge ridge bridged abridge
    nutting putting cuttings gutting jutting rutting hutting dumping bumping pumping humping lumping jumpings
    changing banging ganging hangings handing hinging honking thanking hangin ranging
    shouting shooing shotting shoeing snooting shootings drowsing crowning frowning drowning browning
    abase abuses amused accused aliens olive alike slept sleeping sleepings steeping sweeping bleeping seeping
    murders murdered murmur abutting rapping raping roping vaping taping gaping japing rating racing raising raining
    shopeless copeless pill spills polls bills fills hills mills kills wills gills pulls pails piles
    stabling stubbing stabbings swabbing snubbing themself stranger strangled strangler strangles itself oneself
    swallow swallower wallowed swallows goodby tonights nighttime alie alice alives live aline
    worthiness pilled pillar pillow plls
    """.split()
)
"""Words of their own that are one edit from a long word."""
_SHORT_WORDS = """
    i me my a to kill die dead death end life live hang cut cutting hurt harm shoot gun rape stab want wanna gonna going
    just so please help am im will not do dont any more it all self off jump pills took take wrist wrists rope
    noose od kms kys murder him her you them
""".split()
_ALIASES = {
    "kil": "kill", "kll": "kill", "klil": "kill", "kiil": "kill", "killl": "kill", "kils": "kills",
    "dieing": "dying", "deid": "died", "dpressed": "depressed", "sewerslide": "suicide", "sewercide": "suicide",
    "unliving": "unaliving", "sucide": "suicide", "suiside": "suicide", "suicde": "suicide", "mself": "myself",
    "myslf": "myself", "mysef": "myself", "mysekf": "myself",
}  # fmt: skip
_TARGETS = frozenset([*_LONG_WORDS, *_SHORT_WORDS, "suicides", "killed", "killing", "dying", "died"])
_READINGS = {
    "0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s",
    "!": "il", "|": "il", "+": "t",
}  # fmt: skip
_MASKS = frozenset("*#_.-%^&~")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

_SPACED = re.compile(r"(?<![a-z'])[a-z](?:[ .*_\-]{1,3}[a-z](?![a-z'])){2,60}")
"""Single letters between blanks or marks."""
_MARK_INSIDE = re.compile(r"[a-z][\d@$!*#_.\-%^&|+~]{1,3}[a-z]|(?<![a-z\d])[4510$@!|][a-z]|[a-z][01345@$](?![a-z\d])")
_CHUNK_MARKS = frozenset("0123456789@$!*#_.-%^&|+~")
_GLUED_CORE = re.compile(r"kill|die|suicid|dead|myself|wanna|cutting")
_LONG_WORD = re.compile(r"[a-z]{3,40}")
_SPLIT = re.compile(r"\b(?:su|sui|suic|suici|suicid) (?:icide|cide|ide|de|e|icidal|cidal|idal|dal|al)\b|\bki ?l ?l\b")
_REPEATED = re.compile(r"([a-z])\1{2,}")
MAX_CHUNK = 24
"""Characters of a disguised word at most."""


def reveal_words(text: NormalizedText) -> NormalizedText:
    """Return the text with disguised and mistyped words written as they are meant; all other words stay."""
    text = text.replace(_changes(text.text, _REPEATED.finditer(text.text), _shorten))
    text = text.replace(_changes(text.text, _SPACED.finditer(text.text), _join_letters))
    text = text.replace(_changes(text.text, _SPLIT.finditer(text.text), _join_halves))
    text = text.replace(_disguised_words(text.text))
    meant = {word: new for word in set(_LONG_WORD.findall(text.text)) if (new := _split_or_correct(word))}
    if not meant:
        return text
    return text.replace(_changes(text.text, _LONG_WORD.finditer(text.text), meant.get))


def _changes(
    text: str, matches: Iterable[re.Match[str]], rewrite: Callable[[str], str | None]
) -> Iterator[tuple[int, int, str]]:
    """Yield the spans that a function rewrites, with their new text."""
    for match in matches:
        new = rewrite(match.group())
        if new is not None and new != match.group():
            yield match.start(), match.end(), new


def _disguised_words(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the spans of words with digits or marks inside, with the words that they stand for."""
    done = 0
    for match in _MARK_INSIDE.finditer(text):
        if match.start() < done:
            continue
        start, done = _chunk(text, match.start(), match.end())
        if done - start <= MAX_CHUNK and (new := _undisguise(text[start:done])):
            yield start, done, new


def _chunk(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span of letters, digits and marks around a span, at most one longer than the longest that is read."""
    first = max(0, start - MAX_CHUNK)
    while start > first and (
        (text[start - 1].isascii() and text[start - 1].isalpha()) or text[start - 1] in _CHUNK_MARKS
    ):
        start -= 1
    last = min(len(text), start + MAX_CHUNK + 1)
    while end < last and ((text[end].isascii() and text[end].isalpha()) or text[end] in _CHUNK_MARKS):
        end += 1
    return start, end


def _shorten(run: str) -> str:
    """Return a letter that is repeated for emphasis once: "diiiie"; twice in l, as in "killlll"."""
    return run[0] * (2 if run[0] in "lo" else 1)


def _join_letters(run: str) -> str | None:
    """Return the words that single letters spell."""
    letters = "".join(filter(str.isalpha, run))
    return _segment(letters) if len(letters) > 2 else None


def _join_halves(halves: str) -> str | None:
    """Return a word that a blank divides: "sui cidal"."""
    word = halves.replace(" ", "")
    return word if word in _TARGETS else None


def _undisguise(chunk: str) -> str | None:
    """Return the word of the vocabulary that a chunk with digits or marks inside stands for."""
    if chunk.replace("-", "").isalpha():
        return None
    body = chunk.rstrip(".!-_~")
    tail = chunk[len(body) :]
    for part in (body, chunk):
        if word := _read_disguise(part):
            return word + (tail if part is body else "")
    return None


def _read_disguise(chunk: str) -> str | None:
    """Return the word or words of the vocabulary that a chunk can be read as."""
    bare = "".join(character for character in chunk if character not in _MASKS)
    options = [_READINGS.get(character, character) for character in bare]
    if sum(len(option) > 1 for option in options) > 4 or not 2 < len(bare) + chunk.count("*") < 25:
        return None
    for letters in map("".join, product(*options)):
        if letters.isalpha() and len(letters) > 2 and (word := _known_word(letters) or _segment(letters)):
            return word
    return _fill_masks(chunk)


def _known_word(letters: str) -> str | None:
    return letters if letters in _TARGETS else _misspellings().get(letters)


def _fill_masks(chunk: str) -> str | None:
    """Return the word that a chunk spells with one letter or two hidden behind marks: "k*ll", "s**cide"."""
    hidden = sum(character in _MASKS for character in chunk)
    if not 0 < hidden <= 3 or hidden * 2 > len(chunk) or not chunk[0].isalpha():
        return None
    pattern = re.compile("".join("[a-z]" if character in _MASKS else re.escape(character) for character in chunk))
    return next((word for word in _MASKED_WORDS if len(word) > 2 and pattern.fullmatch(word)), None)


_MASKED_WORDS = ("suicide", "suicidal", "kill", "killing", "killed", "kills", "die", "dying", "dead", "death", "rape",
                 "raped", "murder", "overdose", "cut", "pills", "kms")  # fmt: skip


def _split_or_correct(word: str) -> str | None:
    """Return the words that are written as one ("killmyself"), or the long word that has a typing error."""
    if word in _TARGETS:
        return None
    corrected = _misspellings().get(word)
    return corrected or (_segment(word) if _GLUED_CORE.search(word) else None)


def _segment(letters: str) -> str | None:
    """Return words of the vocabulary that letters consist of, with a blank between; None where letters are left."""
    best: list[list[str] | None] = [[]] + [None] * len(letters)
    for end in range(1, len(letters) + 1):
        for start in range(max(0, end - 10), end):
            before = best[start]
            word = _ALIASES.get(letters[start:end], letters[start:end])
            current = best[end]
            if before is not None and word in _TARGETS and (current is None or len(before) + 1 < len(current)):
                best[end] = [*before, word]
    words = best[-1]
    return " ".join(words) if words and max(map(len, words)) > 2 else None


@lru_cache(maxsize=1)
def _misspellings() -> dict[str, str]:
    """Return misspelling -> long word, for all spellings within one edit that are no words of their own."""
    misspellings: dict[str, str] = {}
    for word in _LONG_WORDS:
        cuts = [(word[:i], word[i:]) for i in range(1, len(word) + 1)]
        edits = {left + right[1:] for left, right in cuts if right}
        edits |= {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
        edits |= {left + letter + right[1:] for left, right in cuts if right for letter in _LETTERS}
        edits |= {left + letter + right for left, right in cuts for letter in _LETTERS}
        misspellings |= dict.fromkeys(edits - _NEIGHBOURS - _TARGETS, word)
    return misspellings | _ALIASES
