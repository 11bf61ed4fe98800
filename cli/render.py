"""Emotion and causes in a terminal: bars, the LLM's opinion, highlighted cause words, and text that cannot steer it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..ui.turn_words import WORDS, emotion_name, llm_opinion, nothing_read
from ..ui.views.memory_view import recall_reasons

if TYPE_CHECKING:
    from ..contract import Cause, Dialogue, Empathy, Memory
    from ..contract.dialogue import TextLanguage

ACCENT = "magenta"
CAUSE = "bold black on yellow"
FAINT = "bright_black"
GUTTER = 11
"""Columns of the names on the left."""
BAR = 28
"""Columns of a probability of 1."""
SUMMARY = 75
"""Columns of the line about a turn, beside the gutter."""
_SHOWN_WORDS, _SUMMARY_WORDS = 60, 24
"""Characters that are shown of a past turn: in a line of its own, and at the end of the summary."""
_EIGHTHS = " ▏▎▍▌▋▊▉"
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that steer a terminal (C0 and C1 controls, among them the escape character), turn the direction of what
follows, or cannot be written to it. Joiners, which emoji and many scripts need, are none of them."""


def printable(text: str) -> str:
    """Return a text without characters that would steer the terminal, each replaced so that offsets hold.

    Line breaks and tabs stay. Whatever a person, a model or a file said is printed through this.
    """
    return _STEERING.sub("�", text)


def printable_name(name: str) -> str:
    """Return the name of a person, a conversation or a command on one line; it cannot steer the terminal."""
    return printable(" ".join(name.split()))


def name_markup(name: str) -> str:
    """Return a name to stand within Rich markup, printed as it is."""
    return escape(printable_name(name))


