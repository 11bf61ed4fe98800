"""The safety of a dialogue: level, kind and the words, read from the person's last turns in their context."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..contract import Dialogue, Turn
from ..contract.chinese.simplified import is_traditional
from ..contract.dialogue import turn_language
from ..contract.safety import Safety, SafetyLevel
from .answers import is_about_risk, is_all_clear, is_plain_answer, read_answer
from .findings import LEVELS, Finding, find_claims, read_claims
from .risk_features import RiskEvidence
from .risk_head import read_risk
from .risk_model import Risk
from .turn_reading import TurnReading, read_turn

AssessTurn: TypeAlias = Callable[[Dialogue, int, bool], Safety]
CONTEXT_TURNS = 8
"""Turns before the person's last ones that are read, too."""
_WRITTEN = 2000
"""Characters of the person's last words by which simplified and traditional text are told apart."""
NEWEST = 8
"""Messages in a row that the network reads, and that are also read as one, at most."""
MAX_JOINED = 400
"""Characters of messages that are read as one, at most."""
_BREAKS = re.compile(r"[\x00-\x1f\x7f]+")
MAX_WORDS = 5
"""Quotations of the person that a result holds at most."""
UNDERSTOOD_SENTENCES = 2
"""Sentences of a turn at most in which a claim that was taken back says what the turn means."""
LONE_WORDS = 2
"""Words and marks that a turn has at most which means nothing without the talk that it is said in."""


def assess(dialogue: Dialogue) -> Safety:
    """Return the safety of a dialogue: of all that the person said since the last reply, in its context.

    Args:
        dialogue: All turns, oldest first; the person is the speaker. One without a word of the person is safe.
    """
    return _gravest(dialogue, _assess_turn)


def assess_by_rules(dialogue: Dialogue) -> Safety:
    """Return what the rules alone find in a dialogue, read as `assess` reads it."""
    return _gravest(dialogue, _assess_turn_by_rules)


def assess_by_models(dialogue: Dialogue) -> Safety:
    """Return what the models alone find in a dialogue, read as `assess` reads it; they know the claims of the rules."""
    return _gravest(dialogue, _assess_turn_by_models)


def _gravest(dialogue: Dialogue, assess_turn: AssessTurn) -> Safety:
    """Return the gravest of what is found in the messages that the person sent since the last reply, and in all as one.

    Args:
        dialogue: All turns, oldest first.
        assess_turn: Takes turns, the index of one, and whether it is among the newest.
    """
    spoken = last_messages(dialogue)
    if not spoken:
        return Safety()
    start, last = spoken[0], spoken[-1]
    findings = [assess_turn(dialogue, index, index > last - NEWEST) for index in spoken]
    if joined := _joined(dialogue[start : last + 1]):
        finding = assess_turn((*dialogue[:start], joined), start, True)
        findings.append(finding if finding.turn is None else finding.model_copy(update={"turn": last}))
    return max(findings, key=lambda safety: LEVELS.index(safety.level))


def writing(dialogue: Dialogue) -> dict[str, Any]:
    """Return the language of the person's last turn and its characters, as fields of a `Safety`."""
    language = turn_language(None, dialogue)
    spoken = "".join(turn.text for turn in dialogue if turn.role == "speaker")
    return {"language": language, "traditional": language == "zh" and is_traditional(spoken[-_WRITTEN:])}


def _joined(turns: Sequence[Turn]) -> Turn | None:
    """Return what was said in several short messages, or in several lines, as one; None where it is one already."""
    text = " ".join(_BREAKS.sub(" ", turn.text) for turn in turns[-NEWEST:])
    is_one = len(turns) == 1 and text == turns[0].text
    return None if is_one or len(text) > MAX_JOINED else Turn("speaker", text)


def last_messages(dialogue: Dialogue) -> range:
    """Return the indices of the turns that the person said since the last reply; none where there is none."""
    last = next((i for i in reversed(range(len(dialogue))) if dialogue[i].role == "speaker"), -1)
    start = last
    while start > 0 and dialogue[start - 1].role == "speaker":
        start -= 1
    return range(max(start, 0), last + 1)


def _assess_turn(dialogue: Dialogue, index: int, is_newest: bool) -> Safety:
    """Return the safety of one turn of the person in its context: what the rules found, or more by the models.

    Danger that rules claim is a concern where the models doubt it (`is_doubted`).
    """
    rules = read_rules(dialogue, index)
    by_rules = _finding(rules, dialogue, index)
    if rules.is_settled:
        return by_rules
    risk = _read_models(rules, dialogue, index, is_newest)
    if is_doubted(rules, risk):
        return by_rules.model_copy(update={"level": "concern"})
    by_models = _finding_of_models(risk, rules, dialogue, index)
    return max(by_rules, by_models, key=lambda safety: LEVELS.index(safety.level))


