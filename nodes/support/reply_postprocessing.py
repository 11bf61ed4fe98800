"""What an LLM wrote as a reply: whether it is one, and how much of it."""

from __future__ import annotations

import re

from langchain_core.messages import BaseMessage

REPLY_LIMIT = 4000
"""Characters at most of a reply; a longer one is cut after its last whole sentence."""
_REFUSED = re.compile(r"[\s<|\\/>]+")
_SENTENCE_END = re.compile(r"[.!?…。!?][\"'”’)\]]*(?=\s)")


def is_reply(message: BaseMessage) -> bool:
    """Say whether a message says anything; an empty one is how some models refuse."""
    return bool(str(message.text).strip())


def truncate_reply(message: BaseMessage) -> tuple[BaseMessage, str]:
    """Return a reply that is not too long, and what was left out of it."""
    text = str(message.text)
    if len(text) <= REPLY_LIMIT:
        return message, ""
    kept = _whole_sentences(text[: REPLY_LIMIT + 1])
    fault = f"the reply had {len(text)} characters: only its first {len(kept)} were kept"
    return message.model_copy(update={"content": kept}), fault


def with_agent_name(message: BaseMessage, name: str | None) -> BaseMessage:
    """Return a reply that bears the name of the agent who wrote it, so that a supervisor can tell its agents apart.

    What providers refuse in a name (spaces and the like) becomes `_`.
    """
    if not name or message.name:
        return message
    return message.model_copy(update={"name": _REFUSED.sub("_", name)})


def _whole_sentences(text: str) -> str:
    """Return a text up to its last sentence's end, else up to its last word's."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    if ends:
        return text[: ends[-1]]
    head, _, _ = text[:REPLY_LIMIT].rpartition(" ")
    return f"{head or text[: REPLY_LIMIT - 1]}…"
