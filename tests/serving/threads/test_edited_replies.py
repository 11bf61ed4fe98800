"""A reply at the end of a transcript that was edited, or stopped early, belongs to the turn that it was given to."""

from __future__ import annotations

import pytest
from hef.serving.chat_request import ChatMessage
from transcript_client import LATER, TranscriptClient, spoken

CHAT_IDS = pytest.mark.parametrize("chat_id", [None, "chat"])


@pytest.mark.parametrize(
    ("shown", "is_known"),
    [
        ("Well, I", False),
        ("This is reply", False),
        ("This is reply number 2 to all", False),
        ("This is reply number 2 to all that", True),
        ("This is reply number 2 to all that was said. And more.", True),
        ("这是另一句话。", False),
    ],
)
@CHAT_IDS
async def test_an_edited_reply_is_to_be_continued_where_the_conversation_or_its_beginning_tells_it(
    client: TranscriptClient, chat_id: str | None, shown: str, is_known: bool
) -> None:
    said = await client.talk("One.", "Two.", "Two.", chat_id=chat_id)
    for count in (3, 5):
        row = await client.find_continued(*said[:count], shown.replace("2", str(count // 2 + 1)), chat_id=chat_id)
        is_last = count == 5
        assert (row is not None) == bool(chat_id or (is_known and is_last))
        assert row is None or row.number == count // 2 + 1
    assert not await client.find_continued("Four.", shown, chat_id=chat_id)
    assert not await client.find_continued(*said, "Four.", shown, chat_id=chat_id)


async def test_of_equal_words_the_last_ones_are_continued(client: TranscriptClient) -> None:
    said = await client.talk("Yes.", "Yes.", "Yes.", chat_id="chat")
    for count in (1, 3, 5):
        row = await client.find_continued(*said[:count], "Oh no, your poor bike", chat_id="chat")
        assert row
        assert row.number == count // 2 + 1


async def test_a_turn_that_never_had_a_reply_is_not_continued(client: TranscriptClient) -> None:
    said = await client.talk("One.", chat_id="chat")
    plan = await client.conversations.open(
        person="ana", character=None, chat_id="chat", messages=[*spoken(*said), ChatMessage("user", "Two.")]
    )
    async with plan:
        pass  # the LLM failed
    assert not await client.find_continued(*said, "Two.", "Oh no", chat_id="chat")


@CHAT_IDS
async def test_the_rest_of_a_reply_that_was_sent_is_given_and_the_whole_is_remembered(
    client: TranscriptClient, chat_id: str | None
) -> None:
    whole = await client.ask("One.", chat_id=chat_id, is_delivered=False)
    shown = [*spoken("One."), ChatMessage("assistant", whole[:9])]
    for _ in range(2):  # the client may send the same request again
        assert await client.ask(messages=shown, chat_id=chat_id, is_delivered=False) == whole[9:]
    assert client.runs == 1
    other = [*spoken("One."), ChatMessage("assistant", "Well, ")]
    client.say = "I never saw it so."
    assert await client.ask(messages=other, chat_id=chat_id) == client.say
    assert client.replies() == [f"Well, {client.say}"]
    client.clock.time += LATER
    await client.ask("One.", f"Well, {client.say}", "Two.", chat_id=chat_id)
    assert [number for number, _ in client.remembered()] == [1, 2]
    assert client.replies()[0] == "Well, I never saw it so."
