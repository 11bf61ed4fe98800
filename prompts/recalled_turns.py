"""The lines about past turns in a note: what the person said, when, how they felt, and what was answered."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from ..contract import Memory
from ..contract.dialogue import TextLanguage
from .excerpt import excerpt
from .fence import MAX_QUOTED_CHARACTERS, label_text, quoted

CHARACTERS_PER_TOKEN = 4
"""On average; which model will read a line is not known where it is counted."""
MAX_REPLY_CHARACTERS = 200
"""Characters of a past reply in a note."""


MAX_EXCERPT_CHARACTERS = 1200
"""Characters of a past turn in a note, where there is room for so many."""
_AROUND = 75
"""Characters that stand around what is quoted of a turn."""
MAX_NAME_CHARACTERS = 64
"""Characters of the name of who said a past turn."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """What is said about past turns, in one language."""

    on: str
    """When it was said."""
    earlier: str
    """The same where the day is not known."""
    later: str
    """The same of a turn of the day that was named last."""
    unnamed: str
    """Before the words, where nobody is named."""
    named: str
    """The same where somebody is."""
    felt: str
    answered: str
    they: str
    wished: str
    """Where they asked for something that holds on."""
    today: str
    yesterday: str
    ago: str
    units: tuple[str, str, str, str]
    """Days, weeks, months, years."""
    weekdays: tuple[str, ...]
    """From Monday on: "next Wednesday" in a past turn means nothing without them."""


PHRASES: Mapping[TextLanguage, Phrases] = {
    "en": Phrases(
        on="On {weekday}, {day} ({ago})",
        earlier="Earlier",
        later="Later that day",
        unnamed=" they said: ",
        named=" {name} said: ",
        felt=" (felt {label})",
        answered="; you answered: ",
        they="they",
        wished=' {who} asked of you: "{wish}" (keep to it as if they asked it now, without a word about it, unless '
        "they took it back later)",
        today="today",
        yesterday="yesterday",
        ago="{count} {unit} ago",
        units=("days", "weeks", "months", "years"),
        weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    ),
    "zh": Phrases(
        on="{day} {weekday}（{ago}）",
        earlier="以前",
        later="同一天后来",
        unnamed="对方说：",
        named="{name}说：",
        felt="（当时感到{label}）",
        answered="；你回答：",
        they="对方",
        wished="{who}请你：“{wish}”（就像对方现在这样说一样照做，不必提起，除非对方后来收回了）",
        today="今天",
        yesterday="昨天",
        ago="{count}{unit}前",
        units=("天", "周", "个月", "年"),
        weekdays=("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
    ),
}


def recalled_lines(
    memories: Sequence[Memory],
    budget: int,
    now: float | None = None,
    *,
    query: str = "",
    language: TextLanguage = "en",
    names: Mapping[str, str] | None = None,
) -> str:
    """Return a line for each past turn: what they ask for from then on, then what they told, in the order of time.

    What was answered is told while the budget lasts, of the most relevant turns first. Of a turn that is too long that
    part is quoted which bears most on what was said last; the longer, the more of the budget is left.

    Args:
        memories: Past turns, the most relevant first; their words fit the budget (`recall`).
        budget: Tokens of all lines, counted as four characters each.
        now: Unix time in seconds; by default the present.
        query: What the person said last.
        language: Language of what is said about them.
        names: What emotions are called in it.
    """
    phrases = PHRASES[language]
    today = local_day(time.time() if now is None else now) or date.today()
    limit = _quoted_characters(memories, budget * CHARACTERS_PER_TOKEN)
    in_time = sorted(range(len(memories)), key=lambda index: (not is_wish(memories[index]), memories[index].time))
    lines: dict[int, str] = {}
    before: tuple[bool, str] | None = None
    for index in in_time:
        memory = memories[index]
        day = _when(memory, today, phrases)
        when = phrases.later if before == (False, day) != (False, phrases.earlier) else day
        before = is_wish(memory), day
        lines[index] = when + _quoted_turn(memory, phrases, names or {}, query, limit)
    remaining = budget * CHARACTERS_PER_TOKEN
    remaining -= sum(len(line) for index, line in lines.items() if not is_wish(memories[index]))
    for index, memory in enumerate(memories):
        answer = _answer(memory, phrases)
        if answer and len(answer) <= remaining:
            lines[index] += answer
            remaining -= len(answer)
    return "\n".join(lines[index] for index in in_time)


def remembered(memory: Memory) -> str:
    """Return the line about a past turn as the embedded model was trained on it."""
    return f'Earlier, {speaker_name(memory) or "the speaker"} said: "{quoted(memory.text)}"{felt(memory.emotion)}'


def is_wish(memory: Memory) -> bool:
    """Return whether a past turn is recalled for what it asks for, and not for what it tells."""
    return memory.why is not None and memory.why.by == "wish"


def speaker_name(memory: Memory) -> str:
    """Return the name of who said a past turn as it stands in a line of a prompt; empty where nobody is named."""
    return quoted(memory.name, MAX_NAME_CHARACTERS) if memory.name.strip() else ""


def felt(emotion: str | None) -> str:
    """Return what was felt in a past turn, as the end of its line; empty where nothing is known."""
    label = label_text(emotion or "")
    return f" (felt {label})" if label else ""


def time_ago(then: date, today: date, phrases: Phrases | None = None) -> str:
    """Return in words how long ago a day was."""
    phrases = phrases or PHRASES["en"]
    days = (today - then).days
    if days < 1:
        return phrases.today
    if days == 1:
        return phrases.yesterday
    for unit, length, longest in zip(phrases.units, (1, 7, 30.44), (14, 61, 730), strict=False):
        if days < longest:
            return phrases.ago.format(count=round(days / length), unit=unit)
    return phrases.ago.format(count=round(days / 365.25), unit=phrases.units[-1])


def _quoted_characters(memories: Sequence[Memory], budget: int) -> int:
    """Return how many characters of each turn are quoted, so that all fit; `MAX_QUOTED_CHARACTERS` at least."""
    lengths = sorted(len(memory.text) for memory in memories if not is_wish(memory))
    room = budget - _AROUND * len(lengths)
    for count, length in zip(range(len(lengths), 0, -1), lengths, strict=True):
        if length * count > room:
            return max(MAX_QUOTED_CHARACTERS, min(MAX_EXCERPT_CHARACTERS, room // count))
        room -= length
    return MAX_EXCERPT_CHARACTERS


def _when(memory: Memory, today: date, phrases: Phrases) -> str:
    then = local_day(memory.time) if memory.time else None
    if then is None:
        return phrases.earlier
    weekday, ago = phrases.weekdays[then.weekday()], time_ago(then, today, phrases)
    return phrases.on.format(day=then.isoformat(), weekday=weekday, ago=ago)


def _quoted_turn(memory: Memory, phrases: Phrases, names: Mapping[str, str], query: str, limit: int) -> str:
    name = speaker_name(memory)
    if is_wish(memory):
        return phrases.wished.format(who=name or phrases.they, wish=quoted(memory.wish))
    label = label_text(memory.emotion or "")
    feeling = phrases.felt.format(label=names.get(label, label)) if label else ""
    attribution = phrases.named.format(name=name) if name else phrases.unnamed
    return f'{attribution}"{quoted(excerpt(memory.text, query, limit), limit)}"{feeling}'


def _answer(memory: Memory, phrases: Phrases) -> str:
    reply = "" if is_wish(memory) else quoted(memory.reply, MAX_REPLY_CHARACTERS)
    return f'{phrases.answered}"{reply}"' if reply else ""


def local_day(timestamp: float) -> date | None:
    """Return the day of a time in the computer's own zone; None where it has none there."""
    try:
        return datetime.fromtimestamp(timestamp).date()
    except (OverflowError, OSError, ValueError):
        return None
