"""Which branch of a conversation is in use, and what of the others the memory keeps.

What a transcript shows need not be what the conversation is: a front end sends the oldest messages alone to have them
summed up, and goes on with the newest. So a turn in whose place stands another one is set aside: nobody is shown it.
It comes back as soon as a transcript shows it, and is forgotten once one shows the reply of the branch in its place.
"""

from __future__ import annotations

from collections.abc import Sequence

from .transcript_position import TranscriptPosition, is_begun
from .transcript_prints import TranscriptPrints
from .turn_memory import TurnMemory
from .turn_table import IN_USE, SET_ASIDE, TurnRow, TurnTable


async def take_branch(
    table: TurnTable,
    memory: TurnMemory,
    row: TurnRow,
    prints: TranscriptPrints,
    position: TranscriptPosition,
    now: float,
) -> str:
    """Make a turn the last one of its conversation, and return what could not be done.

    The memory shows what it may before the table says so, and hides after it: if the process dies between the two, a
    turn is shown too long, and none is lost. One message after another, without a reply between them, may be all that a
    client ever shows: those before stay until it shows a reply, but for one that was cut off and is said in full now,
    and one that was edited.

    Args:
        table: The turns that are known.
        memory: Where they are remembered.
        row: The turn.
        prints: The transcript, which ends with it.
        position: Where it stands.
        now: Unix time in seconds.
    """
    before = earlier = await table.turn(row.parent)
    if row.parent and before is None:
        await table.set_branch([row])  # forgotten meanwhile, so that nothing tells which turns are of other branches
        return ""
    branch = [row]
    while earlier is not None and earlier.active != IN_USE:
        branch.append(earlier)
        earlier = await table.turn(earlier.parent)
    kept = {*(one.id for one in branch), *([earlier.id] if earlier else [])}
    remembered = await table.remembered_from(row.thread, earlier.number if earlier else 1)
    others = [one for one in remembered if one.id not in kept]
    left = [one for one in others if one.active == IN_USE]
    if prints.is_one_message and not position.is_edited_beginning and not any(one.parent for one in left):
        kept |= {one.id for one in left if not is_begun(one, prints, now)}
        others, left = ([one for one in rows if one.id not in kept] for rows in (others, left))
    is_confirmed = position.is_reply_shown and before is not None and before.active == IN_USE
    gone = _replaced(others, before.number) if before and is_confirmed else []
    aside = [one for one in left if one not in gone]
    returned = [one for one in branch if one.active == SET_ASIDE]
    if fault := await memory.take_back(returned) or await memory.forget(gone):
        return fault
    await table.set_branch(branch, aside, gone)
    if fault := await memory.set_aside(aside):
        await table.set_branch(aside)  # so that the next request does it again
        return fault
    return await _take_reply(table, memory, before, row, prints) if before else ""


async def take_edits(table: TurnTable, memory: TurnMemory, position: TranscriptPosition) -> str:
    """Remember earlier turns of a branch in the words that a transcript shows, and return what could not be done."""
    for row, exchange in position.edited:
        if fault := await memory.correct_words(row, exchange.words):
            return fault
        await table.set_words_hash(row.id, exchange.words_hash)
    return ""


def _replaced(rows: Sequence[TurnRow], number: int) -> list[TurnRow]:
    """Return the turns that belong to branches which begin at the turn with a number, or before it."""
    known = {row.id: row for row in rows}

    def begins(row: TurnRow) -> int:
        while row.parent in known:
            row = known[row.parent]
        return row.number

    return [row for row in rows if begins(row) <= number]


async def _take_reply(
    table: TurnTable, memory: TurnMemory, before: TurnRow, row: TurnRow, prints: TranscriptPrints
) -> str:
    """Remember the reply to the turn before as the transcript shows it, and return what could not be done."""
    last = prints.exchanges[-1] if prints.exchanges and before.number == row.number - 1 else None
    if last is None or not last.reply or before.reply in last.replies:
        return ""
    if fault := await memory.correct_reply(before, prints.last_reply):
        return fault
    await table.set_reply(before.id, last.reply)
    return ""
