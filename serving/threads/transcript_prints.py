"""Fingerprints of a transcript: its exchanges, and the person's last turn, which is to be answered.

Words of the host (system messages) are left out, as front ends change or drop them, and a greeting before the person's
first words is no exchange. What the person says since the last reply is one turn.

With a key the fingerprints are keyed (HMAC, RFC 2104): without it nobody can tell from one whether "yes", or a sentence
that they guess, was said.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ..chat_request import ChatMessage
from ..front_ends.carried_summary import is_summary_of_earlier

_OPENING = 24
"""Letters by which a reply is known of which a client shows only the beginning, such as what a voice had spoken."""
_FRAGMENTS = 48
"""Beginnings of a person's first message that may have been sent before, each with the marks that may end it."""
_ENDS = ("", ".", "?", "!", ",", "...", "…", "-", "--", "。", "？", "！", "，")
"""What speech recognition puts at the end of words that go on."""
_BEGINNINGS = 16
"""Messages that a person adds before a reply comes, at most; with more, it is a turn that was not known before."""
_TAG = re.compile(r"\[[\w-]{1,32}\]")
"""An expression of an avatar, which some clients send back and others do not."""


_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
"""A word, or a sign of a language that has no spaces."""
_MARKS = "".join(_ENDS)
_NAME = re.compile(r"\s{0,9}[^\s:：][^:：\n]{0,38}[:：]\s")
"""Who speaks, which a front end puts before the reply in a chat of several characters."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A turn of the person and the reply to it, as hashes."""

    words_hash: str
    """Of the person's words, without regard to white space."""
    reply: str
    """Of the letters and digits of the reply; empty where a client shows none."""
    opening: str
    """Of the first letters of the reply; empty where there are fewer."""
    letters: str = ""
    """These few letters themselves, where a client shows no more; else empty."""
    others: tuple[tuple[str, str], ...] = ()
    """The same two of what else HEF's reply may be: the first of several messages, and it without a name before it."""
    words: str = ""
    """The person's words, a line for each message."""

    @property
    def variants(self) -> tuple[tuple[str, str], ...]:
        """Reply and opening of all that HEF's reply may be."""
        return (self.reply, self.opening), *self.others

    def is_reply(self, replies: Collection[str]) -> bool:
        """Return whether the reply is one of some, given by their hashes."""
        return any(reply in replies for reply in self.replies)

    def opens(self, openings: Collection[str]) -> bool:
        """Return whether the reply begins as one of some."""
        return any(opening in openings for _, opening in self.variants if opening)

    @property
    def replies(self) -> list[str]:
        """The hashes of all that the reply may be."""
        return [reply for reply, _ in self.variants if reply]


@dataclass(frozen=True, slots=True)
class TranscriptPrints:
    """What identifies a transcript; the person's last turn is the one to answer."""

    first_reply: str
    """Hash of the letters and digits of a reply before the person's first words, which a client that trims may show, as
    others show a greeting; else empty."""
    exchanges: tuple[Exchange, ...]
    """What was said before the last turn, oldest first."""
    words_hash: str
    """Hash of the last turn."""
    beginnings: tuple[str, ...]
    """Hashes of the last turn without its newest messages: of a person who went on before a reply came."""
    paths: tuple[str, ...]
    """For each exchange and for the last turn a hash of all that the person said up to it."""
    last_reply: str
    """The words of the last reply before the last turn."""
    fragments: frozenset[str] = frozenset()
    """Of a first message, hashes of its beginnings: a voice client sends what it has heard so far, and then all."""
    words: str = ""
    """The words of the last turn, a line for each message."""
    is_summed_up: bool = False
    """Whether a summary stands in the place of earlier turns, so that what is shown is not all."""

    @property
    def is_one_message(self) -> bool:
        """Whether it shows one message of the person alone."""
        return not self.exchanges and not self.beginnings

    @property
    def turns(self) -> int:
        """How many turns of the person it shows."""
        return len(self.exchanges) + 1

    def turn_key(self, number: int) -> str:
        """Return what identifies the last turn in its conversation: its number, its words and the exchange before."""
        before = self.exchanges[-1] if self.exchanges else Exchange("", "", "")
        return digest(number, before.words_hash, before.reply, self.words_hash)


