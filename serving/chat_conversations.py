"""Which conversation and which turn a request is, told by the transcript that a client sends each time.

The transcript is what was said. The same request sent twice is one turn; a reply that is asked for again replaces the
earlier one; a turn that was edited begins a new branch, and what the abandoned branch said leaves the memory (see
`threads.branch`).
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from langchain_core.messages import AnyMessage
from langgraph.store.base import BaseStore
from pydantic import TypeAdapter

from ..contract import Memory
from ..contract.errors import error_text
from ..memory import turn_id
from .chat_chunks import ReplyEnd
from .chat_request import ChatMessage
from .front_ends.begun_reply import begun_reply, go_on_from, rest_of_reply
from .front_ends.turn_markers import without_marker
from .threads.branch import take_branch, take_edits
from .threads.graph_messages import graph_messages
from .threads.sqlite_turns import SqliteTurns
from .threads.transcript_position import (
    FRESH_SECONDS,
    KnownThread,
    TranscriptPosition,
    find_answered_turn,
    find_edited_turn,
    find_position,
    find_thread,
    new_row,
)
from .threads.transcript_prints import (
    TranscriptPrints,
    digest,
    first_letters,
    read_prints,
    reply_prints,
    shown_exchange,
)
from .threads.turn_memory import TurnMemory
from .threads.turn_removal import remove_person, remove_turns
from .threads.turn_table import Database, TurnRow, TurnTable

REPEAT_SECONDS = 2.0
"""Time after a reply was delivered in which the same request is the same turn, sent twice; later the reply is wanted
anew."""
_log = logging.getLogger(__name__)
_KEEP_SECONDS = 10.0
"""Time for which an answer is kept that was delivered: for requests that were sent before, and wait."""
_PURGE_SECONDS = 1.0
"""Time between two purges of answers that need not be given again."""
_UNASKED_SECONDS = 365 * 86_400.0
"""Time after which a conversation in which nobody asked anything is no longer known."""
_UNASKED_PURGE_SECONDS = 86_400.0
"""Time between two purges of these."""
_ANSWER = TypeAdapter(ReplyEnd)


@dataclass
class TurnPlan:
    """A request's turn, and the lock of its conversation while it is entered.

    Example:
        >>> async with await conversations.open(person="ana", character=None, chat_id=None, messages=messages) as turn:
        ...     answer = turn.answered
        ...     if answer is None:
        ...         config = {"configurable": turn.configurable}
        ...         out = await hef.ainvoke({"messages": turn.messages}, config, context=context)
        ...         answer = await turn.finish(ReplyEnd(out["messages"][-1].text, empathy=out["empathy"]))
        ...     await send(answer)
        ...     await turn.delivered()
    """

    messages: list[AnyMessage]
    """The transcript as the graph's input, with the same ids each time it is sent."""
    thread_id: str | None = None
    """The conversation; None where nobody is known, so that nothing is stored."""
    configurable: dict[str, Any] = field(default_factory=dict)
    """What the config of the run says; the graph has no checkpointer, for the transcript is its history."""
    answered: ReplyEnd | None = None
    """The answer to the same request, which is to be given again; None where the graph is to be run."""
    fault: str = ""
    """What could not be done, for `Empathy.degraded`; else empty."""
    row: TurnRow | None = None
    """The turn in the table."""
    begun: str = ""
    """How the client shows that the reply begins; the answer is what follows."""
    _conversations: Conversations | None = None
    _memory: TurnMemory | None = None
    _is_waiting: bool = False
    _locks: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def memory_id(self) -> str | None:
        """Id under which the memory holds the turn."""
        return None if self.row is None else turn_id(self.row.thread, self.row.key)

    async def finish(self, answer: ReplyEnd) -> ReplyEnd:
        """Note the complete answer before its last words are sent, and return it with what could not be done.

        What was sent twice gets it from here.
        """
        if self.fault and answer.empathy is not None:
            faults = "; ".join(filter(None, [answer.empathy.degraded, self.fault]))
            answer = replace(answer, empathy=answer.empathy.model_copy(update={"degraded": faults}))
        if self._conversations and self.row:
            whole = replace(answer, text=f"{self.begun}{answer.text}")
            heard = without_marker(whole.text)
            if self._memory and heard != answer.text:
                await self._memory.correct_reply(self.row, heard)
            self._is_waiting = not heard and bool(whole.text)
            await self._conversations._answer(self.row, whole)
        return answer

    async def interrupted(self, fragment: str) -> None:
        """Note how far the answer came, by which the client may show it."""
        if self._conversations and self.row:
            await self._conversations.add_reply(self.row, f"{self.begun}{fragment}")

    async def delivered(self) -> None:
        """Note that the client has all of the answer, so that the same request, later, asks for another reply.

        An answer that only says that the person has not ended leaves the turn open.
        """
        if self._conversations and self.row and not self._is_waiting:
            await self._conversations._deliver(self.row)

    async def __aenter__(self) -> Self:
        """Return the turn; its conversation is locked already."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let others have the conversation."""
        await self._locks.aclose()


