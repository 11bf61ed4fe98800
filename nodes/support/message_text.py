"""What one LangChain message says, and who says it: role, text of its parts, and the parts that have no words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from langchain_core.messages import AIMessage, AnyMessage, ChatMessage, HumanMessage

from ...contract.dialogue import MAX_TURN_CHARACTERS, Role
from ...prompts.spoken_reply import spoken_reply
from ...prompts.thoughts import without_thoughts

MAX_PARTS = 10_000
"""Content parts of a message that are read; of more its last are."""
_CHAT_ROLES: Final[dict[str, Role]] = {
    "user": "speaker",
    "human": "speaker",
    "assistant": "listener",
    "ai": "listener",
}
"""Roles of a `ChatMessage`; one with another role is nobody's."""
_TEXT_TYPES = frozenset({"text", "input_text", "output_text"})
"""Types of content parts that hold words."""
_UNSEEN: Final = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "audio": "recording",
    "input_audio": "recording",
    "video": "video",
    "video_url": "video",
}
"""Type of a content part -> what it is called; any other is an attachment."""
_MARKS = ("<", "[", "◁", "### ")
"""What every marker, tag or thought of an answer holds."""
_ROLE = r"[*_]{0,3}(?:speaker|listener|user|human|assistant)"
_FIRST_ROLE = re.compile(rf"\A\s*+(?:analysis|{_ROLE})", re.IGNORECASE)
_NEXT_ROLE = re.compile(rf"\n\s{{0,20}}{_ROLE}", re.IGNORECASE)
"""A role as it may stand before an answer or its thoughts, or begin a faked turn in it; a colon follows it."""
_CLOSING = frozenset(".,;:!?…)]}’”'。，！？")
"""Characters before which no space belongs."""


_WIDE_MARK = re.compile("[\u3001-\u3003\u3008-\u3011\u3014-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]")
"""Punctuation of Chinese and Japanese, which is as wide as a letter and holds its own space."""
_WITHOUT_SPACES = re.compile(
    "[\u2e80-\u2fdf\u3001-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff]"
)
"""Characters of Chinese and Japanese."""


def message_role(message: AnyMessage) -> Role | None:
    """Return who speaks in a message: the person, the assistant, or nobody.

    Nobody speaks in a system or tool message, nor in what an agent writes beside a tool call: "Transferring back to
    supervisor" was not said to the person. What agents write in the person's name, such as summaries, they did not say.
    """
    if isinstance(message, HumanMessage):
        return None if "lc_source" in message.additional_kwargs else "speaker"
    if isinstance(message, AIMessage):
        return None if message.tool_calls else "listener"
    return _CHAT_ROLES.get(message.role.strip().lower()) if isinstance(message, ChatMessage) else None


def message_text(message: AnyMessage) -> str:
    """Return the words of a message.

    The parts of what a person wrote are apart, as they would be on a page. Those of a model's answer are put together
    as they came, since a stream may cut a word in two, and as they are said: without thoughts, and without the markers
    and roles that a host's own agent leaves in its replies (see `spoken_reply`). A message is read many times in a
    turn: its last `MAX_PARTS` parts are, and of an answer the last `MAX_TURN_CHARACTERS` characters, before anything is
    made of them.
    """
    content = message.content  # `text` makes an object of its own type; a thread may have thousands
    texts = [content] if isinstance(content, str) else [*filter(None, map(_part_text, content[-MAX_PARTS:]))]
    if isinstance(message, AIMessage) or message_role(message) == "listener":
        return _spoken("".join(texts)[-MAX_TURN_CHARACTERS:])
    return _join(texts)


def _spoken(written: str) -> str:
    """Return what a model's answer says, with its own blanks around it where nothing else is cut."""
    if not _may_be_cut(written):
        return without_thoughts(written)
    text = spoken_reply(written)
    return written if text == written.strip() else text


def _may_be_cut(written: str) -> bool:
    """Return whether `spoken_reply` could cut an answer; a thread has thousands, of which it cuts few."""
    if any(mark in written for mark in _MARKS):
        return True
    has_colon = ":" in written or "：" in written
    return has_colon and bool(_FIRST_ROLE.match(written) or _NEXT_ROLE.search(written))


def unseen_parts(message: AnyMessage) -> list[str]:
    """Return what a message holds beside words, each kind once: an image, a recording, a video, an attachment."""
    if isinstance(message.content, str):
        return []
    others = [part for part in message.content[-MAX_PARTS:] if isinstance(part, dict) and not _is_text(part)]
    return list(dict.fromkeys(_UNSEEN.get(str(part.get("type")), "attachment") for part in others))


def _part_text(part: object) -> str:
    if isinstance(part, dict):
        return part["text"] if _is_text(part) else ""
    return part if isinstance(part, str) else ""


def _is_text(part: dict[object, object]) -> bool:
    return part.get("type", "text") in _TEXT_TYPES and isinstance(part.get("text"), str)


def _join(parts: Iterable[str]) -> str:
    """Return parts as one text with a space between two that would run into each other.

    Chinese and Japanese are written without spaces.
    """
    joined: list[str] = []
    for part in parts:
        if joined and _run_together(joined[-1][-1], part[0]):
            joined.append(" ")
        joined.append(part)
    return "".join(joined)


def _run_together(last: str, first: str) -> bool:
    """Return whether a space is missing between the last character of a part and the first of the next."""
    if last.isspace() or first.isspace() or first in _CLOSING or _WIDE_MARK.match(last):
        return False
    return not (_WITHOUT_SPACES.match(last) and _WITHOUT_SPACES.match(first))
