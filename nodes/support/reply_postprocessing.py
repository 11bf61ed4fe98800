"""Postprocessing of a reply: empty and overlong replies, and the name of the agent that wrote it."""

from __future__ import annotations

import re

from langchain_core.messages import BaseMessage

REPLY_LIMIT = 4000
"""Maximum characters of a reply; a longer one is cut after its last complete sentence."""
_INVALID_IN_NAME = re.compile(r"[\s<|\\/>]+")
_SENTENCE_END = re.compile(r"[.!?…。!?][\"'”’)\]]*(?=\s)")


def is_reply(message: BaseMessage) -> bool:
    """Return whether a message has text; an empty one is how some models refuse."""
    return bool(str(message.text).strip())


def truncate_reply(message: BaseMessage) -> tuple[BaseMessage, str]:
    """Return a reply of at most `REPLY_LIMIT` characters, and the fault of one that was cut."""
    text = str(message.text)
    if len(text) <= REPLY_LIMIT:
        return message, ""
    truncated = _complete_sentences(text[: REPLY_LIMIT + 1])
    fault = f"the reply had {len(text)} characters: only its first {len(truncated)} were kept"
    return message.model_copy(update={"content": truncated}), fault


def with_agent_name(message: BaseMessage, name: str | None) -> BaseMessage:
    """Return a reply with the name of the agent who wrote it, so that a supervisor can tell its agents apart.

    Characters that providers refuse in a name (such as spaces) become `_`.
    """
    if not name or message.name:
        return message
    return message.model_copy(update={"name": _INVALID_IN_NAME.sub("_", name)})


def _complete_sentences(text: str) -> str:
    """Return a text up to its last sentence's end, else up to its last word's."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    if ends:
        return text[: ends[-1]]
    head, _, _ = text[:REPLY_LIMIT].rpartition(" ")
    return f"{head or text[: REPLY_LIMIT - 1]}…"
