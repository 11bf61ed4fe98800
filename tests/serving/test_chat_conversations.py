"""Which conversation and which turn a transcript is: retries, regenerated replies, edits, clients that trim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hef.contract import Memory
from hef.memory import list_turns
from hef.serving.chat_chunks import ReplyEnd
from hef.serving.chat_conversations import Conversations, TurnPlan
from hef.serving.chat_request import ChatMessage
from langgraph.store.memory import InMemoryStore

LATER = 3600.0


class Clock:
    def __init__(self) -> None:
        self.time = 1_000_000.0

    def __call__(self) -> float:
        return self.time


def spoken(*texts: str, system: str = "") -> list[ChatMessage]:
    """Return a transcript that begins with the person."""
    said = [ChatMessage("user" if place % 2 == 0 else "assistant", text) for place, text in enumerate(texts)]
    return [ChatMessage("system", system), *said] if system else said


class Client:
    """A front end of one person, whose replies are numbered so that no two are the same."""

    def __init__(self, conversations: Conversations, store: InMemoryStore, clock: Clock) -> None:
        self.conversations, self.store, self.clock, self.runs = conversations, store, clock, 0

    async def ask(
        self,
        messages: Sequence[ChatMessage],
        *,
        chat_id: str | None = None,
        person: str = "ana",
        character: str | None = None,
        is_delivered: bool = True,
        retried: bool = False,
    ) -> str:
        """Send a transcript, and return the reply; a second passes."""
        plan = await self.conversations.open(
            person=person, character=character, chat_id=chat_id, messages=messages, retried=retried
        )
        async with plan:
            self.plan = plan
            answer = plan.answered
            if answer is None:
                answer = ReplyEnd(await self.run(plan, person))
                await plan.finish(answer)
            self.clock.time += 1
            if is_delivered:
                await plan.delivered()
        return answer.text

    async def run(self, plan: TurnPlan, person: str) -> str:
        self.runs += 1
        reply = f"This is the reply number {self.runs} to all that was said."
        assert plan.memory_id
        assert plan.row
        said = str(plan.messages[-1].text)
        memory = Memory(id=plan.memory_id, text=said, reply=reply, turn=plan.row.number, thread=plan.row.thread, time=1)
        from hef.memory import aremember_turn

        await aremember_turn(self.store, person, memory)
        return reply

    def remembered(self, person: str = "ana") -> list[tuple[int, str]]:
        return sorted((turn.turn or 0, turn.text) for turn in list_turns(self.store, person))

    async def talk(self, *said: str, **options: Any) -> list[str]:
        """Say one thing after the other, and return the transcript."""
        transcript: list[str] = []
        for text in said:
            transcript.append(text)
            transcript.append(await self.ask(spoken(*transcript), **options))
            self.clock.time += LATER
        return transcript


@pytest.fixture
def client() -> Client:
    store, clock = InMemoryStore(), Clock()
    return Client(Conversations(store=store, now=clock), store, clock)


CHAT_IDS = pytest.mark.parametrize("chat_id", [None, "chat"])


@CHAT_IDS
async def test_a_conversation_goes_on_and_its_turns_are_counted(client: Client, chat_id: str | None) -> None:
    await client.talk("One.", "Two.", "Three.", chat_id=chat_id)

    assert client.remembered() == [(1, "One."), (2, "Two."), (3, "Three.")]
    assert len({turn.thread for turn in list_turns(client.store, "ana")}) == 1
