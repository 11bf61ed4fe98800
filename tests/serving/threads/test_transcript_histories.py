"""Whatever a person says, edits and asks for again: the memory of a conversation is what its transcript holds."""

from __future__ import annotations

import asyncio

from hef.memory import list_turns
from hef.serving.chat_conversations import Conversations
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.store.memory import InMemoryStore
from transcript_client import LATER, Clock, TranscriptClient

WORDS = st.sampled_from(["Yes.", "No.", "I do not know."])
STEPS = st.one_of(
    st.tuples(st.just("say"), WORDS, st.integers(1, 3)),
    st.tuples(st.just("edit"), WORDS, st.integers(0, 5)),
    st.tuples(st.just("digress"), WORDS, st.integers(0, 5)),
    st.tuples(st.just("again"), st.just(""), st.just(0)),
    st.tuples(st.just("repeat"), st.just(""), st.just(0)),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(steps=st.lists(STEPS, min_size=1, max_size=12), chat_id=st.sampled_from([None, "chat"]))
def test_the_memory_of_a_conversation_is_what_its_transcript_holds(
    steps: list[tuple[str, str, int]], chat_id: str | None
) -> None:
    asyncio.run(_follow(steps, chat_id))


async def _follow(steps: list[tuple[str, str, int]], chat_id: str | None) -> None:
    store, clock = InMemoryStore(), Clock()
    client = TranscriptClient(Conversations(store=store, now=clock), store, clock)
    said: list[str] = []  # what the person said, and after each the reply
    is_trimmed = False
    lone: set[str] = set()  # first words that were edited before the client showed a reply
    for step, text, number in steps:
        runs = client.runs
        match step:
            case "say":
                said.append(text)
                shown = said[-1 - 2 * number :]  # the newest exchanges
                is_trimmed = len(shown) < len(said)
                said.append(await client.ask(*shown, chat_id=chat_id))
            case "edit" if (place := 2 * number) < len(said) and said[place] != text and (place or not is_trimmed):
                lone |= {said[0]} if len(said) == 2 and chat_id else set()
                said[place:] = [text]
                said.append(await client.ask(*said, chat_id=chat_id))
                is_trimmed = False
            case "digress" if (place := 2 * number) < len(said) and (place or len(said) > 2):
                # A front end has the oldest turns summed up, and goes on with the newest.
                await client.ask(*said[:place], f"In {text}", chat_id=chat_id)
                clock.time += LATER
                continue
            case "again" if len(said) > 2 or (said and not is_trimmed):
                said[-1:] = [await client.ask(*said[:-1], chat_id=chat_id)]
                is_trimmed = False
                assert client.runs == runs + 1
            case "repeat" if said and not is_trimmed:
                clock.time -= LATER + 1  # at once
                assert await client.ask(*said[:-1], chat_id=chat_id) == said[-1]
                assert client.runs == runs
            case _:
                continue
        clock.time += LATER
        assert client.plan
        turns = [turn for turn in list_turns(store, "ana") if turn.thread == client.plan.thread_id]
        lone = set() if len(said) > 2 else lone - {said[0]}
        remembered = sorted((turn.turn or 0, turn.text, turn.reply) for turn in turns if turn.text not in lone)
        assert remembered == [(n + 1, said[2 * n], said[2 * n + 1]) for n in range(len(said) // 2)]
        assert len(turns) == len(remembered) + len(lone)
