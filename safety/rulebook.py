"""The lexicon and the rules of both languages, read from the files in `rules/`.

A file of rules has sections: `[claim NAME LEVEL KIND]` with patterns that raise a level, and
`[clear NAME EFFECT SCOPE: CLAIMS]` with patterns that take a claim back, in whole (`none`), in part (`concern`) or
because it is about somebody else (`other_person`); `keep` lets it stand whatever clears it. In these patterns `@` is
the claim.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Literal, cast, get_args

from ..contract.safety import SafetyKind, SafetyLevel
from .english_forms import verb_forms
from .english_tokens import tokenize
from .pattern import compile_pattern, required_symbols
from .tagged_text import Lexicon, expand_phrase

Effect = Literal["none", "concern", "other_person", "keep"]
Scope = Literal["sentence", "turn", "dialogue"]
LANGUAGES = ("en", "zh")
_HEADING = re.compile(r"\[((?:claim|echo|story|clear) [^\[\]|]*|[a-z ]+)\]")
_NEEDS: dict[str, Literal["", "risk", "story"]] = {"claim": "", "echo": "risk", "story": "story"}
_NUMBERS = frozenset({"NUM", "FEW"})


@dataclass(frozen=True, slots=True)
class Claim:
    """A pattern that raises a level."""

    name: str
    """Name of its section, by which clearing patterns choose it."""
    level: SafetyLevel
    """The level."""
    kind: SafetyKind
    """What it is about."""
    source: str
    """The pattern that is searched in a sentence."""
    required: tuple[frozenset[str], ...]
    """Words and tags: the sentence holds one of each set."""
    is_chinese: bool
    """Whether it is for Chinese; the others are for English."""
    needs: Literal["", "risk", "story"]
    """Where alone it counts: where the turns before are about danger, or where the person writes a story."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """The pattern as a regular expression."""
        return compile_pattern(self.source)


@dataclass(frozen=True, slots=True)
class Clearing:
    """A pattern that takes claims back."""

    name: str
    """Name of its section: negation, history, fiction."""
    effect: Effect
    """What is left of the claim."""
    scope: Scope
    """Where it is searched: the sentence of the claim, the whole turn, or the person's turns before as well."""
    claims: frozenset[str]
    """Names of the claims that it takes back."""
    source: str
    """The pattern that is searched, with `@` in place of the claim."""
    required: tuple[frozenset[str], ...]
    """Words and tags: where it is searched, one of each set is there."""
    is_chinese: bool
    """Whether it is for Chinese."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """The pattern as a regular expression."""
        return compile_pattern(self.source)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All that the rules know."""

    phrases: Lexicon
    """Phrases of words."""
    compounds: Lexicon
    """Phrases that hold tags of the first lexicon."""
    claims: tuple[Claim, ...]
    """What raises a level."""
    clearings: tuple[Clearing, ...]
    """What takes a claim back."""
    dialogue: dict[str, list[str]]
    """The patterns by which answers and questions are recognised, by name."""
    claims_by_symbol: dict[str, list[int]]
    """Word or tag -> indices of the claims that are looked at where it occurs; under "" those that always are."""
    clearings_by_claim: dict[str, list[Clearing]]
    """Name of a claim -> what takes it back."""

    def claims_about(self, symbols: frozenset[str]) -> list[Claim]:
        """Return the claims whose required words and tags are all among those of a sentence, in the order of the files.

        A sentence is compared with the few claims that one of its words leads to, not with hundreds.
        """
        indices = {index for symbol in ("", *symbols) for index in self.claims_by_symbol.get(symbol, ())}
        claims = (self.claims[index] for index in sorted(indices))
        return [claim for claim in claims if all(not group.isdisjoint(symbols) for group in claim.required)]

    def get_clearings(self, claim: Claim) -> list[Clearing]:
        """Return what may take a claim back, in the order of the files."""
        own = self.clearings_by_claim.get(claim.name, ())
        return [clearing for clearing in own if clearing.is_chinese == claim.is_chinese]


