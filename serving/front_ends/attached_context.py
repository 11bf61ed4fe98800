"""What a front end puts among a person's messages, as Open WebUI's documents, and the person's own words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..chat_request import ChatMessage

_HEADING, _OPEN, _CLOSE = "### Task:", "<context>", "</context>"
_QUERY = ("<user_query>", "</user_query>")
_FILES = re.compile(r"\s{0,9}<attached_files>.*?</attached_files>", re.DOTALL)
"""The list of files that Open WebUI puts before the words of a message which has some."""
_MARKS = frozenset({"[Interrupted by user]"})
"""Notes that a front end (Open-LLM-VTuber) writes as if the person said them."""


def split_contexts(messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
    """Return a transcript in which the person's messages hold their own words alone.

    What a front end put before them, instructions and documents, becomes a message of the host. The front end sends the
    same message without it in its next request: only so is it the same one.
    """
    split: list[ChatMessage] = []
    for message in messages:
        parts = split_context(message.text) if message.role == "user" else None
        if message.role == "user" and message.text.strip() in _MARKS:
            split.append(replace(message, role="system"))
        elif parts is None:
            split.append(message)
        else:
            split += [ChatMessage("system", parts[0]), replace(message, text=parts[1])]
    return tuple(split)


def split_context(text: str) -> tuple[str, str] | None:
    """Return what the front end put before a person's words, and these; None where it put nothing there."""
    start, end = text.find(_OPEN), text.rfind(_CLOSE)
    attached, words = [], text
    if text.startswith(_HEADING) and 0 <= start < end:
        attached, words = [text[: end + len(_CLOSE)]], text[end + len(_CLOSE) :].strip()
        if words.startswith(_QUERY[0]) and (after := words.partition(_QUERY[1])[2].strip()):
            words = after
    if files := _FILES.match(words):
        attached, words = [*attached, files[0].strip()], words[files.end() :].strip()
    return ("\n\n".join(attached), words) if attached and words else None
