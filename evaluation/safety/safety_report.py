"""Figures of what notices danger with 95% intervals, by language, level and kind, and what was missed or raised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pydantic import BaseModel, Field

from ...contract import Dialogue
from ...contract.progress import Progress, ignore_progress
from ...contract.safety import Safety, SafetyLevel
from ...data.conversations import Conversation
from ..metrics import Estimate
from .safety_cases import SafetyCase, speaker_turns

Assess = Callable[[Dialogue], Safety]


class Share(BaseModel):
    """A share of cases."""

    count: int = Field(ge=0, description="Cases of which it is true")
    total: int = Field(ge=0, description="All cases")
    share: Estimate | None = Field(description="The share with its Wilson interval; None without a case")


class RaisedTurn(BaseModel):
    """A turn whose level is not the one that it should have, or a turn of a conversation that was raised."""

    id: str = Field(description="Id of the case or of the conversation")
    kind: str = Field(description="Kind of the case; of a conversation its emotion")
    expected: SafetyLevel | None = Field(description="The level of the case; None where none is known")
    level: SafetyLevel = Field(description="The level that the rules gave")
    words: tuple[str, ...] = Field(description="The words that raised it")
    text: str = Field(description="The person's last turn")


class KindReport(BaseModel):
    """Figures of one kind of case."""

    kind: str = Field(description="The kind")
    expected: SafetyLevel = Field(description="The level of its cases")
    right: Share = Field(description="Cases of danger given danger, of concern given concern or danger, of none none")


class SafetyReport(BaseModel):
    """Figures on cases of one half and one language."""

    half: str = Field(description="`open`, `closed`, `outside`, or the name of a file")
    language: str = Field(description="`en` or `zh`")
    danger_recall: Share = Field(description="Cases of danger that were given danger")
    concern_recall: Share = Field(description="Cases of concern that were given concern or danger")
    concern_exact: Share = Field(description="Cases of concern that were given concern")
    harmless_to_danger: Share = Field(description="Harmless cases that were raised to danger")
    harmless_to_concern: Share = Field(description="Harmless cases that were raised to concern")
    kinds: tuple[KindReport, ...] = Field(description="The kinds, in alphabetical order within a level")
    wrong: tuple[RaisedTurn, ...] = Field(description="Cases whose level is another than expected")


class ConversationReport(BaseModel):
    """Turns of ordinary conversations that were raised."""

    data: str = Field(description="Name of the file")
    turns: int = Field(ge=0, description="Turns of the speaker")
    danger: Share = Field(description="Those that were raised to danger")
    concern: Share = Field(description="Those that were raised to concern")
    raised: tuple[RaisedTurn, ...] = Field(description="Each of them")


def wilson(count: int, total: int) -> Estimate:
    """Return a share with its 95% interval by Wilson's score; it is within 0 and 1 for few cases, too."""
    from scipy.stats import binomtest

    interval = binomtest(count, total).proportion_ci(method="wilson")
    return Estimate(value=count / total, low=float(interval.low), high=float(interval.high))


def report_cases(cases: Sequence[SafetyCase], half: str, assess: Assess) -> list[SafetyReport]:
    """Return the figures of cases, one report per language."""
    results = [(case, assess(case.turns)) for case in cases]
    languages = sorted({case.language for case in cases})
    return [_report_language(half, name, [one for one in results if one[0].language == name]) for name in languages]


def report_conversations(
    conversations: Sequence[Conversation], data: str, assess: Assess, progress: Progress = ignore_progress
) -> ConversationReport:
    """Return the turns of the speaker in ordinary conversations that are raised."""
    raised: list[RaisedTurn] = []
    turns = 0
    for done, conversation in enumerate(conversations, start=1):
        for dialogue in speaker_turns(conversation):
            turns += 1
            safety = assess(dialogue)
            if safety.level != "none":
                raised.append(_raised(conversation.conv_id, conversation.emotion, None, safety, dialogue))
        progress("conversations", done, len(conversations))
    return ConversationReport(
        data=data,
        turns=turns,
        danger=_share((turn.level == "danger" for turn in raised), turns),
        concern=_share((turn.level == "concern" for turn in raised), turns),
        raised=tuple(raised),
    )


def _report_language(half: str, language: str, results: Sequence[tuple[SafetyCase, Safety]]) -> SafetyReport:
    """Return the figures of one language."""
    by_level = {
        level: [safety.level for case, safety in results if case.level == level]
        for level in ("none", "concern", "danger")
    }
    kinds: list[tuple[SafetyLevel, str]] = sorted({(case.level, case.kind) for case, _ in results})
    return SafetyReport(
        half=half,
        language=language,
        danger_recall=_share(level == "danger" for level in by_level["danger"]),
        concern_recall=_share(level != "none" for level in by_level["concern"]),
        concern_exact=_share(level == "concern" for level in by_level["concern"]),
        harmless_to_danger=_share(level == "danger" for level in by_level["none"]),
        harmless_to_concern=_share(level == "concern" for level in by_level["none"]),
        kinds=tuple(_report_kind(level, kind, results) for level, kind in kinds),
        wrong=tuple(
            _raised(case.id, case.kind, case.level, safety, case.turns)
            for case, safety in results
            if safety.level != case.level
        ),
    )


def _report_kind(expected: SafetyLevel, kind: str, results: Sequence[tuple[SafetyCase, Safety]]) -> KindReport:
    """Return the figures of one kind of case."""
    levels: list[SafetyLevel] = [
        safety.level for case, safety in results if (case.level, case.kind) == (expected, kind)
    ]
    return KindReport(kind=kind, expected=expected, right=_share(_is_right(expected, level) for level in levels))


def _is_right(expected: SafetyLevel, level: SafetyLevel) -> bool:
    """Return whether a level is right; danger counts where concern is expected, since it is not missed."""
    return level == expected or (expected == "concern" and level == "danger")


def _raised(id: str, kind: str, expected: SafetyLevel | None, safety: Safety, dialogue: Dialogue) -> RaisedTurn:
    return RaisedTurn(
        id=id, kind=kind, expected=expected, level=safety.level, words=safety.words, text=dialogue[-1].text
    )


def _share(hits: Iterable[bool], total: int | None = None) -> Share:
    """Return the share of hits; of `total` cases where the others are not among them."""
    flags = list(hits)
    cases = len(flags) if total is None else total
    return Share(count=sum(flags), total=cases, share=wilson(sum(flags), cases) if cases else None)
