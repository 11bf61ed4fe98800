"""A front end that sends its whole transcript each time, whose turns are answered without a graph."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hef.contract import Memory
from hef.memory import aremember_turn, list_turns
from hef.serving.chat_chunks import ReplyEnd
from hef.serving.chat_conversations import Conversations, TurnPlan
from hef.serving.chat_request import ChatMessage
from hef.serving.threads.turn_table import TurnRow
from langgraph.store.memory import InMemoryStore

LATER = 3600.0
"""Seconds after which the same request is meant."""


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 1_000_000.0

    def __call__(self) -> float:
        return self.time


def spoken(*texts: str, system: str = "") -> list[ChatMessage]:
    """Return a transcript that begins with the person."""
    said = [ChatMessage("user" if place % 2 == 0 else "assistant", text) for place, text in enumerate(texts)]
    return [ChatMessage("system", system), *said] if system else said


class TranscriptClient:
    """Answers turns with numbered replies, so that no two are the same, and remembers them as the graph does."""

    def __init__(self, conversations: Conversations, store: InMemoryStore, clock: Clock) -> None:
        self.conversations, self.store, self.clock = conversations, store, clock
        self.runs = 0
        self.say: str | None = None
        """What is replied; None numbers the replies."""
        self.plan: TurnPlan | None = None
        """The newest turn."""
        self.gate: asyncio.Event | None = None
        """What replies wait for."""

    async def ask(
        self,
        *texts: str,
        messages: Sequence[ChatMessage] = (),
        chat_id: str | None = None,
        person: str | None = "ana",
        character: str | None = None,
        retried: bool = False,
        is_whole: bool = False,
        is_delivered: bool = True,
    ) -> str:
        """Send a transcript, and return the reply; a second passes until the client has it."""
        self.plan = await self.conversations.open(
            person=person,
            character=character,
            chat_id=chat_id,
            messages=messages or spoken(*texts),
            retried=retried,
            is_whole=is_whole,
        )
        async with self.plan as plan:
            answer = plan.answered
            if answer is None:
                answer = ReplyEnd(await self._run(plan, person, character))
                await plan.finish(answer)
            self.clock.time += 1
            if is_delivered:
                await plan.delivered()
        return answer.text

    async def find_continued(
        self, *texts: str, chat_id: str | None = None, person: str | None = "ana"
    ) -> TurnRow | None:
        """Return the turn whose reply a transcript ends with, where more of it is wanted."""
        return await self.conversations.find_continued(
            person=person, character=None, chat_id=chat_id, messages=spoken(*texts)
        )

    async def talk(self, *said: str, chat_id: str | None = None) -> list[str]:
        """Say one thing after the other, an hour between, and return the transcript."""
        transcript: list[str] = []
        for text in said:
            transcript += [text, await self.ask(*transcript, text, chat_id=chat_id)]
            self.clock.time += LATER
        return transcript

    def remembered(self, person: str = "ana") -> list[tuple[int, str]]:
        """Return the turns that are remembered: the number of each and what was said."""
        return sorted((turn.turn or 0, turn.text) for turn in list_turns(self.store, person))

    def replies(self, person: str = "ana") -> list[str]:
        """Return the replies that are remembered."""
        return [turn.reply for turn in sorted(list_turns(self.store, person), key=lambda turn: turn.turn or 0)]

    async def _run(self, plan: TurnPlan, person: str | None, character: str | None) -> str:
        self.runs += 1
        reply = self.say or f"This is reply number {self.runs} to all that was said."
        if self.gate:
            await self.gate.wait()
        if person is None or plan.memory_id is None or plan.row is None:
            return reply
        memory = Memory(
            id=plan.memory_id,
            text=str(plan.messages[-1].text),
            reply=reply,
            turn=plan.row.number,
            thread=plan.row.thread,
            character=character or "",
            time=1.0,
        )
        await aremember_turn(self.store, person, memory)
        return reply