@dataclass(slots=True)
class _Turn:
    compact_messages: list[str] = field(default_factory=list)
    """What the person said without white space, of which the hashes are made."""
    words: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)


def read_prints(messages: Sequence[ChatMessage], key: bytes = b"") -> TranscriptPrints | None:
    """Return the fingerprints of a transcript, None where the person says nothing in it."""
    turns: list[_Turn] = []
    first_reply = first_words = ""
    is_summed_up = any(message.role == "system" and is_summary_of_earlier(message.text) for message in messages)
    for message in messages:
        text = "".join(message.text.split())
        if message.role == "user" and (text or message.images):
            if not turns or turns[-1].replies:
                turns.append(_Turn())
            first_words = first_words or message.text
            turns[-1].compact_messages.append(f"{text}\0{message.images}" if message.images else text)
            turns[-1].words.append(message.text)
        elif message.role == "assistant" and text and turns:
            turns[-1].replies.append(message.text)
        elif message.role == "assistant" and text:
            first_reply = reply_prints(message.text, key)[0]
    if not turns:
        return None
    paths: list[str] = []
    for turn in turns:
        paths.append(digest(paths[-1] if paths else "", *turn.compact_messages))
    last = turns[-1].compact_messages
    replies = ["\n".join(turn.replies) for turn in turns[:-1]]
    return TranscriptPrints(
        first_reply=first_reply,
        exchanges=tuple(
            shown_exchange(digest(*turn.compact_messages, key=key), *turn.replies, words="\n".join(turn.words), key=key)
            for turn in turns[:-1]
        ),
        words_hash=digest(*last, key=key),
        beginnings=tuple(digest(*last[:count], key=key) for count in range(max(1, len(last) - _BEGINNINGS), len(last))),
        paths=tuple(keyed(path, key) for path in paths),
        last_reply=replies[-1] if replies else "",
        fragments=_fragments(first_words, key) if len(turns) == len(last) == 1 else frozenset(),
        words="\n".join(turns[-1].words),
        is_summed_up=is_summed_up,
    )


def _fragments(text: str, key: bytes) -> frozenset[str]:
    """Return the hashes of the beginnings of a message: of so many words, or signs of a language without spaces."""
    words = [word for match in _WORD.finditer(text) if (word := match[0])]
    heads = ["".join(words[:count]) for count in range(1, min(len(words), _FRAGMENTS + 1))]
    return frozenset(digest(head.rstrip(_MARKS) + end, key=key) for head in heads for end in _ENDS)


def shown_exchange(words_hash: str, *replies: str, words: str = "", key: bytes = b"") -> Exchange:
    """Return an exchange as a client shows it: one reply or several, some of them with the name of who speaks."""
    whole, first = "\n".join(replies), replies[0]
    unnamed = first[name.end() :] if (name := _NAME.match(first)) else first
    others = dict.fromkeys(reply_prints(text, key) for text in (first, unnamed) if text != whole)
    prints = reply_prints(whole, key)
    return Exchange(
        words_hash, *prints, letters="" if prints[1] else reply_letters(whole), others=tuple(others), words=words
    )


def reply_prints(reply: str, key: bytes = b"") -> tuple[str, str]:
    """Return the hashes of a reply and of its opening: of letters and digits alone, as front ends change the rest."""
    letters = reply_letters(reply)
    if not letters:
        return "", ""
    return digest(letters, key=key), digest(letters[:_OPENING], key=key) if len(letters) >= _OPENING else ""


def reply_letters(reply: str) -> str:
    """Return the letters and digits of a reply, without tags; where it has none, its signs."""
    text = _TAG.sub("", reply).casefold()
    return "".join(filter(str.isalnum, text)) or "".join(text.split())


def first_letters(reply: str) -> str:
    """Return the letters of a reply by which one is known of which a client shows fewer than it takes to be sure."""
    return reply_letters(reply)[:_OPENING]


def digest(*parts: object, key: bytes = b"") -> str:
    """Return a hash of values that JSON can hold; with a key one that nobody without it can compute."""
    return keyed(hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32], key)


def keyed(digest: str, key: bytes) -> str:
    """Return a hash as whoever has a key writes it, so that those of an earlier table can be rewritten."""
    return hmac.digest(key, digest.encode(), "sha256").hex()[:32] if key and digest else digest