def is_doubted(rules: RuleResult, risk: Risk) -> bool:
    """Return whether danger that rules claim is a concern: the models see none, and none was claimed before."""
    is_after_danger = any(finding.level == "danger" for finding in rules.evidence.earlier)
    return rules.level == "danger" and risk.is_harmless and not is_after_danger


def _assess_turn_by_models(dialogue: Dialogue, index: int, is_newest: bool) -> Safety:
    rules = read_rules(dialogue, index)
    return _finding_of_models(_read_models(rules, dialogue, index, is_newest), rules, dialogue, index)


def _read_models(rules: RuleResult, dialogue: Dialogue, index: int, is_newest: bool) -> Risk:
    """Return what the models read in a turn that the rules have read."""
    return read_risk(rules.evidence, dialogue[: index + 1] if is_newest and not rules.is_understood else ())


def _finding_of_models(risk: Risk, rules: RuleResult, dialogue: Dialogue, index: int) -> Safety:
    """Return what the models found in a turn."""
    how_written = writing(dialogue[: index + 1])
    if risk.level == "none":
        return Safety(**how_written)
    words = tuple(words for sentence in risk.sentences if (words := rules.evidence.reading.quote(sentence)))
    return Safety(level=risk.level, kind=risk.kind, words=words[:MAX_WORDS], turn=index, **how_written)


def _assess_turn_by_rules(dialogue: Dialogue, index: int, _: bool) -> Safety:
    return _finding(read_rules(dialogue, index), dialogue, index)


def _finding(rules: RuleResult, dialogue: Dialogue, index: int) -> Safety:
    """Return what the rules found in a turn."""
    how_written = writing(dialogue[: index + 1])
    if rules.level == "none":
        return Safety(**how_written)
    findings = rules.evidence.findings
    same = [finding.words for finding in findings if finding.level == rules.level]
    words = tuple(dict.fromkeys(same))[:MAX_WORDS]
    return Safety(level=rules.level, kind=findings[0].kind, words=words, turn=index, **how_written)


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What the rules make of a turn."""

    evidence: RiskEvidence
    """The turn and what the rules found in and before it."""
    is_settled: bool = False
    """Whether they alone know what it means: that the person is safe now, an answer about danger, or a word or two."""

    is_understood: bool = False
    """Whether they know better than the network: a negation, a story or an idiom takes a claim of danger back, or the
    turn is a word or two that answers a question in talk about danger."""

    @property
    def level(self) -> SafetyLevel:
        """The level of the gravest finding."""
        return self.evidence.findings[0].level if self.evidence.findings else "none"


def read_rules(dialogue: Dialogue, index: int) -> RuleResult:
    """Return what the rules make of a turn of the person."""
    reading = read_turn(dialogue[index].text)
    before = dialogue[max(0, index - CONTEXT_TURNS) : index]
    spoken, replies, earlier = _read_before(before)
    question = replies[-1] if before and before[-1].role == "listener" else None
    if before and is_all_clear(reading):
        return RuleResult(RiskEvidence(reading, question=question), is_settled=True)
    about_risk = is_about_risk(replies, earlier)
    claims = read_claims(reading, spoken, is_about_risk=about_risk)
    findings = [claim for claim in claims if claim.level != "none"]
    answer = read_answer(reading, question, earlier) if question else None
    findings = sorted([*findings, *filter(None, [answer])], key=lambda finding: -LEVELS.index(finding.level))
    is_answer = question is not None and (answer is not None or is_plain_answer(reading, question))
    is_settled = is_answer or (not about_risk and len(reading.text.split()) <= LONE_WORDS)
    words = len(reading.text.split())
    is_understood = (len(findings) < len(claims) and len(reading.sentences) <= UNDERSTOOD_SENTENCES) or (
        about_risk and question is not None and words <= LONE_WORDS
    )
    evidence = RiskEvidence(reading, tuple(findings), question, tuple(earlier))
    return RuleResult(evidence, is_settled=is_settled, is_understood=is_understood)


def _read_before(before: Dialogue) -> tuple[list[TurnReading], list[TurnReading], list[Finding]]:
    """Return the person's turns, the assistant's, and what was found in the person's, their answers included."""
    spoken: list[TurnReading] = []
    replies: list[TurnReading] = []
    earlier: list[Finding] = []
    for number, turn in enumerate(before):
        reading = read_turn(turn.text)
        if turn.role == "listener":
            replies.append(reading)
            continue
        findings = find_claims(reading, spoken)
        if number and before[number - 1].role == "listener" and (answer := read_answer(reading, replies[-1], earlier)):
            findings.append(answer)
        earlier += findings
        spoken.append(reading)
    return spoken, replies, earlier
