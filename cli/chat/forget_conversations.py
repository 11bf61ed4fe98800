"""Take what is forgotten out of the conversations of `hef chat`, and out of the file that they are in."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...contract import Memory, StoreError
from ...contract.text import MAX_STORED_CHARACTERS
from .chat_threads import CONVERSATIONS, belongs_to, check_tables, stored_threads, thread_name, threads_holding

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage
    from langgraph.checkpoint.base import CheckpointTuple
    from langgraph.checkpoint.sqlite import SqliteSaver

_READER_TIMEOUT_MS = 3000
"""How long the file waits for another program to finish reading."""
_MIN_SAYING = 8
"""Characters of the shortest line that is looked for in files: "yes" stands in many."""
DEV_SERVER = ".langgraph_api"
"""Folder of the pickles in which `langgraph dev` keeps threads, in the folder where it was started."""


@dataclass(slots=True)
class CleanedConversations:
    """What became of a person's conversations."""

    deleted: int = 0
    """Conversations that were deleted."""
    shortened: int = 0
    """Conversations that lost turns, or what they had recalled, and go on."""
    sayings: set[str] = field(default_factory=set)
    """Lines that were said in what was taken out."""
    repeated: list[str] = field(default_factory=list)
    """Conversations and turns in which the same words stand elsewhere, and what to do."""
    left: list[str] = field(default_factory=list)
    """Files in which deleted words are left, why, and what to do; empty when nothing is."""


def forget_conversations(
    home: Path, person: str, turns: Collection[Mapping[str, Any]], deletes: Callable[[str], bool]
) -> CleanedConversations:
    """Take forgotten turns out of a person's conversations, and rewrite the file without them.

    A conversation that had recalled one of them keeps its messages and loses all else. One in which a forgotten turn
    cannot be told from the others is deleted. Whoever calls this holds the person's `turn_lock`.

    Args:
        home: The folder of conversations.
        person: Whose they are.
        turns: The stored values of the forgotten turns.
        deletes: Whether a conversation, given by its id, is to be deleted entirely.

    Raises:
        StoreError: The file cannot be written, as on a full disk, or LangGraph keeps it in a way that is unknown here.
    """
    try:
        return _forget(home, person, turns, deletes)
    except sqlite3.Error as error:
        raise StoreError(
            f"The conversations in {home / CONVERSATIONS} could not be rewritten: {error}. Check that the file may be "
            "written and has room, and do it again."
        ) from error


def _forget(
    home: Path, person: str, turns: Collection[Mapping[str, Any]], deletes: Callable[[str], bool]
) -> CleanedConversations:
    result = CleanedConversations(sayings={line for turn in turns for line in _lines(turn.get("text"))})
    if not (home / CONVERSATIONS).exists():
        return result
    from langgraph.checkpoint.sqlite import SqliteSaver

    with SqliteSaver.from_conn_string(str(home / CONVERSATIONS)) as saver:
        saver.setup()
        saver.conn.execute("PRAGMA secure_delete = ON")
        check_tables(saver.conn, home / CONVERSATIONS)
        threads = [thread for thread in stored_threads(saver.conn) if belongs_to(person, thread)]
        ids = {str(turn.get("id")) for turn in turns}
        needles = (*ids, *_searchable(result.sayings))
        holding = {thread for needle in needles for thread in threads_holding(saver.conn, needle)}
        for thread in threads:
            own = [turn for turn in turns if turn.get("thread") in (thread, thread_name(person, thread))]
            _clean(saver, thread, own, result, delete=deletes(thread), recalled=thread in holding)
        saver.conn.commit()
        result.left += _rewrite(saver.conn, home / CONVERSATIONS)
        result.repeated += _repetitions(saver.conn, person, result.sayings)
    return result


def rewrite_conversations(home: Path) -> list[str]:
    """Rewrite the file of conversations without what was deleted; return why that could not be done."""
    if not (home / CONVERSATIONS).exists():
        return []
    with closing(sqlite3.connect(home / CONVERSATIONS)) as connection:
        return list(_rewrite(connection, home / CONVERSATIONS))


def turns_with_the_same_words(memories: Iterable[Memory], sayings: Collection[str]) -> Iterator[str]:
    """Yield which of a person's turns still hold a line, because it was said again or a reply repeats it."""
    lines = _searchable(sayings)
    for memory in memories:
        if any(line in text for line in lines for text in (memory.text, memory.reply, *memory.causes)):
            yield _same_words(f"in the turn {memory.id[:12]}", f"--id {memory.id[:12]}")


