"""Where a text that comes in pieces is code, which Markdown marks with backticks: what stands there is only shown."""

from __future__ import annotations

import re

_MARK = re.compile(r"`+|\n")
_FENCE = 3
"""Backticks from which on code may be longer than a line."""


class CodeSpans:
    """Follows a text and knows whether its end lies in code."""

    def __init__(self) -> None:
        self._opened = 0
        """Number of backticks that opened the code; 0 outside of code."""
        self._run = 0
        self._is_apostrophe = False
        self._before = ""

    def read(self, text: str) -> None:
        """Pass over the next piece."""
        position = 0
        for mark in _MARK.finditer(text):
            if mark.start() > position:
                self._end_run()
            self._before = text[mark.start() - 1] if mark.start() else self._before
            position = mark.end()
            if mark[0] == "\n":
                self._end_run()
                self._opened = self._opened if self._opened >= _FENCE else 0
            else:
                self._is_apostrophe = self._run == 0 and len(mark[0]) == 1 and self._before.isalnum()
                self._run += len(mark[0])
        if position < len(text):
            self._end_run()
        self._before = text[-1:] or self._before

    def is_open(self) -> bool:
        """Return whether what follows is code."""
        self._end_run()
        return self._opened > 0

    def _end_run(self) -> None:
        """Open or close code with the backticks that were passed."""
        run, self._run = self._run, 0
        if run and not self._opened:
            self._opened = 0 if self._is_apostrophe else run
        elif run == self._opened or run >= max(self._opened, _FENCE):
            self._opened = 0
