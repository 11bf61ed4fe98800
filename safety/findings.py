"""What the rules find in a turn: claims that raise a level, less those that the words around take back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..contract.safety import SafetyKind, SafetyLevel
from .rulebook import Claim, Effect, load_rulebook
from .turn_reading import TurnReading

LEVELS: tuple[SafetyLevel, ...] = ("none", "concern", "danger")
"""From harmless to grave."""
MAX_MATCHES = 3
"""Places of a sentence at which one pattern is looked at."""
ENOUGH = 8
"""Findings of danger after which a turn is read no further."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim, and what is left of it."""

    level: SafetyLevel
    """Its level, after what the words around take back; none where they take back all."""
    kind: SafetyKind
    """What it is about."""
    words: str
    """The words as written."""
    claim: str
    """Name of the section of the rules that found it."""


def find_claims(
    reading: TurnReading, before: Sequence[TurnReading] = (), *, is_about_risk: bool = False
) -> list[Finding]:
    """Return the findings of a turn, the gravest first; those that were taken back are left out."""
    return [finding for finding in read_claims(reading, before, is_about_risk=is_about_risk) if finding.level != "none"]


def read_claims(
    reading: TurnReading, before: Sequence[TurnReading] = (), *, is_about_risk: bool = False
) -> list[Finding]:
    """Return the findings of a turn, the gravest first, and last the claims that the words around took back.

    Args:
        reading: The turn.
        before: The person's turns before it, oldest first; a story that they began goes on.
        is_about_risk: Whether the turns before are about danger.
    """
    contexts = {"", "risk"} if is_about_risk else {""}
    if any("FICTION" in sentence.symbols for one in (reading, *before) for sentence in one.sentences):
        contexts.add("story")
    findings: dict[Finding, None] = {}
    seen: set[str] = set()
    for index, sentence in enumerate(reading.sentences):
        if sentence.text in seen:
            continue
        seen.add(sentence.text)
        for claim in load_rulebook().claims_about(sentence.symbols):
            if claim.is_chinese == sentence.is_chinese and claim.needs in contexts:
                findings |= dict.fromkeys(_findings_of_claim(claim, reading, index, before))
        if sum(finding.level == "danger" for finding in findings) >= ENOUGH:
            break
    return sorted(findings, key=lambda finding: -LEVELS.index(finding.level))


def _findings_of_claim(
    claim: Claim, reading: TurnReading, index: int, before: Sequence[TurnReading]
) -> Iterator[Finding]:
    """Yield what is left of a claim at each place of a sentence that it is found at."""
    sentence = reading.sentences[index]
    for number, match in enumerate(claim.pattern.finditer(sentence.text)):
        if number == MAX_MATCHES:
            return
        own = "I:i " if match.group().startswith("I:") else ""
        marked = f"{_before(sentence.text, match.start())}{own}@ {sentence.text[match.end() :]}"
        level, kind = _cleared(claim, marked, reading, index, before)
        if level != "none" or claim.level == "danger":
            yield Finding(level, kind, reading.words(sentence, *match.span()), claim.name)


def _before(text: str, start: int) -> str:
    """Return what stands before a claim; where it begins within a phrase, the rest of that phrase with its tag."""
    before, _, phrase = text[:start].rpartition(" ")
    tag, _, words = phrase.partition(":")
    rest = f"{tag}:{words.rstrip('_')} " if words else ""
    return f"{before} {rest}" if before else rest


def _cleared(
    claim: Claim, marked: str, reading: TurnReading, index: int, before: Sequence[TurnReading]
) -> tuple[SafetyLevel, SafetyKind]:
    """Return the level and the kind that the words around leave to a claim."""
    scopes = {
        "sentence": (marked, reading.sentences[index].symbols),
        "turn": (reading.text_with(index, marked), reading.symbols),
    }
    scopes["dialogue"] = (
        "".join([*(other.text for other in before), scopes["turn"][0]]),
        reading.symbols.union(*(other.symbols for other in before)),
    )
    effects: set[Effect] = set()
    for clearing in load_rulebook().get_clearings(claim):
        text, symbols = scopes[clearing.scope]
        if all(not group.isdisjoint(symbols) for group in clearing.required) and clearing.pattern.search(text):
            effects.add(clearing.effect)
    if "keep" in effects or not effects:
        return claim.level, claim.kind
    if "none" in effects:
        return "none", ""
    return "concern", "other_person" if "other_person" in effects else claim.kind
