"""`hef memory list` and `hef memory search`: the stored turns of a person, as a table or JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.cells import chop_cells
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...ui.page_words import WORDS
from ...ui.turn_words import emotion_name
from ...ui.views.memory_view import near_reason
from ..build_graph import require_text
from ..chat.chat_threads import is_with, thread_name, thread_with
from ..options import Json, Sem
from ..render import ACCENT, FAINT, json_line, printable, printable_name
from ..settings import load_settings
from .select_turns import Limit, TurnOptions, open_memory

if TYPE_CHECKING:
    from langgraph.store.base import SearchItem

    from ...contract.dialogue import TextLanguage

SHORT_ID = 8
"""Letters of an id that are shown; `--id` takes them."""
_DATE_COLUMNS = len("2026-11-29 12:00")
"""Columns of a moment, and of each line of a conversation's name below it."""
_MAX_TEXT = 240
NOTHING_STORED = "Nothing is stored"
_MARKS: Mapping[TextLanguage, Mapping[str, str]] = {
    "en": {"pinned": "pinned", "never_recall": "never recalled"},
    "zh": {"pinned": "已固定", "never_recall": "不会想起"},
}
_HEADS: Mapping[TextLanguage, tuple[str, str, str, str, str]] = {
    "en": ("id", "when, thread", "emotion", "score", "message, and the reply"),
    "zh": ("编号", "时间、对话", "情绪", "相似度", "说的话和回复"),
}

Query = Annotated[str, typer.Argument(help="What the turns should be about.", metavar="TEXT")]


def list_turns(which: TurnOptions, limit: Limit = 20, as_json: Json = False) -> None:
    """List the turns that are stored, newest first."""
    settings = load_settings(which)
    selection = which.selection(settings.person)
    from ...memory import select_items

    with open_memory(settings) as store:
        items = select_items(store, settings.person, selection)[::-1]
    _print_items(items[:limit], settings.person, total=len(items), as_json=as_json)


def search(text: Query, which: TurnOptions, limit: Limit = 5, sem: Sem = None, as_json: Json = False) -> None:
    """Search the turns that are stored, most similar first.

    Those that are far from the text are left out; with --json all come, each with its score.
    """
    text = require_text(text)
    settings = load_settings(which, sem=sem)
    selection = which.selection(settings.person)
    from ...memory import STALE_VECTORS, has_stale_vectors, near_items, search_items

    with open_memory(settings, embeds=True) as store:
        nearest = search_items(store, settings.person, text, limit, selection)
        if has_stale_vectors(store, settings.person):
            typer.echo(STALE_VECTORS, err=True)
    items = nearest if as_json else near_items(nearest, text)
    nothing = "Nothing that is stored is close to that" if nearest else NOTHING_STORED
    _print_items(items, settings.person, total=None, as_json=as_json, nothing=nothing, query=text)


def turn_table(items: Sequence[SearchItem], person: str, *, query: str = "", language: TextLanguage = "en") -> Table:
    """Return one row per turn: the person's message, and below it the reply and why a search lists it.

    Args:
        items: The turns.
        person: Whose.
        query: What was searched for; empty where they were listed.
        language: Language of the words.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False, leading=1)
    id_head, when, emotion, score, message = _HEADS[language]
    table.add_column(f"  {id_head}", no_wrap=True)
    table.add_column(when, no_wrap=True)
    table.add_column(emotion, no_wrap=True)
    scored = any(item.score is not None for item in items)
    if scored:
        table.add_column(score, justify="right", no_wrap=True)
    table.add_column(message, ratio=1)
    from ...memory.selection import has_words

    for item in items:
        row = _row(item, person, scored, language)
        if scored and query:
            row[-1].append(f"\n{near_reason(has_words(item, query), language)}", style=ACCENT)
        table.add_row(*row)
    return table


def turn_count(count: int) -> str:
    """Return a number of turns in words."""
    return f"{count:,} turn{'s' * (count != 1)}"


def _print_items(
    items: Sequence[SearchItem],
    person: str,
    *,
    total: int | None,
    as_json: bool,
    nothing: str = NOTHING_STORED,
    query: str = "",
) -> None:
    """Print turns.

    Args:
        items: The turns.
        person: Whose.
        total: How many there are of which these are the first; None where that is not known.
        as_json: Whether they are printed as JSON.
        nothing: What is said where there are none.
        query: What was searched for.
    """
    if as_json:
        from ...memory import to_record

        scored = ({**to_record(item), **({} if item.score is None else {"score": item.score})} for item in items)
        typer.echo(json_line(list(scored)))
        return
    console = Console(highlight=False)
    console.print()
    if items:
        console.print(turn_table(items, person, query=query))
    more = "" if total is None or total == len(items) else f" of {total:,}; --limit shows more"
    count = f"{turn_count(len(items))}{more}" if items else nothing
    console.print(Text.assemble(("  ", ""), (count, FAINT), (f" · {printable_name(person)}\n", FAINT)))


def _row(item: SearchItem, person: str, scored: bool, language: TextLanguage) -> list[Text]:
    from ...memory import said_at

    value = item.value
    marks = (words for mark, words in _MARKS[language].items() if value.get(mark) is True)
    thread = chop_cells(_shorten(_conversation(person, value)), _DATE_COLUMNS)
    text = Text("".join(f"({words}) " for words in marks), style=ACCENT)
    if value.get("name"):
        text.append(f"{_shorten(value['name'])}: ", style=FAINT)
    text.append(_shorten(value.get("text", "")), style="default")
    if value.get("reply"):
        text.append(f"\n{_shorten(value['reply'])}", style=FAINT)
    return [
        Text(f"  {printable(item.key[:SHORT_ID])}", style=FAINT),
        Text("\n".join([_local_time(said_at(item)), *_kept_until(value, language), *thread]), style=FAINT),
        Text(_shorten(emotion_name(str(value.get("emotion") or ""), language)), style=ACCENT),
        *([Text("" if item.score is None else f"{item.score:.2f}")] if scored else []),
        text,
    ]


def _conversation(person: str, value: Mapping[str, Any]) -> str:
    """Return the name of a turn's conversation, with the character that it is with."""
    name, character = thread_name(person, str(value.get("thread", ""))), str(value.get("character") or "")
    return name if not character or is_with(character, name) else thread_with(character, name)


def _kept_until(value: Mapping[str, Any], language: TextLanguage) -> list[str]:
    """Return until which day a turn is kept, where it has an end; that of a pinned one does not count."""
    expires = value.get("expires")
    if value.get("pinned") is True or not isinstance(expires, int | float) or isinstance(expires, bool):
        return []
    return [WORDS[language].kept_until.format(day=_local_time(expires)[: len("2026-11-29")])]


def _local_time(time: float) -> str:
    """Return a moment in local time, to the minute."""
    try:
        return datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "?"


def _shorten(value: Any) -> str:
    text = printable(" ".join(str(value).split()))
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1]}…"