def dev_server_traces(folders: Iterable[Path], sayings: Collection[str]) -> Iterator[str]:
    """Yield in which files of a development server one of these lines stands, and what to do."""
    needles = [line.encode() for line in _searchable(sayings)]
    for folder in {folder.resolve() / DEV_SERVER for folder in folders}:
        for file in sorted(folder.rglob("*")) if needles else ():
            content = file.read_bytes() if file.is_file() else b""
            if any(needle in content for needle in needles):
                yield f"{file}: `langgraph dev` keeps its threads there; stop it and delete {folder}"


def _clean(
    saver: SqliteSaver,
    thread: str,
    own: Sequence[Mapping[str, Any]],
    result: CleanedConversations,
    *,
    delete: bool,
    recalled: bool,
) -> None:
    """Delete a conversation, or take turns out of it; leave one alone that holds none and has recalled none."""
    state = saver.get_tuple({"configurable": {"thread_id": thread, "checkpoint_ns": ""}})
    messages: list[AnyMessage] = list(state.checkpoint["channel_values"].get("messages", [])) if state else []
    kept = None if delete else without_turns(messages, own)
    if kept is None or (own and not any(message.type == "human" for message in kept)):
        result.sayings.update(line for message in messages if message.type == "human" for line in _lines(message.text))
        saver.delete_thread(thread)
        result.deleted += 1
    elif state and (own or recalled):
        _keep_messages(saver, thread, state, kept)
        result.shortened += 1


def without_turns(messages: Sequence[AnyMessage], turns: Sequence[Mapping[str, Any]]) -> list[AnyMessage] | None:
    """Return messages without those of stored turns, None where one of the turns cannot be found.

    Args:
        messages: A conversation.
        turns: The stored values of turns in it.
    """
    segments = list(_segments(messages))
    for turn in turns:
        text = "\n".join(_lines(turn.get("text")))
        same_text = [segment for segment in segments if _is_stored_as(_spoken_lines(segment), text)]
        answered = [segment for segment in same_text if segment[-1].text.strip() == str(turn.get("reply", "")).strip()]
        if not same_text:
            return None
        segments.remove((answered or same_text)[0])
    return [message for segment in segments for message in segment]


def _segments(messages: Sequence[AnyMessage]) -> Iterator[list[AnyMessage]]:
    """Yield the messages of each turn: what the person said since the last reply, and the reply."""
    segment: list[AnyMessage] = []
    for message in messages:
        if segment and segment[-1].type == "ai" and message.type != "ai":
            yield segment
            segment = []
        segment.append(message)
    if segment:
        yield segment


def _spoken_lines(segment: Sequence[AnyMessage]) -> str:
    return "\n".join(line for message in segment if message.type == "human" for line in _lines(message.text))


def _is_stored_as(utterance: str, stored: str) -> bool:
    """Return whether what was said is stored as a text: whole, or the end of a long turn."""
    return utterance == stored or (len(stored) > MAX_STORED_CHARACTERS // 2 and utterance.endswith(stored))


def _lines(text: object) -> list[str]:
    return [line.strip() for line in str(text or "").splitlines() if line.strip()]


def _searchable(sayings: Iterable[str]) -> list[str]:
    return [line for line in sayings if len(line) >= _MIN_SAYING]


def _keep_messages(saver: SqliteSaver, thread: str, state: CheckpointTuple, messages: list[AnyMessage]) -> None:
    """Replace all checkpoints of a conversation by its newest one with these messages and nothing else."""
    checkpoint = {**state.checkpoint, "channel_values": {"messages": messages}}
    saver.delete_thread(thread)
    where: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    saver.put(where, checkpoint, state.metadata, {})  # type: ignore[arg-type]


def _repetitions(connection: sqlite3.Connection, person: str, sayings: Iterable[str]) -> Iterator[str]:
    """Yield which of a person's conversations still hold a line, because it was said again or a reply repeats it."""
    threads = {thread for line in _searchable(sayings) for thread in threads_holding(connection, line)}
    for name in sorted(thread_name(person, thread) for thread in threads if belongs_to(person, thread)):
        yield _same_words(f"elsewhere in the conversation {name}", f"--thread {name}")


def _same_words(where: str, selection: str) -> str:
    return (
        f"the same words stand {where}, where they were said again or a reply repeats them; "
        f"`hef memory forget {selection}` deletes it"
    )


def _rewrite(connection: sqlite3.Connection, file: Path) -> Iterator[str]:
    """Rewrite the file without deleted rows; yield why it could not be done."""
    connection.execute(f"PRAGMA busy_timeout = {_READER_TIMEOUT_MS}")
    try:
        connection.execute("VACUUM")
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        reason = "another program is reading it" if busy else ""
    except sqlite3.Error as error:
        reason = str(error)
    if reason:
        yield f"{file}: {reason}, so it still holds what was deleted; end that and run `hef memory compact`"
