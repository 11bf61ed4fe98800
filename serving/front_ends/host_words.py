"""What stands in a person's message though a host wrote it: blocks in its tags, notices about the person."""

from __future__ import annotations

import re

FIRST_PERSON = re.compile(r"\b(?:i|i'm|i’m|my|me|we|us|our|ich|mein|meine|je|yo)\b(?!\.e\.)|我|咱们", re.IGNORECASE)
"""Words in which somebody speaks of themselves, as no host does."""
_TAGS = (
    "system_reminder",
    "system-reminder",
    "system_message",
    "system-message",
    "system_note",
    "system_notice",
    "system_context",
    "environment_details",
    "environment_context",
)
"""Tags around what a host tells the LLM in a person's message: the time (AstrBot), a folder. A bare
`<system>` is none of them: whoever types it would speak as the host."""
_BLOCKS = 16
"""Blocks of a message on each side that are looked at, at most."""
_NOTICE = re.compile(
    r"[\[【](?:(?:system(?: note)?|note|notice): ?)?(?:(?:the|no (?:response|answer|input) from(?: the)?|no) )?"
    r"(?:user|caller|customer|participant|用户|来电者)(?![a-z'’-])"
    r"(?:|[^\[\]【】\n]{0,80}(?:silen|quiet|idle|inactive|has left|said nothing|not (?:said|spoken|answered|responded)"
    r"|no (?:response|answer|input)|沉默|没有说话|离开|未说话)[^\[\]【】\n]{0,80})[\]】]",
    re.IGNORECASE,
)
"""What a voice client (Pipecat) says of a person who says nothing, as if they had said it."""
_PREAMBLE = re.compile(
    r"#{1,3} [^\n]{0,80}\b(?:context(?:ual)?|information|background|instructions)\b[^\n]{0,120}\buser\b", re.IGNORECASE
)
"""Heading of a message that tells the LLM about the person's next one (an integration of Home Assistant)."""
_MARKS = frozenset({"[Interrupted by user]"})
"""Notes that a front end (Open-LLM-VTuber) writes as if the person said them."""


def split_blocks(text: str) -> tuple[list[str], str]:
    """Return the blocks of a host at the beginning and the end of a message, and the words between."""
    words = text.strip()
    before: list[str] = []
    after: list[str] = []
    while len(before) < _BLOCKS and (block := _first_block(words)):
        before.append(block)
        words = words[len(block) :].strip()
    while len(after) < _BLOCKS and (block := _last_block(words)):
        after.insert(0, block)
        words = words[: -len(block)].strip()
    return [*before, *after], words


def is_notice(text: str) -> bool:
    """Return whether a message says something about the person that they did not say."""
    notice = text.strip()
    return notice in _MARKS or (_NOTICE.fullmatch(notice) is not None and not FIRST_PERSON.search(notice))


def is_preamble(text: str) -> bool:
    """Return whether a message, before another one of the person, tells the LLM about that one."""
    heading = _PREAMBLE.match(text.strip())
    return heading is not None and not FIRST_PERSON.search(heading[0])


def _first_block(text: str) -> str:
    for tag in _TAGS:
        if text.startswith(f"<{tag}>") and (end := text.find(f"</{tag}>")) >= 0:
            return _unless_personal(text[: end + len(tag) + 3])
    return ""


def _last_block(text: str) -> str:
    for tag in _TAGS:
        if text.endswith(f"</{tag}>") and (start := text.rfind(f"<{tag}>")) >= 0:
            return _unless_personal(text[start:])
    return ""


def _unless_personal(block: str) -> str:
    """Return a block; empty where somebody speaks of themselves in it, as no host does."""
    return "" if FIRST_PERSON.search(block) else block
