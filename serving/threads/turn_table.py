"""The tables of the turns that were asked for: hashes of what was said, and an answer until its client has it.

SQL that SQLite and PostgreSQL both understand; what differs is in a `Database`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeAlias

from .transcript_prints import Exchange

TABLES = (
    """CREATE TABLE IF NOT EXISTS hef_chat_turns (
        id text PRIMARY KEY, scope text NOT NULL, thread text NOT NULL, parent text NOT NULL, number integer NOT NULL,
        shown integer NOT NULL, path text NOT NULL, said text NOT NULL, key text NOT NULL, active integer NOT NULL,
        asked double precision NOT NULL, answered double precision, delivered double precision, reply text NOT NULL,
        person text NOT NULL DEFAULT ''
    )""",
    """CREATE TABLE IF NOT EXISTS hef_chat_replies (
        scope text NOT NULL, reply text NOT NULL, opening text NOT NULL, turn text NOT NULL, PRIMARY KEY (turn, reply)
    )""",
)
ADD_PERSON = "ALTER TABLE hef_chat_turns ADD COLUMN {} person text NOT NULL DEFAULT ''"
"""What a table of an earlier version lacks, whose turns keep it empty."""
INDEXES = (
    "CREATE INDEX IF NOT EXISTS hef_chat_turns_said ON hef_chat_turns (scope, said)",
    "CREATE INDEX IF NOT EXISTS hef_chat_turns_thread ON hef_chat_turns (thread, active, number)",
    "CREATE INDEX IF NOT EXISTS hef_chat_turns_person ON hef_chat_turns (person)",
    "CREATE INDEX IF NOT EXISTS hef_chat_turns_asked ON hef_chat_turns (asked)",
    "CREATE INDEX IF NOT EXISTS hef_chat_replies_reply ON hef_chat_replies (scope, reply)",
)
KEYED = {"hef_chat_turns": ("said", "path", "reply"), "hef_chat_replies": ("reply", "opening")}
"""Columns whose hashes are made with the key of the database, by table; those of an earlier version are rewritten."""
KEY_BYTES = 32
"""Bytes of that key."""
ANSWERS = "TABLE IF NOT EXISTS hef_chat_answers (turn text PRIMARY KEY, answer text NOT NULL, expires double precision)"
"""The end of the statement that creates the one table with words in it; where it need not outlive a crash, it does not
reach a log on the disk."""
_ADD_REPLY = (
    "INSERT INTO hef_chat_replies (scope, reply, opening, turn) "
    "SELECT scope, ?, ?, id FROM hef_chat_turns WHERE id = ? ON CONFLICT DO NOTHING"
)
"""Of a turn that was forgotten while its reply was written, nothing is noted."""
LETTERS = "letters of "
"""Before a turn's id: what stands among the answers of the first letters of its reply, longer than the answer."""
_CANDIDATES = 64
"""Rows that are weighed at most; the newest."""
_SINGLE_MESSAGES = 3
"""Conversations of a person without a second message, from which on their client is one that shows no more."""


IN_USE, ABANDONED, SET_ASIDE = 1, 0, -1
"""Whether the memory holds a turn: it does, it does not any more, and it does while nobody is shown it."""
Statement: TypeAlias = tuple[str, Sequence[Any]]
"""SQL, and the values that stand at its question marks."""


class Database(Protocol):
    """What a table of turns is kept in."""

    async def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement whose values stand at its question marks, durably, and return its rows.

        Where a connection is lost it may run twice.
        """
        ...

    async def run_all(self, statements: Sequence[Statement]) -> None:
        """Run statements one after another in one round trip; where a connection is lost they may run twice."""
        ...

    def lock(self, key: str) -> AbstractAsyncContextManager[None]:
        """Hold a lock that one task of all processes on the database holds at a time; it ends with its process."""
        ...

    async def key(self) -> bytes:
        """Return the key of the hashes, which all processes on the database share."""
        ...

    async def clear_deleted(self) -> None:
        """Take what was deleted out of files, as far as that is in reach."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True)
