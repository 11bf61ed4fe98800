"""Display of a turn while it runs: a spinner until the reply's first word, then the words."""

from __future__ import annotations

import re
from types import TracebackType
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.status import Status
from rich.text import Text

from ...graph.turn_events import EmotionDecided, Event, Question, Replied, Restarted, Step, Token
from ...ui.page_words import WORDS
from ..render import ACCENT, FAINT, GUTTER, printable, printable_name

if TYPE_CHECKING:
    from ...contract.dialogue import TextLanguage

MAX_COLUMNS = 88
"""Longer lines are hard to read."""
_WORD = re.compile(
    r"\A(\s*+)([（“《「]*+[\u2e80-\uffef][，。、：；！？）”》」]*+(?=.)|[^\s\u2e80-\uffef]++(?=[\s\u2e80-\uffef]))",
    re.DOTALL,
)
"""A word with the space before it, or a character of Chinese with its punctuation, once it is known where it ends."""


def gutter_label(name: str) -> str:
    """Return who speaks, as wide as the gutter."""
    name = printable_name(name)
    return set_cell_size(name if cell_len(name) < GUTTER else f"{set_cell_size(name, GUTTER - 2)}…", GUTTER)


def step_words(after: str, language: TextLanguage) -> str:
    """Return what is being done after a kind of the graph's events, in the words of the page; of others the first."""
    words = WORDS[language]
    return str(getattr(words, f"status_{after}", words.status_begin))


class TurnDisplay:
    """Show the events of one turn; leaving it always stops the spinner and ends the line.

    Args:
        name: Label to the left of the reply.
        quiet: Show nothing.
        language: Language of what is said about the turn.
    """

    def __init__(self, *, name: str, quiet: bool = False, language: TextLanguage = "en") -> None:
        self.console = Console(highlight=False, quiet=quiet)
        self._name = name
        self._language: TextLanguage = language
        self._status: Status | None = None
        self._writer: WrappedWriter | None = None
        self._last: Replied | Question | None = None
        self.reply = ""
        """The reply as far as it came."""

    @property
    def result(self) -> Replied:
        """Return how the turn ended."""
        if not isinstance(self._last, Replied):
            raise RuntimeError("the graph ended without a reply")
        return self._last

    @property
    def question(self) -> Question | None:
        """Return the question that the turn waits for, None where it is over."""
        return self._last if isinstance(self._last, Question) else None

    @property
    def columns(self) -> int:
        """Columns beside the gutter."""
        return min(self.console.width, MAX_COLUMNS) - GUTTER - 2

    def __enter__(self) -> TurnDisplay:
        self._show_status("starting" if self._language == "en" else step_words("begin", self._language))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()
        if self._writer:
            self._writer.close()

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Step) and not self._writer:
            self._show_status(event.status if self._language == "en" else step_words(event.after, self._language))
        elif isinstance(event, EmotionDecided):
            self._show_status(step_words("causes", self._language))
        elif isinstance(event, Token):
            self._write(event.text)
        elif isinstance(event, Restarted):
            self._restart()
        elif isinstance(event, Replied):
            self._last = event
            self._write("" if self.reply else event.reply)
        elif isinstance(event, Question):
            self._last = event
            self.pause()

    def pause(self) -> None:
        """Remove the spinner, so that something else can be printed."""
        if self._status:
            self._status.stop()
            self._status = None

    def annotate(self, line: Text) -> None:
        """Print a line about the turn, below what the person said."""
        self.pause()
        self.console.print(Text(" " * (GUTTER + 2)).append(line))

    def _show_status(self, status: str) -> None:
        line = Text(f"{status} …", style=FAINT)
        if self._status:
            self._status.update(line)
        elif self.console.is_terminal and not self.console.quiet:
            self._status = self.console.status(line, spinner="dots", spinner_style=ACCENT)
            self._status.start()

    def _restart(self) -> None:
        if self._writer:
            self._writer.write(" …")
            self._writer.close()
        self._writer, self.reply = None, ""

    def _write(self, text: str) -> None:
        self.pause()
        if not self._writer:
            self.console.print(Text(f"  {gutter_label(self._name)}", style=FAINT), end="")
            self._writer = WrappedWriter(self.console, indent=GUTTER + 2)
        self.reply += text
        self._writer.write(text)


class WrappedWriter:
    """Print a growing text with an indent; a terminal's own wrapping would break words.

    Args:
        console: Where to write.
        indent: Columns to the left of every line but the first, which the caller began.
    """

    def __init__(self, console: Console, indent: int = 0) -> None:
        self._console = console
        self._indent = indent
        self._width = max(20, min(console.width, MAX_COLUMNS)) - indent
        self._column = 0
        self._pending = ""

    def write(self, token: str) -> None:
        """Take the next piece of text; a word appears as soon as what stands behind it is there."""
        self._pending += token
        placed = []
        while match := _WORD.match(self._pending):
            placed.append(self._placed(*match.groups()))
            self._pending = self._pending[match.end() :]
        self._print("".join(placed))

    def close(self) -> None:
        """Write what is pending and end the line."""
        word = self._pending.strip()
        self._print((self._placed(self._pending[: self._pending.index(word)], word) if word else "") + "\n")

    def _placed(self, space: str, word: str) -> str:
        """Return a word with what goes before it: a space, a new line, or nothing."""
        word = printable(word)
        columns, gap = cell_len(word), " " if space and self._column else ""
        if self._column and ("\n" in space or self._column + len(gap) + columns > self._width):
            gap = ("\n\n" if space.count("\n") > 1 else "\n") + " " * self._indent
            self._column = columns
        else:
            self._column += len(gap) + columns
        return gap + word

    def _print(self, text: str) -> None:
        self._console.out(text, end="", highlight=False)
        self._console.file.flush()
