"""What was understood in one turn as HTML: emotion, the LLM's opinion, cause words, what was recalled and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..page_words import WORDS, PageWords
from ..turn_words import emotion_name, llm_opinion, nothing_read
from .memory_view import MemoryList, memory_html
from .safe_html import escaped

if TYPE_CHECKING:
    from ...contract import Empathy, Reading
    from ...contract.dialogue import TextLanguage
    from ..page_turns import PageTurn

SHOWN_EMOTIONS = 5
"""Emotions that are named; the rest is one line."""
_QUOTED = 80
"""Characters of the person's message that are quoted above what was understood of it."""


def understanding_html(turn: PageTurn | None, memories: MemoryList, language: TextLanguage) -> str:
    """Return what was understood in a turn.

    Args:
        turn: The turn; None where nothing was said.
        memories: What is being done with what is remembered, for the buttons of recalled turns.
        language: Language of the page.
    """
    words = WORDS[language]
    if turn is None:
        return f'<p class="hef-note">{words.nothing_yet}</p>'
    quote = turn.text if len(turn.text) <= _QUOTED else f"{turn.text[:_QUOTED]}…"
    head = (
        f'<p class="hef-quote"><span class="hef-sr">{words.of_message}: </span><q dir="auto">{escaped(quote)}</q></p>'
    )
    if turn.understanding is None:
        return f'{head}<p class="hef-note">{words.not_here}</p>'
    empathy = turn.understanding.empathy
    if empathy.safety.level == "danger":
        return head + _safety_html(empathy, words) + _left_out_html(empathy, words)
    if turn.understanding.is_from_memory:
        causes = words.comma.join(cause.text for cause in empathy.causes)
        return "".join(
            [
                head,
                _section(words.emotion, _emotion_html(empathy, words, language)),
                _section(words.causes, f"<p>{escaped(causes)}</p>" if causes else ""),
                f'<p class="hef-note">{words.from_memory}</p>',
            ]
        )
    return "".join(
        [
            head,
            _safety_html(empathy, words),
            _section(words.emotion, _emotion_html(empathy, words, language)),
            _section(words.thought, _opinion_html(empathy, turn.understanding.readings, words, language)),
            _section(words.causes, _causes_html(empathy, turn.index, words)) if not empathy.uncertain else "",
            _section(words.recalled, _recalled_html(turn, memories, words, language)),
            _left_out_html(empathy, words),
        ]
    )


def share_html(name: str, share: float, note: str = "", css: str = "") -> str:
    """Return one line of a list: a name, a bar that is drawn beside it, and the share as a number."""
    number = "&lt; 1%" if 0 < share < 0.005 else f"{share:.0%}"
    extra = f' <span class="hef-tag">{note}</span>' if note else ""
    return (
        f'<li class="hef-share {css}"><span class="hef-share-name">{escaped(name)}{extra}</span>'
        f'<span class="hef-bar" aria-hidden="true"><span style="width:{min(1.0, share):.1%}"></span></span>'
        f'<span class="hef-share-number">{number}</span></li>'
    )


def _section(title: str, content: str) -> str:
    return f'<section class="hef-section"><h3>{title}</h3>{content}</section>' if content else ""


def _emotion_html(empathy: Empathy, words: PageWords, language: TextLanguage) -> str:
    if nothing := nothing_read(empathy, language):
        return f"<p>{escaped(nothing)}</p>"
    ranked = sorted(empathy.distribution, key=lambda label: (-empathy.distribution[label], label))
    lines = []
    for label in ranked[:SHOWN_EMOTIONS]:
        is_decided = label == empathy.emotion
        note = words.decided if is_decided else words.primary if label in empathy.primary else ""
        css = "hef-decided" if is_decided else ""
        lines.append(share_html(emotion_name(label, language), empathy.distribution[label], note, css))
    if rest := ranked[SHOWN_EMOTIONS:]:
        lines.append(share_html(words.others, sum(empathy.distribution[label] for label in rest), css="hef-rest"))
    return f'<ol class="hef-shares">{"".join(lines)}</ol>'


def _opinion_html(empathy: Empathy, readings: Sequence[Reading], words: PageWords, language: TextLanguage) -> str:
    opinion = llm_opinion(empathy, language)
    lines = [f"<p>{escaped(opinion[:1].upper() + opinion[1:])}{'。' if language == 'zh' else '.'}</p>"]
    for reading in readings:
        if (evidence := reading.evidence) is None:
            continue
        sentences = [
            words.asked_again.format(
                probability=f"{evidence.probability:.0%}",
                label=emotion_name(evidence.hypothesis, language),
                rank=evidence.rank,
            )
        ]
        if evidence.words_for:
            sentences.append(words.words_for.format(words=words.comma.join(evidence.words_for)))
        if evidence.words_against:
            sentences.append(words.words_against.format(words=words.comma.join(evidence.words_against)))
        lines.append(f"<p>{escaped(' '.join(sentences))}</p>")
    return "".join(lines)


def _causes_html(empathy: Empathy, index: int, words: PageWords) -> str:
    if not empathy.causes:
        return f"<p>{words.no_causes}</p>"
    lines = [
        share_html(cause.text, cause.weight, "" if cause.turn == index else words.cause_before)
        for cause in empathy.causes
    ]
    return f'<ol class="hef-shares">{"".join(lines)}</ol><p class="hef-note">{words.causes_info}</p>'


def _recalled_html(turn: PageTurn, memories: MemoryList, words: PageWords, language: TextLanguage) -> str:
    recalled = turn.understanding.memories if turn.understanding else ()
    shown = [memory for memory in recalled if memory.id not in memories.deleted]
    if not shown:
        return f"<p>{words.recalled_none}</p>"
    items = [memory_html(memories.newest(memory), memories, language, with_reasons=True) for memory in shown]
    return f'<ul class="hef-memories">{"".join(items)}</ul>'


def _safety_html(empathy: Empathy, words: PageWords) -> str:
    safety = empathy.safety
    if safety.level == "none":
        return ""
    level = words.level_danger if safety.level == "danger" else words.level_concern
    quotes = words.comma.join(f"“{text}”" for text in safety.words)
    quoted = f"<p>{escaped(words.said_words.format(words=quotes))}</p>" if safety.words else ""
    return f'<section class="hef-section hef-safety"><h3>{words.safety}</h3><p>{level}</p>{quoted}</section>'


def _left_out_html(empathy: Empathy, words: PageWords) -> str:
    return _section(words.left_out, f"<p>{escaped(empathy.degraded)}</p>") if empathy.degraded else ""