def json_line(value: object) -> str:
    """Return a value as one line of JSON that stdout can encode and whose characters cannot steer a terminal."""
    text = _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def bar(fraction: float, width: int = BAR) -> str:
    """Return a bar for a fraction between 0 and 1, exact to an eighth of a column."""
    eighths = max(1, round(fraction * width * 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def distribution(
    probabilities: Mapping[str, float], top: int, primary: Sequence[str] = (), language: TextLanguage = "en"
) -> Table:
    """Return the most probable emotions as bars, the primary ones highlighted."""
    ranked = sorted(probabilities, key=lambda label: (-probabilities[label], label))[:top]
    highest = max((probabilities[label] for label in ranked), default=1.0)
    table = Table.grid(padding=(0, 2, 0, 0))
    for rank, label in enumerate(ranked):
        style = f"bold {ACCENT}" if rank == 0 else "" if label in primary or not primary else FAINT
        fill = Text(bar(probabilities[label] / highest), style=ACCENT if rank == 0 else FAINT)
        name = printable(emotion_name(label, language))
        table.add_row(Text(name, style=style), fill, Text(f"{probabilities[label]:4.0%}", style=style))
    return table


def highlighted(dialogue: Dialogue, causes: Sequence[Cause], *, marks: bool) -> Text:
    """Return the turns with cause words, the words highlighted.

    Args:
        dialogue: The turns the causes point into.
        causes: Cause words with turn and offsets.
        marks: Put asterisks around the words, for output without colours.
    """
    lines: list[Text] = []
    for index in sorted({cause.turn for cause in causes if cause.turn < len(dialogue)}):
        line = Text(printable(dialogue[index].text))
        spans = sorted((cause.start, cause.end) for cause in causes if cause.turn == index)
        for start, end in spans:
            line.stylize(CAUSE, start, end)
        lines.append(_marked(line.plain, spans) if marks else line)
    return Text("\n").join(lines)


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> Text:
    for start, end in reversed(spans):
        text = f"{text[:start]}*{text[start:end]}*{text[end:]}"
    return Text(text)


def field(console: Console, name: str, content: Table | Text | str) -> None:
    """Print a name in the left gutter and its content beside it."""
    row = Table.grid(padding=0)
    row.add_column(width=GUTTER)
    row.add_column(max_width=min(console.width, 88) - GUTTER - 2, overflow="fold")
    row.add_row(Text(name, style=FAINT), Text(printable(content)) if isinstance(content, str) else content)
    console.print(Padding(row, (0, 0, 0, 2), expand=False))


def print_empathy(
    console: Console,
    empathy: Empathy,
    dialogue: Dialogue,
    top: int = 5,
    *,
    memories: Sequence[Memory] = (),
    language: TextLanguage = "en",
) -> None:
    """Print emotion, opinion and cause words of one turn; where none is certain, that and why.

    Args:
        console: Where they are printed.
        empathy: What was understood.
        dialogue: The turns that the cause words point into.
        top: How many emotions.
        memories: The past turns that were recalled; where they are no longer known their number is printed.
        language: Language of what is said about the turn.
    """
    words = WORDS[language]
    if nothing := nothing_read(empathy, language):
        field(console, words.emotion, nothing)
    else:
        field(console, words.emotion, distribution(empathy.distribution, top, empathy.primary, language))
        field(console, words.judged, llm_opinion(empathy, language))
    if empathy.causes:
        plain = not console.is_terminal or console.no_color
        field(console, words.causes, highlighted(dialogue, empathy.causes, marks=plain))
    if empathy.memories:
        field(console, words.recalled, recalled_text(empathy, memories, language))
    print_safety(console, empathy, language)
    print_degraded(console, empathy, language)


def recalled_text(empathy: Empathy, memories: Sequence[Memory], language: TextLanguage) -> Text:
    """Return a line for each past turn that was recalled: its day, how it begins and why; else how many there were."""
    words = WORDS[language]
    recalled = [memory for memory in memories if memory.id in empathy.memories]
    if not recalled:
        count = len(empathy.memories)
        return Text(words.one_earlier_turn if count == 1 else words.earlier_turns.format(count=count))
    return Text("\n").join(
        Text(_recalled_words(words.recalled_turn, memory, language, _SHOWN_WORDS, most=2).strip())
        for memory in recalled
    )


def _recalled_words(template: str, memory: Memory, language: TextLanguage, characters: int, most: int) -> str:
    """Return a past turn in words: its day, how it begins, and the strongest reasons why it was recalled."""
    reasons = recall_reasons(memory.why, language, most)
    begins = printable_name(memory.text[: 4 * characters])
    begins = begins if len(begins) <= characters else f"{begins[: characters - 1].rstrip()}…"
    because = WORDS[language].because.format(reasons=reasons) if reasons else ""
    return template.format(day=_day(memory.time), text=begins, because=because)


def _day(time: float) -> str:
    try:
        return f"{datetime.fromtimestamp(time):%Y-%m-%d}" if time else ""
    except (ValueError, OverflowError, OSError):
        return ""


def print_safety(console: Console, empathy: Empathy, language: TextLanguage = "en") -> None:
    """Print whether somebody is in danger and which words say so; nothing when nobody is."""
    safety = empathy.safety
    if safety.level != "none":
        words = ", ".join(f'"{words}"' for words in safety.words)
        field(
            console, WORDS[language].safety, Text(printable(f"{safety.level}, {safety.kind}: {words}"), style="yellow")
        )


def print_degraded(console: Console, empathy: Empathy, language: TextLanguage = "en") -> None:
    """Print what could not be done in a turn; nothing when all worked."""
    if empathy.degraded:
        field(console, WORDS[language].left_out, Text(printable(empathy.degraded), style="yellow"))


def summary(
    empathy: Empathy, language: TextLanguage = "en", memories: Sequence[Memory] = (), columns: int = SUMMARY
) -> Text:
    """Return one faint line: emotion, its probability, and the cause words; where none is certain, that.

    Args:
        empathy: What was understood.
        language: Language of the line.
        memories: The past turns that were recalled. How the most relevant one begins, and why it was recalled, stands
            at the end of the line where it fits.
        columns: How long the line may be for that.
    """
    line = _emotion_summary(empathy, language)
    recalled = [memory for memory in memories if memory.id in empathy.memories]
    if not recalled:
        return line
    template, longest, shortest = WORDS[language].recalled_first, _SUMMARY_WORDS, _SUMMARY_WORDS // 3
    shortened = (
        _recalled_words(template, recalled[0], language, characters, reasons)
        for reasons in (1, 0)
        for characters in range(longest, shortest - 1, -1)
    )
    return line.append(next((words for words in shortened if line.cell_len + cell_len(words) <= columns), ""))


def _emotion_summary(empathy: Empathy, language: TextLanguage) -> Text:
    if nothing := nothing_read(empathy, language):
        return Text(nothing, style=FAINT)
    probability = empathy.distribution.get(empathy.emotion, 0.0)
    words = printable(WORDS[language].comma.join(cause.text for cause in empathy.causes[:3]))
    line = Text.assemble(
        (printable(emotion_name(empathy.emotion, language)), ACCENT), f" {probability:.0%}", style=FAINT
    )
    line.append(f" · {words}" if words else "")
    thought = WORDS[language].llm_thought.format(label=emotion_name(str(empathy.hypothesis), language))
    return line.append("" if empathy.agreed else printable(thought))
