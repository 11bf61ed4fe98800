"""Markers by which Pipecat has an LLM say whether the person has ended; it reads them, and nobody hears them."""

from __future__ import annotations

_COMPLETE = ("●", "✓")
"""Before a reply: the person has ended."""
_WAITING = frozenset({"◐", "○"})
"""In the place of a reply: the person goes on soon, or thinks."""


def without_marker(reply: str) -> str:
    """Return what is heard of a reply; empty where it only says that the person has not ended."""
    text = reply.strip()
    if text in _WAITING:
        return ""
    is_list = f"\n{text[:1]}" in text  # a marker stands before the reply, not before each of its lines
    return text[1:].lstrip() if text.startswith(_COMPLETE) and text[1:2] in (" ", "\n") and not is_list else reply