class TurnRow:
    """A turn that was asked for."""

    id: str
    """Its key in the table."""
    scope: str
    """Hash of the person, the character and what the client calls the conversation, if it does."""
    thread: str
    """Id of the conversation."""
    parent: str
    """Id of the turn before, empty for the first one known."""
    number: int
    """Which turn of the person's it is, counted from 1."""
    shown: int
    """How many turns of the person the newest request for it showed; fewer than `number` where a client trims."""
    path: str
    """Hash of all that the person said up to it, as far as it was shown."""
    words_hash: str
    """Hash of the person's words."""
    key: str
    """What identifies it in its conversation, for the memory."""
    active: int
    """`IN_USE` where it belongs to the branch that the newest request shows, `SET_ASIDE` where another branch took its
    place and may be none, `ABANDONED` where it did."""
    asked: float
    """When it was asked for, Unix time in seconds."""
    answered: float | None = None
    """When the reply was complete; None while it is not."""
    delivered: float | None = None
    """When the client had all of the reply; None where nobody knows that it had."""
    reply: str = ""
    """Hash of the reply that the memory holds; empty where there was none yet."""
    person: str = ""
    """Hash of the person's id; empty in rows of an earlier version."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A turn that an exchange of a transcript may be."""

    row: TurnRow
    """The turn."""
    replies: frozenset[str]
    """Hashes of the replies that it had; a reply that was asked for again does not take the earlier one away."""
    openings: frozenset[str]
    """Hashes of their openings."""
    last: int
    """Number of the last turn of its conversation."""


_FIELDS = tuple(one.name for one in fields(TurnRow))
_RENAMED = {"words_hash": "said"}
"""Columns that are called otherwise than their field, as databases in use have them."""
_NAMES = tuple(_RENAMED.get(name, name) for name in _FIELDS)
_COLUMNS = ", ".join(f"t.{name}" for name in _NAMES)
_LAST = "(SELECT max(other.number) FROM hef_chat_turns AS other WHERE other.thread = t.thread AND other.active = 1)"


