"""What is forgotten, or was not asked for since a year, leaves the table of turns; what is in it cannot be guessed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hef.memory import forget_turns, list_turns
from hef.serving.chat_conversations import Conversations
from hef.serving.threads.sqlite_turns import SqliteTurns
from hef.serving.threads.transcript_prints import digest, keyed
from hef.serving.threads.turn_removal import remove_person, remove_threads, remove_turns
from langgraph.store.memory import InMemoryStore
from transcript_client import LATER, Clock, TranscriptClient, spoken

DAY = 86_400.0


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TranscriptClient]:
    store, clock = InMemoryStore(), Clock()
    conversations = Conversations(SqliteTurns(tmp_path / "turns.sqlite"), store, clock)
    yield TranscriptClient(conversations, store, clock)
    await conversations.close()


async def rows(client: TranscriptClient, table: str = "hef_chat_turns") -> int:
    return (await client.conversations._table.database.run(f"SELECT count(*) FROM {table}"))[0][0]


async def forget(client: TranscriptClient, *texts: str, person: str = "ana") -> int:
    """Forget turns as `hef memory forget --id` does."""
    turns = [turn for turn in list_turns(client.store, person) if turn.text in texts]
    forget_turns(client.store, person, [turn.id for turn in turns])
    ids: dict[str, set[str]] = {}
    for turn in turns:
        ids.setdefault(turn.thread, set()).add(turn.id)
    return await remove_turns(client.conversations._table.database, person, ids)


def written(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_all_of_a_person_goes_whatever_their_client_calls_its_chats_and_nothing_of_others(
    client: TranscriptClient,
) -> None:
    for chat_id in (None, "chat"):
        said = await client.talk("One.", "Two.", chat_id=chat_id)
        await client.ask(*said[:2], "Two, edited.", chat_id=chat_id)  # its other branch is in no memory any more
        await client.ask("One.", chat_id=chat_id, character="mia")
    await client.ask("One.", person="ben")
    assert (await rows(client), await rows(client, "hef_chat_replies")) == (9, 9)

    assert await remove_person(client.conversations._table.database, "ana") == 8

    assert (await rows(client), await rows(client, "hef_chat_replies")) == (1, 1)
    assert await rows(client, "hef_chat_answers WHERE expires IS NOT NULL") <= 2
    assert client.remembered("ben") == [(1, "One.")]


async def test_a_conversation_is_removed_of_its_person_alone(client: TranscriptClient) -> None:
    await client.talk("One.", "Two.", chat_id="chat")
    assert client.plan
    thread, database = str(client.plan.thread_id), client.conversations._table.database

    assert await remove_threads(database, "ben", [thread]) == 0
    assert await remove_threads(database, "ana", [thread, "of nobody"]) == 2
    assert await rows(client, "hef_chat_replies") == 0


@pytest.mark.parametrize(
    ("chat_id", "forgotten"),
    [
        (None, ["One."]),
        (None, ["Two."]),
        ("chat", ["One."]),
        ("chat", ["Two."]),
        ("chat", ["One.", "Two."]),  # without a chat id nothing that is known is left in what the client shows
    ],
)
async def test_a_conversation_goes_on_without_turns_that_were_forgotten(
    client: TranscriptClient, chat_id: str | None, forgotten: list[str]
) -> None:
    said = await client.talk("One.", "Two.", "Three.", chat_id=chat_id)
    assert await forget(client, *forgotten) == len(forgotten)
    rest = [(number, text) for number, text in ((1, "One."), (2, "Two.")) if text not in forgotten]

    again = await client.ask(*said[:5], chat_id=chat_id)  # another reply to the last turn
    assert client.remembered() == [*rest, (3, "Three.")]
    assert client.replies()[-1] == again
    client.clock.time += LATER
    await client.ask(*said[:4], "Three, edited.", chat_id=chat_id)
    assert client.remembered()[-1][1] == "Three, edited."
    assert [turn for turn in client.remembered() if turn in rest] == rest


async def test_a_turn_that_is_answered_while_the_one_before_is_forgotten_takes_nothing_out(
    client: TranscriptClient,
) -> None:
    said = await client.talk("One.", "Two.", chat_id="chat")
    asked = {"person": "ana", "character": None, "chat_id": "chat"}
    async with await client.conversations.open(**asked, messages=spoken(*said, "Three.")) as plan:
        await forget(client, "Two.")
        await client._run(plan, "ana", None)
    client.clock.time += LATER

    await client.ask(*said, "Three.", chat_id="chat")

    assert (1, "One.") in client.remembered()
    assert [text for _, text in client.remembered()].count("Three.") == 1


async def test_of_a_turn_that_is_forgotten_while_it_is_answered_no_hash_is_noted(client: TranscriptClient) -> None:
    asked: dict[str, Any] = {"person": "ana", "character": None, "chat_id": None}
    async with await client.conversations.open(**asked, messages=spoken("One.")) as plan:
        await remove_person(client.conversations._table.database, "ana")
        await client.conversations.add_reply(plan.row, "A reply.") if plan.row else None

    assert (await rows(client), await rows(client, "hef_chat_replies")) == (0, 0)


async def test_conversations_that_nobody_went_on_with_for_a_year_are_no_longer_known(
    client: TranscriptClient,
) -> None:
    await client.talk("Old.", "Older.", chat_id="old")
    live = await client.talk("Live.", chat_id="live")
    client.clock.time += 200 * DAY
    live += ["Still.", await client.ask(*live, "Still.", chat_id="live")]
    client.clock.time += 160 * DAY
    await client.ask("Hello.", person="ben")
    assert await rows(client) == 5
    client.clock.time += 6 * DAY

    await client.ask("Hello again.", person="ben")

    assert await rows(client) == 4
    assert await rows(client, "hef_chat_replies") == 4
    await client.ask(*live, "Last.", chat_id="live")
    assert client.remembered() == [(1, "Live."), (1, "Old."), (2, "Older."), (2, "Still."), (3, "Last.")]


async def test_nobody_without_the_key_can_tell_whether_a_guess_was_said(
    client: TranscriptClient, tmp_path: Path
) -> None:
    client.say = "I am sorry to hear that, tell me more."
    await client.ask("yes")
    key_file = tmp_path / "turns.key"
    assert key_file.stat().st_mode & 0o777 == 0o600
    key = bytes.fromhex(key_file.read_text())

    for guess in (digest("yes"), digest("", "yes"), digest("iamsorrytohearthattellmemore"), digest(1, "", "", "yes")):
        assert guess.encode() not in written(tmp_path)
    assert digest("yes", key=key).encode() in written(tmp_path)
    assert keyed("", key) == ""


async def test_what_was_removed_is_in_no_file(client: TranscriptClient, tmp_path: Path) -> None:
    await client.ask("yes")
    key = await client.conversations._table.database.key()
    other = SqliteTurns(tmp_path / "turns.sqlite")  # as another process, while the server has it open
    assert await other.key() == key

    await remove_person(other, "ana")
    await other.close()

    for printed in (digest("yes", key=key), digest("ana")):
        assert printed.encode() not in written(tmp_path)
    await client.ask("yes")
    assert await rows(client) == 1


@pytest.mark.parametrize("content", [None, "", "no key"])
async def test_without_the_key_of_before_a_conversation_begins_anew_and_nothing_is_lost(
    tmp_path: Path, content: str | None
) -> None:
    store, clock, path = InMemoryStore(), Clock(), tmp_path / "turns.sqlite"
    said: list[str] = []
    for text in ("One.", "Two."):
        conversations = Conversations(SqliteTurns(path), store, clock)
        client = TranscriptClient(conversations, store, clock)
        said += [text, await client.ask(*said, text)]
        await conversations.close()
        clock.time += LATER
        path.with_suffix(".key").write_text(content) if content is not None else path.with_suffix(".key").unlink()

    assert client.remembered() == [(1, "One."), (2, "Two.")]
    assert len({turn.thread for turn in list_turns(store, "ana")}) == 2
