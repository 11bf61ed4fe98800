"""What the rules find in a turn: claims that raise a level, less those that the words around take back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..contract.safety import SafetyKind, SafetyLevel
from .reading import Reading
from .rulebook import Claim, Effect, load_rulebook
from .tagged_text import Sentence

LEVELS: tuple[SafetyLevel, ...] = ("none", "concern", "danger")
"""From harmless to grave."""
MAX_MATCHES = 4
"""Places of a sentence at which one pattern is looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim that stands."""

    level: SafetyLevel
    """Its level, after what the words around take back."""
    kind: SafetyKind
    """What it is about."""
    words: str
    """The words as written."""
    claim: str
    """Name of the section of the rules that found it."""


def find_claims(reading: Reading, before: Sequence[Reading] = (), *, is_about_risk: bool = False) -> list[Finding]:
    """Return the findings of a turn, the gravest first.

    Args:
        reading: The turn.
        before: The person's turns before it, oldest first; a story that they began goes on.
        is_about_risk: Whether the turns before are about danger.
    """
    contexts = {"", "risk"} if is_about_risk else {""}
    if any("FICTION" in sentence.symbols for one in (reading, *before) for sentence in one.sentences):
        contexts.add("story")
    findings = [
        finding
        for index, sentence in enumerate(reading.sentences)
        for claim in load_rulebook().claims
        if claim.is_chinese == sentence.is_chinese and claim.tags <= sentence.symbols and claim.needs in contexts
        for finding in _findings_of_claim(claim, reading, index, sentence, before)
    ]
    return sorted(dict.fromkeys(findings), key=lambda finding: -LEVELS.index(finding.level))


def _findings_of_claim(
    claim: Claim, reading: Reading, index: int, sentence: Sentence, before: Sequence[Reading]
) -> Iterator[Finding]:
    """Yield what is left of a claim at each place of a sentence that it is found at."""
    for number, match in enumerate(claim.pattern.finditer(sentence.text)):
        if number == MAX_MATCHES:
            return
        own = "I:i " if match.group().startswith("I:") else ""
        marked = f"{sentence.text[: match.start()]}{own}@ {sentence.text[match.end() :]}"
        level, kind = _cleared(claim, marked, reading, index, before)
        if level != "none":
            yield Finding(level, kind, reading.words(sentence, *match.span()), claim.name)


def _cleared(
    claim: Claim, marked: str, reading: Reading, index: int, before: Sequence[Reading]
) -> tuple[SafetyLevel, SafetyKind]:
    """Return the level and the kind that the words around leave to a claim."""
    turn = "".join(marked if i == index else sentence.text for i, sentence in enumerate(reading.sentences))
    texts = {"sentence": marked, "turn": turn, "dialogue": _dialogue_text(turn, before)}
    effects: set[Effect] = {
        clearing.effect
        for clearing in load_rulebook().clearings
        if claim.name in clearing.claims
        and clearing.is_chinese == claim.is_chinese
        and clearing.pattern.search(texts[clearing.scope])
    }
    if "keep" in effects or not effects:
        return claim.level, claim.kind
    if "none" in effects:
        return "none", ""
    return "concern", "other_person" if "other_person" in effects else claim.kind


def _dialogue_text(turn: str, before: Sequence[Reading]) -> str:
    """Return the turns before and a turn as one text."""
    return "".join([*(sentence.text for reading in before for sentence in reading.sentences), turn])
