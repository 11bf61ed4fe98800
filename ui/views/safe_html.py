"""Text as HTML that can do nothing: what the person said as it was written, a reply as sanitised Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from ...contract.text import MAX_STORED_CHARACTERS

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

    from ...contract import Cause

_NOT_RENDERED = ["html_block", "html_inline", "image", "link", "autolink", "reference", "heading", "lheading", "entity"]
"""What a reply may not have: HTML, what loads or leads elsewhere, and headings, which the page's own outline has."""


def escaped(text: object) -> str:
    """Return a text as HTML that shows it."""
    return escape(str(text), quote=True)


def reply_html(markdown: str) -> str:
    """Return a reply as HTML: emphasis, lists, quotes and code; all else is shown as it was written."""
    return str(_renderer().render(markdown[-MAX_STORED_CHARACTERS:]))


def marked_html(text: str, causes: Sequence[Cause]) -> str:
    """Return what a person said with its cause words marked.

    Args:
        text: What they said.
        causes: Cause words whose offsets refer to it.
    """
    pieces: list[str] = []
    end = 0
    for cause in sorted(causes, key=lambda cause: (cause.start, -cause.end)):
        start = max(cause.start, end)
        if start >= min(cause.end, len(text)):
            continue
        pieces += [escaped(text[end:start]), f"<mark>{escaped(text[start : cause.end])}</mark>"]
        end = cause.end
    return "".join([*pieces, escaped(text[end:])])


@cache
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(_NOT_RENDERED)
