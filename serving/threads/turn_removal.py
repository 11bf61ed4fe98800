"""Take turns out of the tables: those of a person, of conversations, or single ones that the memory forgets.

The conversation that loses a turn goes on: what followed it follows the turn before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ...memory import turn_id
from .transcript_prints import digest
from .turn_table import LETTERS, Database, Statement

_AT_ONCE = 500
"""Values in a statement at most; databases limit them."""


async def remove_person(
    database: Database, person: str, threads: Collection[str] = (), characters: Iterable[str | None] = ()
) -> int:
    """Delete all turns of a person, and return how many there were.

    Args:
        database: Where they are.
        person: Who.
        threads: Conversations of theirs, which rows of an earlier version do not say of themselves.
        characters: With whom they may have talked; None is nobody in particular.
    """
    own = digest(person)
    scopes = {digest(person, character, None) for character in {None, *characters}}
    where = "person = ? OR scope IN (SELECT scope FROM hef_chat_turns WHERE person = ?)"
    ids = await _ids(database, where, [own, own])
    ids |= await _ids_among(database, "scope", scopes)
    return await _delete(database, ids | await _ids_among(database, "thread", threads, person))


async def remove_threads(database: Database, person: str, threads: Collection[str]) -> int:
    """Delete all turns of a person's conversations, and return how many there were."""
    return await _delete(database, await _ids_among(database, "thread", threads, person))


async def remove_turns(database: Database, person: str, memories: Mapping[str, Collection[str]]) -> int:
    """Delete single turns, and return how many there were.

    Args:
        database: Where they are.
        person: Whose.
        memories: For each conversation, ids under which the memory has them.
    """
    count = 0
    for thread, ids in memories.items():
        own = "SELECT id, parent, key FROM hef_chat_turns WHERE thread = ? AND person IN (?, '')"
        rows = await database.run(own, [thread, digest(person)])
        parents = {row: parent for row, parent, key in rows if turn_id(thread, key) in ids}
        relink = "UPDATE hef_chat_turns SET parent = ? WHERE parent = ?"
        count += await _delete(database, parents, [(relink, [_kept(row, parents), row]) for row in parents])
    return count


def _kept(row: str, parents: Mapping[str, str]) -> str:
    """Return the last turn before one that is not deleted as well; empty where there is none."""
    passed = {row}
    while row in parents:
        row = parents[row]
        if row in passed:
            return ""
        passed.add(row)
    return row


async def _ids(database: Database, where: str, values: Sequence[str]) -> set[str]:
    return {row[0] for row in await database.run(f"SELECT id FROM hef_chat_turns WHERE {where}", values)}


async def _ids_among(database: Database, column: str, values: Collection[str], person: str | None = None) -> set[str]:
    """Return the ids of turns with one of some values in a column, of a person or of nobody that the rows name."""
    ids: set[str] = set()
    for part in _parts(values):
        where, own = f"{column} IN ({_marks(part)})", [] if person is None else [digest(person)]
        ids |= await _ids(database, f"{where} AND person IN (?, '')" if own else where, [*part, *own])
    return ids


async def _delete(database: Database, ids: Collection[str], before: Sequence[Statement] = ()) -> int:
    """Delete turns with all that is known of them, and return how many there were."""
    if before:
        await database.run_all(before)
    for part in _parts(ids):
        answers = [*part, *(LETTERS + id for id in part)]
        await database.run_all(
            [
                (f"DELETE FROM hef_chat_answers WHERE turn IN ({_marks(answers)})", answers),
                (f"DELETE FROM hef_chat_replies WHERE turn IN ({_marks(part)})", part),
                (f"DELETE FROM hef_chat_turns WHERE id IN ({_marks(part)})", part),
            ]
        )
    if ids:
        await database.clear_deleted()
    return len(ids)


def _parts(values: Collection[str]) -> Iterator[list[str]]:
    listed = sorted(values)
    yield from (listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE))


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" for _ in values)
