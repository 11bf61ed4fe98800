"""The conversations of `hef chat` in the checkpointer: their file and their ids."""

from __future__ import annotations

import re

CONVERSATIONS = "conversations.sqlite"
"""The checkpointer's file in the home folder."""


def thread_id(person: str, thread: str) -> str:
    """Return the id of a person's conversation; ids of two persons never collide."""
    return f"{_prefix(person)}{_encodable(thread)}"


def thread_name(person: str, thread_id: str) -> str:
    """Return the name under which a person knows their conversation."""
    return thread_id.removeprefix(_prefix(person))


def belongs_to(person: str, thread_id: str) -> bool:
    """Return whether a conversation is a person's."""
    return thread_id.startswith(_prefix(person))


def thread_with(character: str | None, thread: str) -> str:
    """Return the name of a person's conversation with a character: each character has conversations of its own."""
    return thread if character is None else f"{character}/{thread}"


def is_with(character: str, thread: str) -> bool:
    """Return whether a conversation is with a character, by its name."""
    return thread.startswith(thread_with(character, ""))


def _prefix(person: str) -> str:
    return _encodable(person.replace("%", "%25").replace("/", "%2F")) + "/"


def _encodable(name: str) -> str:
    """Return a name that a database can hold: bytes of an argument that are not UTF-8 are half characters in Python."""
    return re.sub("[\ud800-\udfff]", lambda half: f"%u{ord(half[0]):04x}", name)