class Conversations:
    """The conversations of all people.

    Args:
        database: Where turns are known; None keeps them in this process, until it ends.
        store: The memory, from which abandoned turns go; None where there is none.
        now: The clock, Unix time in seconds.
    """

    def __init__(
        self, database: Database | None = None, store: BaseStore | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._table = TurnTable(database or SqliteTurns())
        self._store, self._now, self._purged, self._unasked_purged = store, now, 0.0, 0.0
        self._key = b""

    async def open(
        self,
        *,
        person: str | None,
        character: str | None,
        chat_id: str | None,
        messages: Sequence[ChatMessage],
        retried: bool = False,
        is_whole: bool = False,
    ) -> TurnPlan:
        """Return the turn of a request, once nobody else answers in its conversation.

        Args:
            person: Who speaks; without one nothing is looked up or stored.
            character: Whom they speak to.
            chat_id: What the client calls the conversation; without one it is found by the transcript.
            messages: The transcript.
            retried: Whether the client says that it sends the request once more because no answer arrived.
            is_whole: Whether the client never leaves turns out of the middle of a transcript.
        """
        plan = TurnPlan(graph_messages(go_on_from(messages)), begun=begun_reply(messages))
        prints = await self._read_prints(person, messages)
        if person is None or prints is None:
            return plan
        arrived, scope = self._now(), digest(person, character, chat_id)
        await self._purge()
        async with AsyncExitStack() as stack:
            memory = TurnMemory(self._store, person, character)
            known = KnownThread(scope) if chat_id else await self._thread(scope, memory, prints, arrived)
            thread = known.id
            await stack.enter_async_context(self._table.database.lock(thread))
            position = await find_position(self._table, scope, thread, prints, is_whole=is_whole)
            position = replace(position, is_edited_beginning=known.is_edited_beginning)
            asked = new_row(scope, thread, person, prints, position, arrived)
            row, answer = await self._turn(asked, retried)
            plan.answered = rest_of_reply(answer, plan.begun) if answer else None
            if plan.answered is None:
                plan._memory = memory
                faults = [await take_branch(self._table, memory, row, prints, position, arrived)]
                faults.append(await take_edits(self._table, memory, position))
                plan.fault = "; ".join(filter(None, faults))
                if (row.asked, row.shown, row.answered, row.delivered) != (arrived, prints.turns, None, None):
                    await self._table.ask_again(row.id, arrived, prints.turns)
            plan._locks = stack.pop_all()
        plan.thread_id, plan.row, plan._conversations = thread, row, self
        plan.configurable = {"thread_id": thread, "turn_key": row.key, "turn_number": row.number}
        return plan

    async def find_continued(
        self, *, person: str | None, character: str | None, chat_id: str | None, messages: Sequence[ChatMessage]
    ) -> TurnRow | None:
        """Return the turn whose reply a transcript ends with, and of which more is wanted; None where there is none.

        It may have been edited. Other words of the assistant at the end are how its next reply shall begin. The
        arguments are those of `open`.
        """
        prints = await self._read_prints(person, messages)
        if person is None or prints is None or not messages or messages[-1].role != "assistant":
            return None
        scope = digest(person, character, chat_id)
        shown = shown_exchange(prints.words_hash, messages[-1].text, key=self._key)
        row = await find_answered_turn(self._table, scope, scope if chat_id else None, prints, shown)
        return row or (await find_edited_turn(self._table, scope, prints, shown) if chat_id else None)

    async def add_reply(self, row: TurnRow, reply: str) -> None:
        """Note another reply of a turn, by which it will be known: one that was continued, or as far as it came.

        Where that fails the turn may not be known again by it, and that is all.
        """
        try:
            await self._table.add_reply(row, reply_prints(reply, self._key))
        except Exception as error:
            _log.warning("a reply could not be noted: %s", error_text(error))

    async def forget_person(self, person: str, memories: Sequence[Memory]) -> None:
        """Forget all that was asked by a person, who is remembered no more.

        Args:
            person: Who.
            memories: What was remembered of them.
        """
        threads, characters = {turn.thread for turn in memories}, {turn.character or None for turn in memories}
        await remove_person(self._table.database, person, threads, characters)

    async def forget_turns(self, person: str, memories: Sequence[Memory]) -> None:
        """Forget turns that a person is no longer remembered by; their conversations go on."""
        ids: defaultdict[str, set[str]] = defaultdict(set)
        for turn in memories:
            ids[turn.thread].add(turn.id)
        await remove_turns(self._table.database, person, ids)

    async def check(self) -> None:
        """Ask the database for nothing.

        Raises:
            ApiError: With 503, it cannot be reached.
        """
        await self._table.database.run("SELECT 1")

    async def close(self) -> None:
        """Let go of the database."""
        await self._table.database.close()

    async def _read_prints(self, person: str | None, messages: Sequence[ChatMessage]) -> TranscriptPrints | None:
        """Return the fingerprints of a transcript, None where nobody is known or nothing was said."""
        if person is None:
            return None
        self._key = self._key or await self._table.database.key()
        return read_prints(messages, self._key)

    async def _thread(self, scope: str, memory: TurnMemory, prints: TranscriptPrints, now: float) -> KnownThread:
        """Return the conversation that a transcript continues, or begin one."""
        async with self._table.database.lock(scope):  # the same first words may arrive twice at once
            known = await find_thread(self._table, memory, scope, prints, now)
            if known is None:
                known = KnownThread(uuid4().hex)
                beginning = TranscriptPosition("", prints.turns)
                await self._table.add(new_row(scope, known.id, memory.person, prints, beginning, now))
            return known

    async def _turn(self, asked: TurnRow, retried: bool) -> tuple[TurnRow, ReplyEnd | None]:
        """Return the turn, which may be a new one, and the answer that it has if that is to be given again."""
        row = await self._table.child(asked.thread, asked.parent, asked.words_hash)
        if row is None:
            row = asked
            await self._table.add(row)
        is_repeated = retried or row.delivered is None or asked.asked <= row.delivered + REPEAT_SECONDS
        answer = await self._table.answer(row.id) if is_repeated and row.answered is not None else None
        return row, None if answer is None else _ANSWER.validate_json(answer)

    async def _answer(self, row: TurnRow, answer: ReplyEnd) -> None:
        now = self._now()
        words = _ANSWER.dump_json(answer).decode()
        # Where the client does not name the conversation, a first reply may be all that tells it.
        letters = "" if row.parent or row.thread == row.scope else first_letters(answer.text)
        prints = reply_prints(answer.text, self._key)
        await self._table.set_answer(row, prints, words, now, now + FRESH_SECONDS, letters)

    async def _deliver(self, row: TurnRow) -> None:
        now = self._now()
        await self._table.deliver(row.id, now, now + _KEEP_SECONDS)

    async def _purge(self) -> None:
        """Take the words of answers away that need not be given again, and conversations that nobody goes on with."""
        now = self._now()
        if now - self._purged < _PURGE_SECONDS:
            return
        self._purged = now
        is_due = now - self._unasked_purged >= _UNASKED_PURGE_SECONDS
        self._unasked_purged = now if is_due else self._unasked_purged
        await self._table.purge(now, now - _UNASKED_SECONDS if is_due else None)
