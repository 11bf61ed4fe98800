"""What a front end puts among a person's messages, as Open WebUI's documents, and the person's own words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..chat_request import ChatMessage
from .host_words import is_notice, is_preamble, split_blocks

_HEADING, _OPEN, _CLOSE = "### Task:", "<context>", "</context>"
_QUERY = ("<user_query>", "</user_query>")
_FILES = re.compile(r"\s{0,9}<attached_files>.*?</attached_files>", re.DOTALL)
"""The list of files that Open WebUI puts before the words of a message which has some."""


def split_contexts(messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
    """Return a transcript in which the person's messages hold their own words alone.

    What a front end put around them, instructions and documents, becomes a message of the host. The front end may send
    the same message without it in its next request: only so is it the same one.
    """
    split: list[ChatMessage] = []
    for message in mark_hosts(messages):
        parts = split_context(message.text, message.images) if message.role == "user" else None
        if parts is None:
            split.append(message)
        else:
            split += [ChatMessage("system", parts[0]), replace(message, text=parts[1])]
    return tuple(split)


def mark_hosts(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return a transcript in which messages that a front end wrote as if the person did are the host's."""
    marked = list(messages)
    for index, message in enumerate(messages):
        if message.role != "user" or message.images:
            continue
        is_before_another = index + 1 < len(messages) and messages[index + 1].role == "user"
        blocks, words = split_blocks(message.text)
        if (blocks and not words) or is_notice(message.text) or (is_before_another and is_preamble(message.text)):
            marked[index] = replace(message, role="system")
    return marked


def split_context(text: str, images: int = 0) -> tuple[str, str] | None:
    """Return what the front end put around a person's words, and these; None where it put nothing there.

    Args:
        text: The words of a message.
        images: How many parts it has beside them: the person sent these, though they may have said nothing.
    """
    start, end = text.find(_OPEN), text.rfind(_CLOSE)
    attached, words = [], text
    if text.startswith(_HEADING) and 0 <= start < end:
        attached, words = [text[: end + len(_CLOSE)]], text[end + len(_CLOSE) :].strip()
        if words.startswith(_QUERY[0]) and (after := words.partition(_QUERY[1])[2].strip()):
            words = after
    if files := _FILES.match(words):
        attached, words = [*attached, files[0].strip()], words[files.end() :].strip()
    blocks, said = split_blocks(words)
    if blocks:
        attached, words = [*attached, *blocks], said
    return ("\n\n".join(attached), words) if attached and (words or images) else None
