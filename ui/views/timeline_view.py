"""What was felt over time as HTML: a bar per period whose parts are named, and the same as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..page_words import WORDS
from ..turn_words import emotion_name
from .safe_html import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...contract.dialogue import TextLanguage
    from ...memory import Period, PeriodName

SHOWN_EMOTIONS = 4
"""Emotions of a period that are drawn by name; the rest is one part."""
NAMED_FROM = 0.17
"""Share from which on a part of a bar is wide enough for its name."""


def timeline_html(periods: Sequence[Period], period: PeriodName, language: TextLanguage) -> str:
    """Return the periods, newest first.

    Args:
        periods: What was felt in each, oldest first.
        period: How long each is.
        language: Language of the page.
    """
    words = WORDS[language]
    if not periods:
        return f'<p class="hef-note">{words.timeline_none}</p>'
    newest_first = list(reversed(periods))
    info = words.timeline_info.format(period=getattr(words, period))
    bars = "".join(_period_html(each, language) for each in newest_first)
    rows = "".join(
        f'<tr><th scope="row">{escaped(each.name)}</th><td>{each.turns}</td>'
        f"<td>{escaped(_shares(each, language))}</td></tr>"
        for each in newest_first
    )
    table = (
        f'<details class="hef-table"><summary>{words.timeline_table}</summary><table><thead><tr>'
        f'<th scope="col">{words.period}</th><th scope="col">{words.turns}</th><th scope="col">{words.emotion}</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></details>"
    )
    return f'<p class="hef-note">{info}</p><div class="hef-timeline">{bars}</div>{table}'


def _period_html(period: Period, language: TextLanguage) -> str:
    shares = dict(list(period.emotions.items())[:SHOWN_EMOTIONS])
    rest = sum(period.emotions.values()) - sum(shares.values())
    parts = [(emotion_name(label, language), share) for label, share in shares.items()]
    parts += [(WORDS[language].others, rest)] if rest > 0.005 else []
    segments = "".join(
        f'<span class="hef-part hef-part-{number}" style="flex-grow:{share:.4f}" title="{escaped(name)} {share:.0%}">'
        f"{escaped(name) if share >= NAMED_FROM else ''}</span>"
        for number, (name, share) in enumerate(parts)
    )
    label = escaped(f"{period.name}: {_shares(period, language)}")
    return (
        f'<div class="hef-period"><span class="hef-period-name" aria-hidden="true">{escaped(period.name)}</span>'
        f'<div class="hef-parts" role="img" aria-label="{label}">{segments}</div></div>'
    )


def _shares(period: Period, language: TextLanguage) -> str:
    return WORDS[language].comma.join(
        f"{emotion_name(label, language)} {share:.0%}" for label, share in period.emotions.items() if share >= 0.005
    )
