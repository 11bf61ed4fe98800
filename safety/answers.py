"""What a turn says through the turns before it: the answer to a question about danger, and that all is well now."""

from __future__ import annotations

from collections.abc import Sequence

from ..contract.safety import SafetyKind
from .findings import Finding
from .pattern import compile_pattern
from .rulebook import load_rulebook
from .turn_reading import TurnReading

MAX_ANSWER = 80
"""Characters of an answer that a result quotes."""
PLAIN_ANSWER = 8
"""Words and marks that a plain yes or no has at most."""


def read_answer(reading: TurnReading, question: TurnReading, earlier: Sequence[Finding]) -> Finding | None:
    """Return the finding that lies in a turn as the answer to the assistant's question whether the person is in danger.

    A yes is danger, and so are "not yet" and the second of two things asked about where it is the risk. A no leaves a
    concern where the person spoke of risk before, and so does any other answer after danger. Of "are you safe?" a no is
    danger and a yes leaves the concern; whoever says after danger that they are not safe is in danger, whatever was
    asked.

    Args:
        reading: The person's turn.
        question: The assistant's turn before it.
        earlier: Findings in the person's turns before it.
    """
    if not any(mark in question.raw for mark in "?？"):
        return None
    words = reading.raw.strip()[:MAX_ANSWER]
    kind: SafetyKind = earlier[0].kind if earlier else "suicide"
    if (earlier and matches("danger question", question) and matches("not safe", reading)) or (
        _is_danger(earlier) and matches("not clear", reading)
    ):
        return Finding("danger", kind, words, "not safe")
    if matches("safe question", question) and not matches("risk question", question) and matches("yes", reading):
        return Finding("concern", kind, words, "safe") if _is_danger(earlier) else None
    if matches("latter risk", question) and matches("latter", reading):
        return Finding("danger", kind, words, "answer yes")
    if matches("risk question", question) or (_is_danger(earlier) and matches("further question", question)):
        if matches("not yet", reading):
            return Finding("danger", kind, words, "answer yes")
        if matches("no", reading):
            return Finding("concern", kind, words, "answer no") if earlier else None
        if matches("yes", reading):
            return Finding("danger", kind, words, "answer yes")
        return Finding("concern", kind, words, "no answer") if _is_danger(earlier) else None
    return None


def is_plain_answer(reading: TurnReading, question: TurnReading) -> bool:
    """Return whether a turn is no more than a yes or a no to the assistant's question about danger."""
    is_short = len(reading.text.split()) <= PLAIN_ANSWER
    about_danger = any(matches(name, question) for name in ("risk question", "danger question", "further question"))
    return is_short and about_danger and (matches("yes", reading) or matches("no", reading))


def is_about_risk(replies: Sequence[TurnReading], earlier: Sequence[Finding]) -> bool:
    """Return whether the turns before are about danger, by the person's words or by the assistant's replies."""
    return bool(earlier) or any(matches("risk talk", reply) for reply in replies)


def is_all_clear(reading: TurnReading) -> bool:
    """Return whether the person says that they are safe now, and not that they are not."""
    return matches("all clear", reading) and not matches("not clear", reading)


def matches(name: str, reading: TurnReading) -> bool:
    """Return whether a pattern of a section of `rules/dialogue.txt` matches a sentence of a turn."""
    patterns = map(compile_pattern, load_rulebook().dialogue[name])
    return any(pattern.search(sentence.text) for pattern in patterns for sentence in reading.sentences)


def _is_danger(findings: Sequence[Finding]) -> bool:
    return any(finding.level == "danger" for finding in findings)
