"""The threads of `hef chat` in LangGraph's checkpointer: their file, their ids, and the SQL on its tables.

LangGraph has no public way to list the threads of a file, to find words in all of them, or to keep the newest
checkpoint alone. All that knows its tables is in this module, as read in langgraph-checkpoint-sqlite 3.1;
`tests/cli/chat/test_chat_threads.py` checks them on the installed version.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

CONVERSATIONS = "conversations.sqlite"
"""The checkpointer's file in the home folder."""
TABLES: dict[str, frozenset[str]] = {
    "checkpoints": frozenset({"thread_id", "checkpoint_ns", "checkpoint_id", "checkpoint", "metadata"}),
    "writes": frozenset({"thread_id", "checkpoint_ns", "checkpoint_id", "value"}),
}
"""Tables of the checkpointer that are read or written here, and their columns."""
DELETE_EARLIER = tuple(
    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id < ?" for table in TABLES
)
"""Statements that delete the checkpoints before one, and their writes: of a thread, namespace and id."""
_PACKAGE = "langgraph-checkpoint-sqlite"
_TESTED = ">=3.1,<4"


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


def stored_threads(connection: sqlite3.Connection) -> list[str]:
    """Return the ids of all threads in a file, also of those of which only writes are left."""
    rows = connection.execute("SELECT thread_id FROM checkpoints UNION SELECT thread_id FROM writes")
    return [thread for (thread,) in rows]


def newest_threads(connection: sqlite3.Connection) -> list[str]:
    """Return the ids of the threads that have a checkpoint, those with the newest first."""
    rows = connection.execute(
        "SELECT thread_id FROM checkpoints WHERE checkpoint_ns = '' GROUP BY thread_id ORDER BY MAX(checkpoint_id) DESC"
    )
    return [thread for (thread,) in rows]


def threads_holding(connection: sqlite3.Connection, needle: str) -> set[str]:
    """Return the ids of the threads whose checkpoints or writes hold an id or a line."""
    query = (
        "SELECT thread_id FROM checkpoints WHERE instr(checkpoint, ?1) OR instr(metadata, ?1) "
        "UNION SELECT thread_id FROM writes WHERE instr(value, ?1)"
    )
    return {thread for (thread,) in connection.execute(query, (needle.encode(errors="replace"),))}


def check_tables(connection: sqlite3.Connection, file: Path) -> None:
    """Check that a file has the tables and columns that are used here, once LangGraph has set it up.

    Raises:
        StoreError: One is missing.
    """
    if missing := missing_columns(connection):
        from importlib.metadata import version

        from ...contract import StoreError

        raise StoreError(
            f"The conversations in {file} cannot be read with {_PACKAGE} {version(_PACKAGE)}: they have no "
            f"{', '.join(missing)}. Install a version that HEF was tested with: "
            f'pip install "{_PACKAGE}{_TESTED}".'
        )


def missing_columns(connection: sqlite3.Connection) -> list[str]:
    """Return the columns of `TABLES` that a file lacks."""
    return [
        f"column {table}.{column}"
        for table, columns in TABLES.items()
        for column in sorted(columns - table_columns(connection, table))
    ]


def table_columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Return the columns of a table, none where there is no such table."""
    return {column for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _prefix(person: str) -> str:
    return _encodable(person.replace("%", "%25").replace("/", "%2F")) + "/"


def _encodable(name: str) -> str:
    """Return a name that a database can hold: bytes of an argument that are not UTF-8 are half characters in Python."""
    return re.sub("[\ud800-\udfff]", lambda half: f"%u{ord(half[0]):04x}", name)
