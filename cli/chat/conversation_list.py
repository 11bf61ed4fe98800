"""The conversations that are kept of a person: listed, named by their day, and which one is continued."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from ...graph.stored_conversation import CHARACTER
from .chat_threads import CONVERSATIONS, belongs_to, check_tables, newest_threads, thread_name, thread_with

PAUSE = timedelta(hours=4)
"""After so long a new conversation begins."""
NIGHT_PAUSE = timedelta(hours=1)
"""The same on another day than the last turn's: a conversation does not end at midnight."""
_DAY_NAME = re.compile(r"\d{4}-\d\d-\d\d(-\d{1,9})?")


@dataclass(frozen=True, slots=True)
class KeptConversation:
    """One conversation of a person."""

    name: str
    """What the person calls it."""
    turns: int
    """How often the person spoke."""
    last: datetime
    """When its last turn was, in local time."""
    character: str | None
    """Id of the character that it is with."""


def local_now() -> datetime:
    """Return the present in local time."""
    return datetime.now().astimezone()


def is_over(last: datetime, now: datetime) -> bool:
    """Return whether so much time has passed since a turn that another conversation begins."""
    return now - last >= (PAUSE if now.date() == last.date() else NIGHT_PAUSE)


def names_day(name: str) -> bool:
    """Return whether a conversation was named by its day, not by the person."""
    return _DAY_NAME.fullmatch(name.rpartition("/")[2]) is not None


def day_names(now: datetime, character: str | None, taken: Collection[str]) -> Iterator[str]:
    """Yield names for a new conversation of a day that no other one has, such as 2026-11-29 and 2026-11-29-2."""
    day = now.date().isoformat()
    for number in count(1):
        name = thread_with(character, day if number == 1 else f"{day}-{number}")
        if name not in taken:
            yield name


def kept_conversations(home: Path, person: str) -> Iterator[KeptConversation]:
    """Yield the conversations of a person, the newest first.

    Raises:
        StoreError: LangGraph keeps them in a way that is unknown here.
    """
    file = home / CONVERSATIONS
    if not file.exists():
        return
    from langgraph.checkpoint.sqlite import SqliteSaver

    from ...nodes.support.transcript import count_turns

    with closing(sqlite3.connect(file, check_same_thread=False)) as connection:
        saver = SqliteSaver(connection)
        saver.setup()
        check_tables(connection, file)
        for thread in newest_threads(connection):
            if not belongs_to(person, thread):
                continue
            if state := saver.get_tuple({"configurable": {"thread_id": thread, "checkpoint_ns": ""}}):
                messages = state.checkpoint["channel_values"].get("messages", [])
                character = dict(state.metadata).get(CHARACTER)
                yield KeptConversation(
                    thread_name(person, thread),
                    count_turns(messages, "speaker"),
                    datetime.fromisoformat(state.checkpoint["ts"]).astimezone(),
                    character if isinstance(character, str) else None,
                )


def conversation_to_continue(home: Path, person: str, character: str | None) -> str | None:
    """Return the conversation of today with a character, or with none; None where a new one begins."""
    for conversation in kept_conversations(home, person):
        if names_day(conversation.name) and conversation.character == character:
            return None if is_over(conversation.last, local_now()) else conversation.name
    return None


def find_conversation_character(home: Path, person: str, name: str) -> str | None:
    """Return the character that a conversation is with, None for none."""
    named = (one.character for one in kept_conversations(home, person) if one.name == name)
    return next(named, None)


def conversation_names(home: Path, person: str) -> set[str]:
    """Return the names of all conversations of a person."""
    return {conversation.name for conversation in kept_conversations(home, person)}
