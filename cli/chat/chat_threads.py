"""The conversations of `hef chat` in the checkpointer: their ids, and their deletion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

CONVERSATIONS = "conversations.sqlite"
"""The checkpointer's file in the home folder."""


def thread_id(person: str, thread: str) -> str:
    """Return the id of a person's conversation; ids of two persons never collide."""
    return f"{_prefix(person)}{thread}"


def thread_name(person: str, thread_id: str) -> str:
    """Return the name under which a person knows their conversation."""
    return thread_id.removeprefix(_prefix(person))


def belongs_to(person: str, thread_id: str) -> bool:
    """Return whether a conversation is a person's."""
    return thread_id.startswith(_prefix(person))


def delete_conversations(home: Path, matches: Callable[[str], bool]) -> int:
    """Delete the conversations whose id matches, also from the free pages of the file; return their number."""
    file = home / CONVERSATIONS
    if not file.exists():
        return 0
    from langgraph.checkpoint.sqlite import SqliteSaver

    with SqliteSaver.from_conn_string(str(file)) as saver:
        saver.setup()
        rows = saver.conn.execute("SELECT thread_id FROM checkpoints UNION SELECT thread_id FROM writes").fetchall()
        threads = [str(thread) for (thread,) in rows if matches(str(thread))]
        for thread in threads:
            saver.delete_thread(thread)
        saver.conn.commit()
        saver.conn.execute("PRAGMA secure_delete = ON")
        saver.conn.execute("VACUUM")
        saver.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return len(threads)


def _prefix(person: str) -> str:
    return person.replace("%", "%25").replace("/", "%2F") + "/"
