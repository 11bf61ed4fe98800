"""First words that are edited, by a client that does not name its conversations."""

from __future__ import annotations

import pytest
from hef.memory import list_turns
from transcript_client import LATER, TranscriptClient

EDITS = [
    ("My sister Inga lives in Rome.", "My sister Anna lives in Rome."),
    ("My dog Bello died on Sunday, I am so sad.", "My dog Bello died on Monday night, I am so sad."),
    ("我妹妹住在罗马，我很想她。", "我姐姐住在罗马，我很想她。"),
]
OTHERS = [
    ("Hello there.", "Hello you."),
    ("hello", "hello"[::-1]),
    ("What is the weather in Rome?", "What is the capital of Italy?"),
    ("I had a fight with my mother.", "I had a dream about my old school."),
    ("My grandmother is ill.", "My grandfather is ill."),  # too short to be sure
    ("你好吗？", "你好呀？"),
    ("My sister Inga lives in Rome.", "My sister Inga lives in Rome. I miss her."),  # the old words are true
]


def texts(client: TranscriptClient) -> list[str]:
    return sorted(text for _, text in client.remembered())


def threads(client: TranscriptClient) -> set[str]:
    return {turn.thread for turn in list_turns(client.store, "ana")}


@pytest.mark.parametrize(("old", "new"), EDITS)
async def test_what_the_old_words_said_is_not_recalled_into_its_correction_and_is_forgotten(
    client: TranscriptClient, old: str, new: str
) -> None:
    await client.ask(old)
    client.clock.time += 30
    plan = await client.conversations.open(person="ana", character=None, chat_id=None, messages=[])
    assert plan.row is None
    reply = await client.ask(new)
    assert texts(client) == [new]
    client.clock.time += LATER

    await client.ask(new, reply, "I miss them.")
    assert client.remembered() == [(1, new), (2, "I miss them.")]
    assert len(client.store.search(("hef",))) == 2


@pytest.mark.parametrize(("old", "new"), EDITS[:1])
async def test_the_old_words_come_back_where_the_client_shows_them_again(
    client: TranscriptClient, old: str, new: str
) -> None:
    first = await client.ask(old)
    await client.ask(new)
    client.clock.time += LATER
    await client.ask(old, first, "Two.")

    assert client.remembered() == [(1, old), (2, "Two.")]


async def test_edits_of_an_edit_leave_the_last_one(client: TranscriptClient) -> None:
    said = [f"My sister {name} lives in Rome." for name in ("Inga", "Anna", "Emma", "Olga", "Lena")]
    for text in said:
        await client.ask(text)
    assert texts(client) == said[-1:]
    await client.ask(said[0])
    assert said[0] in texts(client)
    assert len(threads(client)) == 1


@pytest.mark.parametrize(("old", "new"), OTHERS)
async def test_other_first_words_are_another_conversation(client: TranscriptClient, old: str, new: str) -> None:
    await client.ask(old)
    await client.ask(new)
    assert texts(client) == sorted([old, new])
    assert len(threads(client)) == 2


@pytest.mark.parametrize(
    ("seconds", "person", "character"), [(601.0, "ana", None), (1.0, "ben", None), (1.0, "ana", "mia")]
)
async def test_what_is_long_ago_or_another_persons_or_characters_is_not_edited(
    client: TranscriptClient, seconds: float, person: str, character: str | None
) -> None:
    old, new = EDITS[0]
    await client.ask(old, person=person, character=character)
    client.clock.time += seconds
    await client.ask(new)
    assert {*texts(client), *(text for _, text in client.remembered("ben"))} == {old, new}


async def test_a_conversation_that_has_gone_on_is_not_edited_by_first_words(client: TranscriptClient) -> None:
    old, new = EDITS[0]
    await client.ask(old, await client.ask(old), "She is well.")
    await client.ask(new)
    assert texts(client) == sorted([old, "She is well.", new])


async def test_a_client_that_sends_each_message_alone_keeps_alike_ones(client: TranscriptClient) -> None:
    rooms = ["hall", "bath", "kitchen", "cellar", "garden"]
    for text in ("Good morning.", "What time is it?", "Thanks."):
        await client.ask(text)
    said = [f"Turn on the light in the {room}, please." for room in rooms]
    for text in said:
        await client.ask(text)
    assert set(said) <= set(texts(client))
