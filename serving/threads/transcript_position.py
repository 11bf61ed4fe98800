"""Where in which conversation a transcript ends: its exchanges beside those that are known.

Front ends trim old messages, cut replies short, add to the person's words, drop what they showed. So an exchange is
known by its reply or its words, the newest that is known decides, and without the name of a conversation (a chat id)
only what is hard to mistake counts: a mistake would take turns of another conversation out of the memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

from .edited_words import is_edited_beginning
from .transcript_prints import Exchange, TranscriptPrints, digest
from .turn_memory import TurnMemory
from .turn_table import ABANDONED, IN_USE, Candidate, TurnRow, TurnTable

FRESH_SECONDS = 600.0
"""Time in which an answer is given again that its client did not get, and in which the same first words, without a chat
id, belong to the conversation that they began; later they begin another."""
_EAGER_SECONDS = 180.0
"""Time in which a voice client that guessed the end of a first turn too early has sent all of it."""
_EDITED = 8
"""First turns at most whose words are compared, the newest."""
_EXCHANGES = 16
"""How many exchanges before the last turn are looked up."""


@dataclass(frozen=True, slots=True)
class TranscriptPosition:
    """Where a turn stands in its conversation."""

    parent: str
    """Id of the turn before, empty where none is known."""
    number: int
    """Which turn of the person's it is."""
    is_reply_shown: bool = False
    """Whether the transcript shows a reply that the turn before had, so that its client goes on from there."""
    is_edited_beginning: bool = False
    """Whether it takes the place of the first turn, whose words the person edited."""
    edited: tuple[tuple[TurnRow, Exchange], ...] = ()
    """Earlier turns of its branch that the transcript shows in other words, before the reply that they had."""


@dataclass(frozen=True, slots=True)
class KnownThread:
    """A conversation that a transcript continues."""

    id: str
    """Its id."""
    is_edited_beginning: bool = False
    """Whether the transcript is its first turn in other words."""


async def find_thread(
    table: TurnTable, memory: TurnMemory, scope: str, prints: TranscriptPrints, now: float
) -> KnownThread | None:
    """Return the conversation of a transcript that a client does not name, None for a new one."""
    if not prints.exchanges:
        return await _find_first_turn(table, memory, scope, prints, now)
    thread = await _find_continued_thread(table, scope, prints, now)
    return KnownThread(thread) if thread else None


async def _find_continued_thread(table: TurnTable, scope: str, prints: TranscriptPrints, now: float) -> str | None:
    """Return the conversation whose exchanges a transcript shows."""
    recent = prints.exchanges[-_EXCHANGES:]
    known = await table.candidates(scope, recent, None)
    for exchange, path in zip(reversed(recent), reversed(prints.paths[:-1]), strict=False):
        fitting = [one for one in known if _is_surely(one, exchange)]
        if len(fitting) > 1:
            threads = await table.threads_with(scope, prints.words_hash, [one.row.id for one in fitting])
            return max(fitting, key=lambda one: (*_likeness(one, exchange, path), *_order(one, threads))).row.thread
        if fitting:
            return fitting[0].row.thread
    return await _find_cut_reply(table, prints, known, now)


async def find_position(
    table: TurnTable, scope: str, thread: str, prints: TranscriptPrints, *, is_whole: bool = False
) -> TranscriptPosition:
    """Return where a transcript ends in its conversation.

    Args:
        table: The turns that are known.
        scope: Whose turns.
        thread: The conversation.
        prints: The transcript.
        is_whole: Whether its client never leaves turns out of the middle.
    """
    recent = prints.exchanges[-_EXCHANGES:]
    known = await table.candidates(scope, recent, thread) if recent else []
    for distance, exchange in enumerate(reversed(recent), start=1):
        path = prints.paths[-1 - distance]
        if fitting := [
            one for one in known if exchange.words_hash == one.row.words_hash or exchange.is_reply(one.replies)
        ]:
            best = max(
                fitting, key=lambda one: (*_likeness(one, exchange, path), one.row.active == IN_USE, one.row.asked)
            )
            row = ((_turn_before_wish(best, fitting, exchange) if is_whole else None) or best).row
            shown = exchange.is_reply(best.replies) or exchange.opens(best.openings)
            number = row.number + distance
            return TranscriptPosition(
                row.id, number, is_reply_shown=shown, edited=tuple(_edited(known, recent, number))
            )
    if prints.first_reply:
        reply = Exchange("", prints.first_reply, "")
        for one in await table.candidates(scope, [reply], thread):
            if one.row.active == IN_USE:
                return TranscriptPosition(one.row.id, one.row.number + prints.turns)
    return await _position_without_exchange(table, thread, prints)


