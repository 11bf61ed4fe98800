"""LangGraph's checkpoint tables are as `chat_threads` describes them.

When LangGraph changes them, the test that names the table fails, and says what it is used for.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hef.cli.chat import chat_threads
from hef.cli.chat.conversation_list import kept_conversations
from hef.cli.chat.forget_conversations import forget_conversations
from hef.contract import StoreError
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver
from project import MODULES, module_name

SAID = "My dog Bello died last night."
LOOKED_THROUGH = {"checkpoints": {"checkpoint", "metadata"}, "writes": {"value"}}
WITHOUT_WORDS = {
    "checkpoints": {"thread_id", "checkpoint_ns", "checkpoint_id", "parent_checkpoint_id", "type"},
    "writes": {"thread_id", "checkpoint_ns", "checkpoint_id", "task_id", "task_path", "idx", "channel", "type"},
}


@pytest.fixture
def saver() -> Iterator[SqliteSaver]:
    with SqliteSaver.from_conn_string(":memory:") as saver:
        saver.setup()
        yield saver


def put(saver: SqliteSaver, thread: str, text: str = "", note: str = "") -> Any:
    checkpoint = {**empty_checkpoint(), "channel_values": {"messages": [HumanMessage(text)]}}
    config: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    metadata: Any = {"note": note}
    return saver.put(config, checkpoint, metadata, {})  # type: ignore[arg-type]


def test_the_tables_have_the_columns_that_are_read(saver: SqliteSaver) -> None:
    assert chat_threads.missing_columns(saver.conn) == [], (
        "langgraph-checkpoint-sqlite has changed its tables: conversations are listed, searched for forgotten words "
        "and cut to their newest checkpoint by these columns; read its schema and adapt the SQL in chat_threads"
    )


def test_words_are_kept_nowhere_else(saver: SqliteSaver) -> None:
    names = saver.conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    columns = {name: chat_threads.table_columns(saver.conn, name) for (name,) in names}

    assert columns == {name: LOOKED_THROUGH[name] | WITHOUT_WORDS[name] for name in LOOKED_THROUGH}, (
        "langgraph-checkpoint-sqlite has another table or column: if it can hold what was said or recalled, "
        "`hef memory forget` must look there, in chat_threads.threads_holding; then add it here"
    )


def test_words_are_found_in_checkpoints_metadata_and_writes(saver: SqliteSaver) -> None:
    put(saver, "a", text=SAID)
    put(saver, "b", note=SAID)
    saver.put_writes(put(saver, "c"), [("messages", [HumanMessage(SAID)])], "task")
    put(saver, "d")

    assert chat_threads.threads_holding(saver.conn, SAID) == {"a", "b", "c"}, (
        "LangGraph no longer stores texts as they are: what is forgotten cannot be found in conversations by its words"
    )


def test_threads_are_listed_by_their_newest_checkpoint(saver: SqliteSaver) -> None:
    for thread in ("a", "b", "a"):
        put(saver, thread)

    assert chat_threads.newest_threads(saver.conn) == ["a", "b"], "ids of checkpoints no longer grow with time"
    assert sorted(chat_threads.stored_threads(saver.conn)) == ["a", "b"]


def test_earlier_checkpoints_are_deleted_with_their_writes_and_the_newest_stays(saver: SqliteSaver) -> None:
    saver.put_writes(put(saver, "a", text=SAID), [("messages", [HumanMessage(SAID)])], "task")
    newest = put(saver, "a", text="It rains.")["configurable"]["checkpoint_id"]

    for statement in chat_threads.DELETE_EARLIER:
        saver.conn.execute(statement, ("a", "", newest))

    assert chat_threads.threads_holding(saver.conn, SAID) == set()
    assert chat_threads.threads_holding(saver.conn, "It rains.") == {"a"}


def test_a_file_with_other_tables_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {**chat_threads.TABLES, "writes": frozenset({"value", "channel_value"}), "blobs": frozenset({"data"})}
    monkeypatch.setattr(chat_threads, "TABLES", tables)
    (tmp_path / chat_threads.CONVERSATIONS).touch()

    for read in (
        lambda: list(kept_conversations(tmp_path, "ana")),
        lambda: forget_conversations(tmp_path, "ana", [], lambda _: False),
    ):
        with pytest.raises(
            StoreError, match=r"no column writes\.channel_value, column blobs\.data\. Install a version"
        ):
            read()


def test_no_other_module_has_sql_on_these_tables() -> None:
    sql = re.compile(rf"\b(?:FROM|INTO|UPDATE|JOIN) (?:{'|'.join(chat_threads.TABLES)})\b")
    modules = {module_name(path) for path in MODULES if sql.search(path.read_text(encoding="utf-8"))}

    assert modules == {"hef.cli.chat.chat_threads"}


def test_a_table_that_is_missing_is_named() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        assert "column checkpoints.metadata" in chat_threads.missing_columns(connection)
