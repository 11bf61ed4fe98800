"""Write a reply word by word as its tokens arrive, wrapped at the terminal's width."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console

WIDEST = 88
"""Longer lines are hard to read."""


class WrappedWriter:
    """Print a growing text with an indent, never breaking a word that fits a line.

    Args:
        console: Where to write.
        indent: Columns to the left of every line but the first, which the caller began.
    """

    def __init__(self, console: Console, indent: int = 0) -> None:
        self._console = console
        self._indent = indent
        self._width = max(20, min(console.width, WIDEST)) - indent
        self._column = 0
        self._held, self._gap = "", False

    def write(self, token: str) -> None:
        """Take the next piece of text; a word appears as soon as the one after it begins."""
        for character in token:
            if character.isspace():
                self._word()
                self._gap = self._column > 0
                if character == "\n":
                    self._line()
            else:
                self._held += character

    def close(self) -> None:
        """Write what is held back and end the line."""
        self._word()
        self._print("\n")

    def _word(self) -> None:
        if not self._held:
            return
        wide, gap = cell_len(self._held), int(self._gap)
        if self._column and self._column + gap + wide > self._width:
            self._line()
            gap = 0
        self._print(" " * gap + self._held)
        self._column += gap + wide
        self._held, self._gap = "", False

    def _line(self) -> None:
        if self._column:
            self._print("\n" + " " * self._indent)
        self._column, self._gap = 0, False

    def _print(self, text: str) -> None:
        self._console.out(text, end="", highlight=False)
        self._console.file.flush()