def _edited(known: Sequence[Candidate], recent: Sequence[Exchange], number: int) -> Iterator[tuple[TurnRow, Exchange]]:
    """Yield turns and the exchanges that they are in other words; words that another turn had are that turn's."""
    known_hashes = {one.row.words_hash for one in known}
    for distance, exchange in enumerate(reversed(recent), start=1):
        if exchange.words_hash in known_hashes:
            continue
        for one in known:
            if one.row.number == number - distance and one.row.active == IN_USE and exchange.is_reply(one.replies):
                yield one.row, exchange


async def find_answered_turn(
    table: TurnTable, scope: str, thread: str | None, prints: TranscriptPrints, shown: Exchange
) -> TurnRow | None:
    """Return the turn at the end of a conversation whose reply a transcript ends with; None where there is none.

    Args:
        table: The turns that are known.
        scope: Whose turns.
        thread: The conversation; None where the client does not name it.
        prints: The transcript.
        shown: The person's last turn, and the words of the assistant after it.
    """
    for one in await table.candidates(scope, [shown], thread):
        row = one.row
        is_begun = shown.opens(one.openings) and (thread is None or row.answered is None)
        if row.words_hash != prints.words_hash or not (shown.is_reply(one.replies) or is_begun):
            continue
        if thread is not None:
            return row
        before = await table.turn(row.parent)
        hash_before = prints.exchanges[-1].words_hash if prints.exchanges else None
        if row.number == one.last and (before.words_hash if before else None) == hash_before:
            return row
    return None


async def find_edited_turn(table: TurnTable, thread: str, prints: TranscriptPrints, shown: Exchange) -> TurnRow | None:
    """Return the turn at the end of a named conversation in the place of whose reply a transcript shows other words.

    The person edited the reply, or stopped it before the client had shown what was sent. The arguments are those of
    `find_answered_turn`; a conversation that is named is its own scope.
    """
    position = await find_position(table, thread, thread, prints)
    for one in await table.candidates(thread, [shown], thread):
        if one.replies and (one.row.parent, one.row.words_hash) == (position.parent, prints.words_hash):
            return one.row
    return None


def _turn_before_wish(best: Candidate, others: Sequence[Candidate], exchange: Exchange) -> Candidate | None:
    """Return the turn before, where the client shows the reply to this one as that turn's own; else None.

    Open WebUI sends a wish about a reply ("more concise") as if the person said it, and shows the new reply in the
    place of the old one, and the wish no more. A client that leaves out what was said in the middle looks alike.
    """
    if best.row.words_hash == exchange.words_hash:
        return None
    return next(
        (one for one in others if one.row.id == best.row.parent and one.row.words_hash == exchange.words_hash), None
    )


async def _position_without_exchange(table: TurnTable, thread: str, prints: TranscriptPrints) -> TranscriptPosition:
    """Return where a transcript ends of which no exchange is known: at the beginning, or a client has cut it.

    A client that showed all so far and shows one turn alone has gone back to the beginning, unless a summary stands in
    the place of what it leaves out.
    """
    tip = await table.tip(thread)
    is_shorter = tip is not None and tip.number > 1 and (prints.exchanges or tip.shown < tip.number)
    is_cut = is_shorter or prints.is_summed_up
    if tip is None or not is_cut:
        return TranscriptPosition("", prints.turns)
    if tip.words_hash == prints.words_hash:
        return TranscriptPosition(tip.parent, tip.number)
    return TranscriptPosition(tip.id, tip.number + 1)