class TurnTable:
    """Reads and writes the turns.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    async def candidates(self, scope: str, exchanges: Iterable[Exchange], thread: str | None) -> list[Candidate]:
        """Return turns of a person, in all conversations or one, whose words or reply are those of an exchange."""
        exchanges = list(exchanges)
        words_hashes = list(dict.fromkeys(one.words_hash for one in exchanges))
        replies = list(dict.fromkeys(reply for one in exchanges for reply in one.replies))
        replied = f"SELECT turn FROM hef_chat_replies WHERE scope = ? AND reply IN ({_marks(replies)})"
        values: list[Any] = [scope, *words_hashes, scope, *replies]
        where = f"t.scope = ? AND (t.said IN ({_marks(words_hashes)}) OR t.id IN ({replied}))"
        if thread is not None:
            where, values = f"{where} AND t.thread = ?", [*values, thread]
        # Words may be said a thousand times; a reply tells more.
        order = f"CASE WHEN t.id IN ({replied}) THEN 0 ELSE 1 END, t.asked DESC"
        return await self._candidates(where, f"{order} LIMIT {_CANDIDATES}", [*values, scope, *replies])

    async def first_turns(self, scope: str, words_hashes: Sequence[str], since: float) -> list[Candidate]:
        """Return turns with which conversations of a person began not long ago, newest first.

        Where there are many, those with some words come before others.
        """
        where = "t.scope = ? AND t.parent = '' AND t.number = 1 AND t.asked >= ?"
        order = f"CASE WHEN t.said IN ({_marks(words_hashes)}) THEN 0 ELSE 1 END, t.asked DESC LIMIT {_CANDIDATES}"
        return await self._candidates(where, order, [scope, since, *words_hashes])

    async def shows_transcripts(self, scope: str) -> bool:
        """Return whether the client of a person may show what was said before: it did, or was seldom asked to."""
        rows = await self.database.run(
            "SELECT count(DISTINCT thread), max(shown) FROM hef_chat_turns WHERE scope = ?", [scope]
        )
        count, shown = rows[0]
        return count < _SINGLE_MESSAGES or (shown or 0) > 1

    async def threads_with(self, scope: str, words_hash: str, parents: Sequence[str]) -> set[str]:
        """Return the conversations in which a turn followed one of several."""
        sql = f"SELECT thread FROM hef_chat_turns WHERE scope = ? AND said = ? AND parent IN ({_marks(parents)})"
        return {row[0] for row in await self.database.run(sql, [scope, words_hash, *parents])}

    async def child(self, thread: str, parent: str, words_hash: str) -> TurnRow | None:
        """Return the turn that follows another with the given words."""
        return await self._one("t.thread = ? AND t.parent = ? AND t.said = ?", [thread, parent, words_hash])

    async def tip(self, thread: str) -> TurnRow | None:
        """Return the last turn of a conversation."""
        return await self._one("t.thread = ? AND t.active = 1", [thread])

    async def turn(self, turn: str) -> TurnRow | None:
        """Return a turn by its id; None where there is none, as before the first one."""
        return await self._one("t.id = ?", [turn]) if turn else None

    async def remembered_from(self, thread: str, number: int) -> list[TurnRow]:
        """Return the turns of the branch in use from a number on, and all that are set aside."""
        where = f"t.thread = ? AND (t.active = {SET_ASIDE} OR (t.active = {IN_USE} AND t.number >= ?))"
        return await self._rows(where, "t.number", [thread, number])

    async def add(self, row: TurnRow) -> None:
        """Add a turn."""
        sql = f"INSERT INTO hef_chat_turns ({', '.join(_NAMES)}) VALUES ({_marks(_NAMES)}) ON CONFLICT DO NOTHING"
        await self.database.run(sql, [getattr(row, name) for name in _FIELDS])

    async def ask_again(self, turn: str, now: float, shown: int) -> None:
        """Note that a turn is being answered anew; until then it has no answer."""
        sql = "UPDATE hef_chat_turns SET asked = ?, shown = ?, answered = NULL, delivered = NULL WHERE id = ?"
        await self.database.run_all(
            [(sql, [now, shown, turn]), ("DELETE FROM hef_chat_answers WHERE turn = ?", [turn])]
        )

    async def set_branch(
        self, branch: Sequence[TurnRow], set_aside: Sequence[TurnRow] = (), abandoned: Sequence[TurnRow] = ()
    ) -> None:
        """Take turns into the branch in use, and others out of it."""
        used, aside, gone = ([row.id for row in rows] for rows in (branch, set_aside, abandoned))
        states = f"WHEN id IN ({_marks(used)}) THEN {IN_USE} WHEN id IN ({_marks(aside)}) THEN {SET_ASIDE}"
        turns = [*used, *aside, *gone]
        sql = f"UPDATE hef_chat_turns SET active = CASE {states} ELSE {ABANDONED} END WHERE id IN ({_marks(turns)})"
        await self.database.run(sql, [*used, *aside, *turns])

    async def answer(self, turn: str) -> str | None:
        """Return the answer to a turn, None where it is gone or not there yet."""
        rows = await self.database.run("SELECT answer FROM hef_chat_answers WHERE turn = ?", [turn])
        return rows[0][0] if rows else None

    async def first_letters(self, turn: str) -> str | None:
        """Return the first letters of the reply to a turn; None where they are gone, or not kept."""
        return await self.answer(LETTERS + turn)

    async def set_answer(
        self, row: TurnRow, reply: tuple[str, str], answer: str, now: float, expires: float, letters: str = ""
    ) -> None:
        """Note the answer to a turn until it expires, the hashes of its reply, and if given its first letters."""
        add_answer = (
            "INSERT INTO hef_chat_answers (turn, answer, expires) VALUES (?, ?, ?) "
            "ON CONFLICT (turn) DO UPDATE SET answer = excluded.answer, expires = excluded.expires"
        )
        set_answered = "UPDATE hef_chat_turns SET reply = ?, answered = ?, delivered = NULL WHERE id = ?"
        statements: list[Statement] = [
            (_ADD_REPLY, [*reply, row.id]),
            (add_answer, [row.id, answer, expires]),
            (set_answered, [reply[0], now, row.id]),
        ]
        if letters:
            statements.append((add_answer, [LETTERS + row.id, letters, expires]))
        await self.database.run_all(statements)

    async def add_reply(self, row: TurnRow, reply: tuple[str, str]) -> None:
        """Note the hashes of another reply to a turn: one that was continued, or as far as it came."""
        await self.database.run(_ADD_REPLY, [*reply, row.id])

    async def set_reply(self, turn: str, reply: str) -> None:
        """Note the hash of the reply that the memory holds of a turn."""
        await self.database.run("UPDATE hef_chat_turns SET reply = ? WHERE id = ?", [reply, turn])

    async def set_words_hash(self, turn: str, words_hash: str) -> None:
        """Note the hash of the words of a turn, which were edited."""
        await self.database.run("UPDATE hef_chat_turns SET said = ? WHERE id = ?", [words_hash, turn])

    async def deliver(self, turn: str, now: float, expires: float) -> None:
        """Note that the client has all of the reply, and until when it may be wanted again."""
        sql = "UPDATE hef_chat_turns SET delivered = ? WHERE id = ? AND delivered IS NULL"
        await self.database.run_all(
            [(sql, [now, turn]), ("UPDATE hef_chat_answers SET expires = ? WHERE turn = ?", [expires, turn])]
        )

    async def purge(self, now: float, unasked_since: float | None = None) -> None:
        """Delete the answers that have expired, and conversations in which nothing was asked since a time."""
        statements: list[Statement] = [("DELETE FROM hef_chat_answers WHERE expires <= ?", [now])]
        if unasked_since is not None:
            later = "SELECT 1 FROM hef_chat_turns AS other WHERE other.thread = t.thread AND other.asked >= ?"
            old = f"SELECT id FROM hef_chat_turns AS t WHERE t.asked < ? AND NOT EXISTS ({later})"
            times = [unasked_since, unasked_since]
            statements.append((f"DELETE FROM hef_chat_replies WHERE turn IN ({old})", times))
            statements.append((f"DELETE FROM hef_chat_turns WHERE id IN ({old})", times))
        await self.database.run_all(statements)

    async def _candidates(self, where: str, order: str, values: Sequence[Any]) -> list[Candidate]:
        """Return the first turns in an order, the newest first, with their replies."""
        turns = f"SELECT {_COLUMNS}, {_LAST} AS last FROM hef_chat_turns AS t WHERE {where} ORDER BY {order}"
        replies = "hef_chat_replies AS r ON r.turn = t.id"
        sql = f"SELECT {_COLUMNS}, t.last, r.reply, r.opening FROM ({turns}) AS t LEFT JOIN {replies}"
        prints: dict[tuple[Any, ...], list[tuple[str | None, str | None]]] = {}
        for *turn, reply, opening in await self.database.run(f"{sql} ORDER BY t.asked DESC", values):
            prints.setdefault(tuple(turn), []).append((reply, opening))
        return [
            Candidate(
                row=TurnRow(*row),
                replies=frozenset(reply for reply, _ in pairs if reply),
                openings=frozenset(opening for _, opening in pairs if opening),
                last=last or 0,
            )
            for (*row, last), pairs in prints.items()
        ]

    async def _one(self, where: str, values: Sequence[Any]) -> TurnRow | None:
        rows = await self._rows(where, "t.number DESC, t.asked DESC LIMIT 1", values)
        return rows[0] if rows else None

    async def _rows(self, where: str, order: str, values: Sequence[Any]) -> list[TurnRow]:
        sql = f"SELECT {_COLUMNS} FROM hef_chat_turns AS t WHERE {where} ORDER BY {order}"
        return [TurnRow(*row) for row in await self.database.run(sql, values)]


def _marks(values: Sequence[Any]) -> str:
    """Return question marks for values; for none a value that equals nothing."""
    return ", ".join("?" for _ in values) or "NULL"
