"""The safety of a dialogue: level, kind and the words, read from the person's last turns in their context."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from ..contract import Dialogue, Turn
from ..contract.safety import Safety
from .answers import finding_of_answer, is_about_risk, is_all_clear
from .findings import LEVELS, Finding, find_claims
from .reading import Reading, read_turn

CONTEXT_TURNS = 8
"""Turns before the person's last ones that are read, too."""
MAX_WORDS = 5
"""Quotations of the person that a result holds at most."""
_CHINESE = re.compile("[\u3400-\u9fff]")


def assess(dialogue: Dialogue) -> Safety:
    """Return the safety of a dialogue: of all that the person said since the last reply, in its context.

    Args:
        dialogue: All turns, oldest first; the person is the speaker. One without a word of the person is safe.
    """
    start = _first_of_last_turns(dialogue)
    if start is None:
        return Safety()
    found = [_assess_turn(dialogue, index) for index in range(start, len(dialogue))]
    return max(found, key=lambda safety: LEVELS.index(safety.level))


def _first_of_last_turns(dialogue: Dialogue) -> int | None:
    """Return the index of the first turn that the person said since the last reply; None where there is none."""
    last = next((i for i in reversed(range(len(dialogue))) if dialogue[i].role == "speaker"), None)
    if last is None:
        return None
    while last and dialogue[last - 1].role == "speaker":
        last -= 1
    return last


def _assess_turn(dialogue: Dialogue, index: int) -> Safety:
    """Return the safety of one turn of the person in its context."""
    text = dialogue[index].text
    language = language_of_turn(text)
    findings = _findings(read_turn(text), dialogue[max(0, index - CONTEXT_TURNS) : index])
    if not findings:
        return Safety(language=language)
    gravest = findings[0]
    same = [finding.words for finding in findings if finding.level == gravest.level]
    words = tuple(dict.fromkeys(same))[:MAX_WORDS]
    return Safety(level=gravest.level, kind=gravest.kind, words=words, language=language, turn=index)


def _findings(reading: Reading, before: Sequence[Turn]) -> list[Finding]:
    """Return the findings of a turn, the gravest first."""
    said = [read_turn(turn.text) for turn in before if turn.role == "speaker"]
    replies = [read_turn(turn.text) for turn in before if turn.role == "listener"]
    if before and is_all_clear(reading):
        return []
    earlier = [finding for number, other in enumerate(said) for finding in find_claims(other, said[:number])]
    findings = find_claims(reading, said, is_about_risk=is_about_risk(replies, earlier))
    if before and before[-1].role == "listener" and (answer := finding_of_answer(reading, replies[-1], earlier)):
        findings.append(answer)
    return sorted(findings, key=lambda finding: -LEVELS.index(finding.level))


def language_of_turn(text: str) -> Literal["en", "zh"]:
    """Return the language of a turn: Chinese where it has a Chinese character."""
    return "zh" if _CHINESE.search(text) else "en"