async def _find_first_turn(
    table: TurnTable, memory: TurnMemory, scope: str, prints: TranscriptPrints, now: float
) -> KnownThread | None:
    """Return the conversation that the same first words began not long ago, and that has not gone on since.

    Also one that the person began with a part of these words, if they went on before they had a reply, and one whose
    first words they edited.
    """
    hashes = [prints.words_hash, *prints.beginnings, *prints.fragments]
    recent = [one.row for one in await table.first_turns(scope, hashes, now - FRESH_SECONDS) if one.last <= 1]
    for row in recent:
        if row.words_hash == prints.words_hash or is_begun(row, prints, now):
            return KnownThread(row.thread)
    texts = await memory.words(recent[:_EDITED])
    edited = [row for row in recent if row.id in texts and is_edited_beginning(texts[row.id], prints.words)]
    # Of a client that sends each message alone, alike ones are messages of their own.
    if edited and await table.shows_transcripts(scope):
        return KnownThread(edited[0].thread, is_edited_beginning=True)
    return None


def is_begun(row: TurnRow, prints: TranscriptPrints, now: float) -> bool:
    """Return whether a first turn is what the person said so far of the one that a transcript ends with."""
    if row.delivered is not None or row.parent:
        return False
    return row.words_hash in prints.beginnings or (
        row.words_hash in prints.fragments and now - row.asked <= _EAGER_SECONDS
    )


async def _find_cut_reply(
    table: TurnTable, prints: TranscriptPrints, known: Sequence[Candidate], now: float
) -> str | None:
    """Return the conversation whose first reply was cut so short that its letters alone are no proof.

    Of speech that was interrupted at once, a client shows a word or two.
    """
    exchange = prints.exchanges[0]
    if len(prints.exchanges) > 1 or not exchange.letters:
        return None
    for one in known:
        is_last = one.row.words_hash == exchange.words_hash and not one.row.parent and one.row.number == one.last
        if is_last and now - one.row.asked <= FRESH_SECONDS:
            first = await table.first_letters(one.row.id)
            if first and first.startswith(exchange.letters):
                return one.row.thread
    return None


def _is_surely(one: Candidate, exchange: Exchange) -> bool:
    """Return whether a turn is an exchange, whatever conversation it may be in.

    The client may have cut a reply short, of which the opening tells; where it hung up, it may show no more than that.
    """
    if one.row.words_hash == exchange.words_hash:
        return exchange.is_reply(one.replies) or exchange.opens(one.openings) or one.row.delivered is None
    return any(opening and reply in one.replies for reply, opening in exchange.variants)


def _likeness(one: Candidate, exchange: Exchange, path: str) -> tuple[bool, bool, bool]:
    """Return what a turn and an exchange have in common, the most telling first."""
    return exchange.is_reply(one.replies), one.row.words_hash == exchange.words_hash, one.row.path == path


def _order(one: Candidate, threads: Collection[str]) -> tuple[bool, bool, float]:
    """Return what tells turns apart that are equally alike: what followed them, where nothing did yet, the newest."""
    return one.row.thread in threads, one.row.number == one.last, one.row.asked


def new_row(
    scope: str, thread: str, person: str, prints: TranscriptPrints, position: TranscriptPosition, now: float
) -> TurnRow:
    """Return a turn that nobody has answered yet."""
    return TurnRow(
        id=uuid4().hex,
        scope=scope,
        thread=thread,
        parent=position.parent,
        number=position.number,
        shown=prints.turns,
        path=prints.paths[-1],
        words_hash=prints.words_hash,
        key=prints.turn_key(position.number),
        active=ABANDONED,
        asked=now,
        person=digest(person),
    )