@lru_cache(maxsize=1)
def load_rulebook() -> Rulebook:
    """Return the rules of both languages; they are read once."""
    phrases, compounds = Lexicon(), Lexicon()
    claims: list[Claim] = []
    clearings: list[Clearing] = []
    for language in LANGUAGES:
        _read_lexicon(f"lexicon_{language}.txt", phrases, compounds)
    for name in (f"{part}_{language}.txt" for language in LANGUAGES for part in ("claims", "clearings")):
        for header, pattern in _sections(name):
            try:
                _add_rule(header, pattern, name.endswith("zh.txt"), claims, clearings)
            except ValueError as error:
                raise ValueError(f"{name}: [{header}] {pattern}: {error}") from error
    dialogue: dict[str, list[str]] = {}
    for header, pattern in _sections("dialogue.txt"):
        dialogue.setdefault(header, []).append(_space_characters(pattern))
    by_symbol = _by_rarest_symbols([claim.required for claim in claims])
    by_claim: dict[str, list[Clearing]] = {}
    for clearing in clearings:
        for name in clearing.claims:
            by_claim.setdefault(name, []).append(clearing)
    return Rulebook(phrases, compounds, tuple(claims), tuple(clearings), dialogue, by_symbol, by_claim)


def _by_rarest_symbols(required: list[tuple[frozenset[str], ...]]) -> dict[str, list[int]]:
    """Return symbol -> indices of the rules that need it, each under the one of its sets that fewest rules ask for."""
    counts = Counter(symbol for groups in required for group in groups for symbol in group)
    by_symbol: dict[str, list[int]] = {}
    for index, groups in enumerate(required):
        rarest = min(groups, key=lambda group: sum(counts[symbol] for symbol in group), default=frozenset({""}))
        for symbol in rarest:
            by_symbol.setdefault(symbol, []).append(index)
    return by_symbol


def _lines(name: str) -> Iterator[str]:
    """Yield the lines of a file of the rules without blank ones and comments."""
    for line in files("hef.safety").joinpath("rules", name).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def _read_lexicon(name: str, phrases: Lexicon, compounds: Lexicon) -> None:
    """Add the phrases of a file: a tag on a line of its own, then its phrases, indented."""
    tag = ""
    for line in _lines(name):
        if not line.startswith(" "):
            tag = line.strip()
            continue
        for sequence in expand_phrase(line.strip(), _symbol_options):
            is_compound = any(symbol.isupper() and symbol not in _NUMBERS for symbol in sequence)
            (compounds if is_compound else phrases).add(sequence, tag)


def _symbol_options(part: str) -> list[tuple[str, ...]]:
    """Return the tokens that a word of the lexicon stands for: all forms of `verb+`, the characters of Chinese."""
    if part.endswith("+") and len(part) > 1:
        return [(form,) for form in verb_forms(part[:-1])]
    if part.isascii():
        return [(part,)]
    return [tuple(tokenize(part).symbols)]


def _sections(name: str) -> Iterator[tuple[str, str]]:
    """Yield the header of its section with each pattern of a file."""
    header = ""
    for line in _lines(name):
        if heading := _HEADING.fullmatch(line.strip()):
            header = heading[1]
        else:
            yield header, line.strip()


def _add_rule(header: str, pattern: str, is_chinese: bool, claims: list[Claim], clearings: list[Clearing]) -> None:
    """Add a pattern under the header of its section."""
    head, _, names = header.partition(":")
    what, name, *rest = head.split()
    spaced = _space_characters(pattern)
    required = required_symbols(spaced)
    if what == "clear":
        effect, scope = rest
        if effect not in get_args(Effect) or scope not in get_args(Scope):
            raise ValueError("effect or scope is unknown")
        chosen = frozenset(names.split())
        clearings.append(Clearing(name, cast(Effect, effect), cast(Scope, scope), chosen, spaced, required, is_chinese))
        return
    level, kind = cast("tuple[SafetyLevel, SafetyKind]", rest)
    if level not in get_args(SafetyLevel) or kind not in get_args(SafetyKind):
        raise ValueError("level or kind is unknown")
    claims.append(Claim(name, level, kind, spaced, required, is_chinese, _NEEDS[what]))


def _space_characters(pattern: str) -> str:
    """Return a pattern in which each Chinese character is a word."""
    return re.sub("([\u3400-\u9fff])", r" \1 ", pattern)
