"""A reply as it is said: without thoughts, the markers of chat templates, a role before it and faked turns after it."""

from __future__ import annotations

import re
from functools import lru_cache

from .thoughts import ThoughtFilter

_MARKER = (
    r"(?:<\|[^<>|\s]{1,40}\|>|<｜[^<>｜]{1,40}｜>|</?s>|<(?:end_of_turn|start_of_turn|eos|bos|turn\|)>|<\|turn>"
    r"|\[/?INST\]|<</?SYS>>|</?(?:assistant|user|human|system|listener|speaker)>)"
)
"""A special token of a chat template, as text."""
_OWN_ROLES = ("listener", "assistant", "ai", "bot", "model")
_ROLE_NAMES = "|".join((*_OWN_ROLES, "speaker", "user", "human", "system"))
_NEXT_TURN = (
    rf"\n\s{{0,20}}(?:[*_]{{0,3}}(?:{_ROLE_NAMES})[*_]{{0,3}}\s{{0,3}}:"
    r"|#{2,4} (?:instruction|response|human|user|assistant)\b)"
)
_END = re.compile(rf"{_MARKER}|{_NEXT_TURN}", re.IGNORECASE)
_PARTIAL_END = re.compile(
    r"(?:\n\s{0,20}[*_#]{0,4} ?\w{0,12}[*_]{0,3}\s{0,3}|<[</|｜a-z]?[^<>\n]{0,60}|\[/?[A-Z]{0,4})\Z", re.IGNORECASE
)
"""What could still become an end."""
_PARTIAL_LENGTH = 100
_LONGEST_LEAD = 400
"""Characters at the beginning of a reply that are held back at most until it is clear that no role stands there."""
_SPEECH = ("", "'s turn", "'s reply", "'s response", "'s next turn", "'s next reply", "'s next response")
"""What may stand between a role and its colon."""
_YOU_ARE = re.compile(
    r"\s{0,20}(?:you are|you're|you’re|i am|i'm|i’m|act as|act like|pretend to be|your name is)\s{1,20}", re.IGNORECASE
)
_NAME_END = re.compile(r"[,.;:!?(\n–—]| - ")


class ReplyFilter:
    """Cleans a reply that comes in pieces, in linear time.

    Args:
        persona: Who replies; a name at its beginning may stand before the reply as a role does.
    """

    def __init__(self, persona: str = "") -> None:
        self._thoughts = ThoughtFilter()
        self._lead = _lead(persona_name(persona))
        names = filter(None, (*_OWN_ROLES, persona_name(persona).lower()))
        self._roles = tuple(f"{name}{speech}" for name in names for speech in _SPEECH)
        self._pending = ""
        self._has_begun = False
        self._has_ended = False

    def feed(self, piece: str) -> str:
        """Return what is said in the next piece, and in what was held back before it."""
        return self._say(self._thoughts.feed(piece), is_last=False)

    def close(self) -> str:
        """Return what was held back at the end of the reply."""
        return self._say(self._thoughts.close(), is_last=True)

    def _say(self, piece: str, *, is_last: bool) -> str:
        if self._has_ended:
            return ""
        text, self._pending = self._pending + piece, ""
        if not self._has_begun:
            lead = self._lead.match(text)
            rest = text[lead.end() :] if lead else text
            if not is_last and self._may_be_lead(rest):
                self._pending = text if len(text) <= _LONGEST_LEAD else rest
                return ""
            text, self._has_begun = rest, bool(rest)
        if end := _END.search(text):
            self._has_ended = True
            return text[: end.start()].rstrip()
        if is_last:
            return text.rstrip()
        partial = _PARTIAL_END.search(text, max(0, len(text) - _PARTIAL_LENGTH))
        self._pending = text[partial.start() :] if partial else ""
        return text[: len(text) - len(self._pending)]

    def _may_be_lead(self, text: str) -> bool:
        """Return whether a beginning could go on as a role or a marker."""
        word = text[:_LONGEST_LEAD].strip('*_" ').lower().replace("’", "'")
        is_marker = word.startswith(("<", "[")) and len(text) < _PARTIAL_LENGTH
        return is_marker or any(role.startswith(word) for role in self._roles)


def spoken_reply(text: str, persona: str = "") -> str:
    """Return a reply as it is said, empty where nothing is.

    Thoughts, markers of chat templates and the role before it ("Listener: …", the persona's name) are removed, and
    it ends where a line begins another turn ("Speaker: …").
    """
    reply = ReplyFilter(persona)
    return (reply.feed(text) + reply.close()).strip()


def without_address(persona: str) -> str:
    """Return a persona as "You are …" continues: without that beginning and the full stop at its end."""
    described = persona.strip()
    if address := _YOU_ARE.match(described):
        described = described[address.end() :]
    return described.removesuffix(".")


def persona_name(persona: str) -> str:
    """Return the name that a persona begins with, empty where it does not: "You are Mia, a nurse" is Mia."""
    name = _NAME_END.split(without_address(persona), maxsplit=1)[0].strip()
    words = name.split()
    return name if 0 < len(words) <= 3 and len(name) <= 40 and all(word[0].isupper() for word in words) else ""


@lru_cache(maxsize=64)
def _lead(name: str) -> re.Pattern[str]:
    """Return the pattern of what may stand before a reply, of which a part or nothing is there."""
    names = "|".join((*_OWN_ROLES, *([re.escape(name)] if name else [])))
    role = rf"[*_\"]{{0,3}}(?:{names})(?:['’]s (?:next )?(?:turn|reply|response))?[*_]{{0,3}}\s{{0,3}}:[*_]{{0,3}}"
    header = rf"{_MARKER}(?:\s{{0,5}}(?:{names})(?=\s{{0,5}}(?:\n|<)))?"
    preamble = rf"[^\n:]{{0,200}}:\s{{0,5}}\n\s{{0,5}}(?={role})"
    return re.compile(rf"(?:\s++|{header}|{role}|{preamble})*", re.IGNORECASE)
