"""What a front end puts among a person's messages, as documents and quotations, and the person's own words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..chat_request import ChatMessage
from .attached_documents import split_document
from .carried_summary import is_summary_alone, split_summary
from .demands import split_compaction
from .host_words import is_notice, is_preamble, split_blocks
from .quotations import Sentences, read_sentences, split_quotations

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
    marked = mark_hosts(messages)
    has_quotes = any(message.role == "user" and ">" in message.text for message in marked)
    replies: list[Sentences] = []
    for message in marked:
        if message.role == "user":
            split += _own_words(message, replies)
            continue
        split.append(message)
        if has_quotes and message.role == "assistant":
            replies.append(read_sentences(message.text))
    return tuple(split)


def _own_words(message: ChatMessage, replies: Sequence[Sentences]) -> list[ChatMessage]:
    """Return a message of the person's after what is the host's in it, and what it quotes."""
    hosts, words = split_context(message.text, message.images) or ("", message.text)
    quotes, own_words = split_quotations(words, replies) or ("", words)
    if not own_words and not message.images:
        quotes, own_words = "", words
    others = [ChatMessage("system", text) for text in (hosts, quotes) if text]
    return [*others, replace(message, text=own_words)] if others else [message]


def mark_hosts(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return a transcript in which messages that a front end wrote as if the person did are the host's."""
    marked = list(messages)
    talk = [index for index, message in enumerate(messages) if message.role != "system"]
    for index, message in enumerate(messages):
        if message.role != "user" or message.images:
            continue
        is_before_another = index + 1 < len(messages) and messages[index + 1].role == "user"
        blocks, words = split_blocks(message.text)
        is_hosts = (
            (blocks and not words) or is_notice(message.text) or (is_before_another and is_preamble(message.text))
        )
        # A summary stands before all the rest; alone in a request it would leave nobody who speaks.
        is_first = index == talk[0] and any(messages[later].role == "user" for later in talk[1:])
        if is_hosts or (is_first and is_summary_alone(message.text, is_before_another=is_before_another)):
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
    for split in (split_summary, split_document):
        if part := split(words):
            attached, words = [*attached, part[0]], part[1]
    if files := _FILES.match(words):
        attached, words = [*attached, files[0].strip()], words[files.end() :].strip()
    blocks, own_words = split_blocks(words)
    if blocks:
        attached, words = [*attached, *blocks], own_words
    compaction = split_compaction(words)
    if compaction and compaction[0]:
        attached, words = [*attached, compaction[1]], compaction[0]
    return ("\n\n".join(attached), words) if attached and (words or images) else None
