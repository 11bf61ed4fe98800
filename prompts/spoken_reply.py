"""A reply as it is said: without thoughts, wishes, markers of chat templates, a role before it, faked turns after it.

Only what is surely not said is cut: code, an example that a colon introduces, and a tag within a sentence stay.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..contract import HefContext
from ..contract.dialogue import MAX_TURN_CHARACTERS
from .code_spans import CodeSpans
from .thoughts import ThoughtFilter
from .wish_line import WishFilter

_TOKEN = (
    r"(?:<\|[^<>|\s]{1,40}\|>|<｜[^<>｜]{1,40}｜>|<(?:end_of_turn|start_of_turn|eos|bos|turn\|)>|<\|turn>"
    r"|\[/?INST\]|<</?SYS>>)"
)
"""A special token of a chat template, as text."""
_ROLE_TAG = r"(?:assistant|user|human|system|listener|speaker)>"
_MARKER = rf"(?:{_TOKEN}|</?s>|</?{_ROLE_TAG})"
_OWN_ROLES = ("listener", "assistant")
_TEMPLATE_ROLES = (*_OWN_ROLES, "ai", "bot", "model")
"""Own roles as they stand after a marker."""
_TURN = (
    r"\n\s{0,20}(?-i:[*_]{0,3}(?:Speaker|Listener|User|Human|Assistant|SPEAKER|LISTENER|USER|HUMAN|ASSISTANT)"
    r"[*_]{0,3}\s{0,3}:|#{3} (?:Instruction|Response|Human|User|Assistant)[ \t]{0,3}[:\n])"
)
"""A line that begins another turn."""
_END = re.compile(
    rf"(?P<token>{_TOKEN})|(?P<turn>{_TURN})|(?P<mark></?s>)"
    rf"|(?P<tag>(?<=\n)<{_ROLE_TAG}|(?:(?<=[\n.!?…\"”)*>])|(?<=[.!?…\"”)*>] ))</{_ROLE_TAG})",
    re.IGNORECASE,
)
_AFTER_MARK = re.compile(rf"\s{{0,20}}(?:\Z|{_MARKER})|{_TURN}", re.IGNORECASE)
"""What follows a mark that ends a reply; `<s>` elsewhere strikes text out."""
_AFTER_TAG = re.compile(rf"[ \t]{{0,20}}\n|{_AFTER_MARK.pattern}", re.IGNORECASE)
_PARTIAL = r"(?:\n\s{0,20}[*_#]{0,4} ?\w{0,12}[*_]{0,3}\s{0,3}|<[</|｜a-z]?[^<>\n]{0,60}|\[/?[A-Z]{0,4})"
_PARTIAL_END = re.compile(rf"{_PARTIAL}\Z", re.IGNORECASE)
"""What could still become an end."""
_PARTIAL_LENGTH = 100
_CONTEXT_LENGTH = 40
_LONGEST_LEAD = 400
"""Characters at the beginning of a reply that are held back at most until it is clear that no role stands there."""
_SPEECH = ("", "'s turn", "'s reply", "'s response", "'s next turn", "'s next reply", "'s next response")
"""What may stand between a role and its colon."""
_YOU_ARE = re.compile(
    r"\s{0,20}(?:(?:act|behave|speak|reply|respond)\s{1,20}(?:(?:as\s{1,20}(?:if|though)|like)\s{1,20}you\s{1,20}(?:were|are)"
    r"|as|like)|(?:pretend|imagine)\s{1,20}(?:that\s{1,20})?you\s{1,20}(?:are|were)|pretend\s{1,20}to\s{1,20}be"
    r"|(?:your|my)\s{1,20}name(?:\s{1,20}is|['’]s)|call\s{1,20}me|this\s{1,20}is"
    r"|you\s{1,20}(?:are|play|will\s{1,20}be)|you['’]re|i\s{1,20}am|i['’]m)(?:\s{1,20}|\Z)",
    re.IGNORECASE,
)
"""Beginnings of a persona that say what "You are" says."""
_SPEAKS = re.compile(r"(?:i(?:['’](?:ve|d|ll))?|my\s{1,20}\w{1,40}\s{1,20}(?:is|are))\s", re.IGNORECASE)
"""Beginning of a persona that speaks of itself."""
_SENTENCE = re.compile(
    r"(?:(?:you|he|she|they|we|it|please|always|never|be|do|don['’]t|answer|reply|respond|speak|act|behave)"
    r"|(?:your|the|this|her|his|their)\s{1,20}\w{1,40}\s{1,20}(?:is|are|must|should|will))\s",
    re.IGNORECASE,
)
"""Beginning of a persona that is a sentence, which does not continue "You are"."""
_NAMED = re.compile(r"([^\W\d_a-z]\w{0,40})\s{1,20}(?:is|was|has|likes|loves|works)\s")
"""Beginning of a persona that is a sentence about somebody: "Mia is a nurse"."""
_BRIEF_LENGTH = 300
"""Characters of a persona that are told where the reply is not asked for."""
_NAME_END = re.compile(r"[,.;:!?(\n–—，。；：！？（、]| - ")


class ReplyFilter:
    """Cleans a reply that comes in pieces, in linear time.

    Args:
        persona: Who replies; a name at its beginning may stand before the reply as a role does.
    """

    def __init__(self, persona: str = "") -> None:
        self._thoughts = ThoughtFilter()
        self._wishes = WishFilter()
        self._lead = _lead(persona_name(persona))
        names = filter(None, (*_TEMPLATE_ROLES, persona_name(persona).lower()))
        self._roles = tuple(f"{name}{speech}" for name in names for speech in _SPEECH)
        self._pending = ""
        self._has_begun = False
        self._has_ended = False
        self._code = CodeSpans()
        self._context = ""
        """The end of what was said."""
        self._shows_turns = False
        """Whether turns have been introduced as an example."""

    def feed(self, piece: str) -> str:
        """Return what is said in the next piece, and in what was held back before it."""
        return self._say(self._wishes.feed(self._thoughts.feed(piece)), is_last=False)

    def close(self) -> str:
        """Return what was held back at the end of the reply."""
        rest = self._wishes.feed(self._thoughts.close())
        return self._say(rest + self._wishes.close(), is_last=True)

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
        begin = len(self._context)
        text = self._context + text
        end = self._end(text, begin, is_last=is_last)
        spoken = text[begin:end].rstrip() if self._has_ended or is_last else text[begin:end]
        self._pending = "" if self._has_ended else text[end:]
        self._context = text[max(0, end - _CONTEXT_LENGTH) : end]
        return spoken

    def _end(self, text: str, position: int, *, is_last: bool) -> int:
        """Return where what is said of a text ends: at an end of the reply, at what may become one, or nowhere."""
        shown = f"{text}\n" if is_last else text
        for end_match in _END.finditer(shown, position):
            start = end_match.start()
            self._code.read(text[position:start])
            position = start
            if not self._code.is_open():
                if not is_last and (end_match["mark"] or end_match["tag"]) and _is_undecided(text, end_match.end()):
                    return start
                if self._is_end(end_match, shown):
                    self._has_ended = True
                    return start
            position = min(end_match.end(), len(text))
            self._code.read(text[start:position])
        partial = None if is_last else _PARTIAL_END.search(text, max(position, len(text) - _PARTIAL_LENGTH))
        end = partial.start() if partial else len(text)
        self._code.read(text[position:end])
        return end

    def _is_end(self, end_match: re.Match[str], text: str) -> bool:
        """Return whether a reply ends at a match outside of code."""
        if end_match["token"]:
            return True
        if end_match["mark"]:
            return bool(_AFTER_MARK.match(text, end_match.end()))
        before = text[max(0, end_match.start() - _CONTEXT_LENGTH) : end_match.start()].rstrip("*_ \t\n")
        self._shows_turns = self._shows_turns or before.endswith((":", "："))
        return not self._shows_turns and (bool(end_match["turn"]) or bool(_AFTER_TAG.match(text, end_match.end())))

    def _may_be_lead(self, text: str) -> bool:
        """Return whether a beginning could go on as a role or a marker."""
        word = text[:_LONGEST_LEAD].strip("*_ ").lower().replace("’", "'")
        is_marker = word.startswith(("<", "[")) and len(text) < _PARTIAL_LENGTH
        return is_marker or any(role.startswith(word) for role in self._roles)


def _is_undecided(text: str, position: int) -> bool:
    """Return whether only blanks, and what could still become an end, come after a position."""
    rest = text[position : position + 2 * _PARTIAL_LENGTH]
    if len(rest) == 2 * _PARTIAL_LENGTH:
        return False
    blanks = len(rest) - len(rest.lstrip())
    return any(start == len(rest) or _PARTIAL_END.match(rest, start) for start in range(min(blanks, 20) + 1))


def spoken_reply(text: str, persona: str = "") -> str:
    """Return a reply as it is said, empty where nothing is.

    Thoughts, markers of chat templates and the role before it ("Listener: …", the persona's name) are removed, and
    it ends where a line begins another turn ("Speaker: …"), unless a colon introduces an example of turns. Of a text
    without end its beginning is read, or its end where the beginning says nothing.
    """
    reply = ReplyFilter(persona)
    spoken = (reply.feed(text[:MAX_TURN_CHARACTERS]) + reply.close()).strip()
    if spoken or len(text) <= MAX_TURN_CHARACTERS:
        return spoken
    return spoken_reply(text[-MAX_TURN_CHARACTERS:], persona)


def without_address(persona: str) -> str:
    """Return a persona as "You are …" continues: without that beginning and the full stop at its end.

    A persona that is a sentence already follows the default one, the name that it is about, or what introduces it.
    """
    described = persona.strip()
    if address := _YOU_ARE.match(described):
        described = described[address.end() :]
    described = described.removesuffix(".")
    if _SPEAKS.match(described):
        return f"the one who says: {described}"
    if _SENTENCE.match(described):
        return f"{HefContext().persona}. {described}"
    named = _NAMED.match(described)
    return f"{named[1]}. {described}" if named else described


def described_persona(persona: str) -> str:
    """Return a persona as "You are …" continues; a blank one is the default."""
    return without_address(persona) or HefContext().persona


def brief_persona(persona: str) -> str:
    """Return a persona for a question about what is felt: of several lines the first, of a long one its beginning.

    How somebody replies is no part of that question, and an LLM that has a role to play may answer in it rather than
    with a label.
    """
    line = persona.strip().partition("\n")[0].rstrip()
    return line if len(line) <= _BRIEF_LENGTH else line[:_BRIEF_LENGTH].rpartition(" ")[0] or line[:_BRIEF_LENGTH]


def persona_name(persona: str) -> str:
    """Return the name that a persona begins with, empty where it does not: "I am Mia, a nurse" is Mia."""
    name = _NAME_END.split(without_address(persona), maxsplit=1)[0].strip()
    words = name.split()
    return name if 0 < len(words) <= 3 and len(name) <= 40 and all(_begins_name(word) for word in words) else ""


def _begins_name(word: str) -> bool:
    """Return whether a word may be part of a name: with a capital, or in a script that has none."""
    return word[0].isupper() or (word[0].isalpha() and word[0].upper() == word[0].lower())


@lru_cache(maxsize=64)
def _lead(name: str) -> re.Pattern[str]:
    """Return the pattern of what may stand before a reply, of which a part or nothing is there."""
    named = [re.escape(name)] if name else []
    own, after_marker = "|".join((*_OWN_ROLES, *named)), "|".join((*_TEMPLATE_ROLES, *named))
    role = rf"[*_]{{0,3}}(?:{own})(?:['’]s (?:next )?(?:turn|reply|response))?[*_]{{0,3}}\s{{0,3}}[:：][*_]{{0,3}}"
    header = rf"{_MARKER}(?:\s{{0,5}}(?:{after_marker})(?=\s{{0,5}}(?:\n|<)))?"
    return re.compile(rf"(?:\s++|{header}|{role})*", re.IGNORECASE)
