"""The conversations that `hef chat` keeps: whose they are, and their deletion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

CONVERSATIONS = "conversations.sqlite"
"""The file in the home folder that holds them."""


def thread_name(person: str, thread: str) -> str:
    """Return the id of a person's conversation; no two persons share one, whatever their ids hold."""
    return f"{_prefix(person)}{thread}"


def name_of(person: str, conversation: str) -> str:
    """Return what a conversation is called by the person whose it is."""
    return conversation.removeprefix(_prefix(person))


def forget_conversations(home: Path, doomed: Callable[[str], bool]) -> int:
    """Delete the conversations whose id is doomed, leave nothing of them in the file, return how many there were."""
    file = home / CONVERSATIONS
    if not file.exists():
        return 0
    from langgraph.checkpoint.sqlite import SqliteSaver

    with SqliteSaver.from_conn_string(str(file)) as saver:
        saver.setup()
        found = saver.conn.execute("SELECT thread_id FROM checkpoints UNION SELECT thread_id FROM writes").fetchall()
        threads = [str(thread) for (thread,) in found if doomed(str(thread))]
        for thread in threads:
            saver.delete_thread(thread)
        saver.conn.commit()
        saver.conn.execute("PRAGMA secure_delete = ON")
        saver.conn.execute("VACUUM")
        saver.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return len(threads)


def belongs_to(person: str, conversation: str) -> bool:
    """Tell whether a conversation is a person's."""
    return conversation.startswith(_prefix(person))


def _prefix(person: str) -> str:
    return person.replace("%", "%25").replace("/", "%2F") + "/"
