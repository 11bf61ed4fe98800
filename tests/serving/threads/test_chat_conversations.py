"""Which conversation and which turn a transcript is: retries, regenerated replies, edits, clients that trim."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest
from hef.contract import Empathy
from hef.memory import list_turns
from hef.serving.chat_chunks import ReplyEnd
from hef.serving.chat_conversations import REPEAT_SECONDS, Conversations
from hef.serving.chat_request import ChatMessage
from hef.serving.threads.sqlite_turns import SqliteTurns
from hef.serving.threads.transcript_prints import read_prints, reply_prints, shown_exchange
from langgraph.store.base import Op, Result
from langgraph.store.memory import InMemoryStore
from transcript_client import LATER, Clock, TranscriptClient, spoken

CHAT_IDS = pytest.mark.parametrize("chat_id", [None, "chat"])


def threads(client: TranscriptClient, person: str = "ana") -> set[str]:
    return {turn.thread for turn in list_turns(client.store, person)}


@CHAT_IDS
async def test_a_conversation_goes_on_and_its_turns_are_counted(client: TranscriptClient, chat_id: str | None) -> None:
    await client.talk("One.", "Two.", "Three.", chat_id=chat_id)

    assert client.remembered() == [(1, "One."), (2, "Two."), (3, "Three.")]
    assert len(threads(client)) == 1


@CHAT_IDS
async def test_the_same_request_at_once_is_one_turn(client: TranscriptClient, chat_id: str | None) -> None:
    client.gate = asyncio.Event()
    asked = [asyncio.create_task(client.ask("One.", chat_id=chat_id)) for _ in range(3)]
    while not client.runs:
        await asyncio.sleep(0)
    client.gate.set()

    assert len(set(await asyncio.gather(*asked))) == 1
    assert client.runs == 1


@CHAT_IDS
async def test_an_answer_that_did_not_arrive_is_given_again(client: TranscriptClient, chat_id: str | None) -> None:
    lost = await client.ask("One.", chat_id=chat_id, is_delivered=False)
    client.clock.time += 60

    assert await client.ask("One.", chat_id=chat_id) == lost
    assert client.runs == 1


@CHAT_IDS
async def test_a_reply_that_arrived_and_is_asked_for_again_replaces_the_remembered_one(
    client: TranscriptClient, chat_id: str | None
) -> None:
    said = await client.talk("One.", chat_id=chat_id)
    first = await client.ask(*said, "Two.", chat_id=chat_id)

    client.clock.time += REPEAT_SECONDS
    assert await client.ask(*said, "Two.", chat_id=chat_id) == first
    client.clock.time += REPEAT_SECONDS
    second = await client.ask(*said, "Two.", chat_id=chat_id)

    assert second != first
    assert client.remembered() == [(1, "One."), (2, "Two.")]
    assert client.replies() == [said[1], second]
    client.clock.time += LATER
    await client.ask(*said, "Two.", second, "Three.", chat_id=chat_id)
    assert client.remembered() == [(1, "One."), (2, "Two."), (3, "Three.")]


async def test_a_client_that_says_that_it_sends_again_gets_the_answer_that_it_had(client: TranscriptClient) -> None:
    first = await client.ask("One.")
    client.clock.time += 2 * REPEAT_SECONDS

    assert await client.ask("One.", retried=True) == first
    assert await client.ask("One.") != first


@CHAT_IDS
async def test_an_edited_turn_and_all_after_it_leave_the_memory(client: TranscriptClient, chat_id: str | None) -> None:
    said = await client.talk("One.", "Two.", "Three.", chat_id=chat_id)
    thread = threads(client)

    reply = await client.ask(*said[:2], "Two, edited.", chat_id=chat_id)

    assert client.remembered() == [(1, "One."), (2, "Two, edited.")]
    await client.ask(*said[:2], "Two, edited.", reply, "Three again.", chat_id=chat_id)
    assert client.remembered() == [(1, "One."), (2, "Two, edited."), (3, "Three again.")]
    assert threads(client) == thread


async def test_the_first_turn_edited_is_the_same_chat_by_its_id_and_another_without(client: TranscriptClient) -> None:
    await client.talk("One.", "Two.", chat_id="chat")
    await client.ask("One, edited.", chat_id="chat")
    assert client.remembered() == [(1, "One, edited.")]

    await client.ask("One, edited again.")
    assert len(threads(client)) == 2


async def test_a_client_that_never_shows_a_reply_loses_nothing(client: TranscriptClient) -> None:
    for text in ("One.", "Two.", "Three."):
        await client.ask(text, chat_id="chat")
        client.clock.time += LATER

    assert client.remembered() == [(1, "One."), (1, "Three."), (1, "Two.")]


async def test_first_words_that_were_edited_leave_once_the_client_shows_a_reply(client: TranscriptClient) -> None:
    await client.talk("One.", chat_id="chat")
    said = await client.talk("One, edited.", chat_id="chat")
    await client.ask(*said, "Two.", chat_id="chat")

    assert client.remembered() == [(1, "One, edited."), (2, "Two.")]


async def test_a_chat_goes_on_where_a_client_shows_the_last_reply_and_the_new_words_alone(
    client: TranscriptClient,
) -> None:
    said = await client.talk("One.", chat_id="chat")
    for text in ("Two.", "Three."):
        shown = [ChatMessage("assistant", said[-1]), ChatMessage("user", text)]
        said += [text, await client.ask(messages=shown, chat_id="chat")]
        client.clock.time += LATER

    assert client.remembered() == [(1, "One."), (2, "Two."), (3, "Three.")]


async def test_a_greeting_before_the_first_words_is_no_reply_of_the_chat(client: TranscriptClient) -> None:
    greeting = ChatMessage("assistant", "Hello, I am Mira.")
    said = [greeting, ChatMessage("user", "One.")]
    for text in ("Two.", "Three."):
        said += [ChatMessage("assistant", await client.ask(messages=said, chat_id="chat")), ChatMessage("user", text)]
    await client.ask(messages=said, chat_id="chat")
    await client.ask(messages=[greeting, ChatMessage("user", "One, edited.")], chat_id="chat")

    assert client.remembered() == [(1, "One, edited.")]


async def test_the_same_first_words_another_day_begin_another_conversation(client: TranscriptClient) -> None:
    await client.talk("Hi.", "I slept badly.")
    await client.talk("Hi.", "I slept well.")

    assert client.remembered() == [(1, "Hi."), (1, "Hi."), (2, "I slept badly."), (2, "I slept well.")]


async def test_two_conversations_that_begin_alike_stay_apart(client: TranscriptClient) -> None:
    one = await client.talk("Hi.", "One.")
    two = await client.talk("Hi.", "Two.")
    await client.ask(*one, "More of one.")
    await client.ask(*two, "More of two.")

    by_thread = {
        tuple(turn.text for turn in reversed(list_turns(client.store, "ana")) if turn.thread == thread)
        for thread in threads(client)
    }
    assert {tuple(sorted(texts)) for texts in by_thread} == {
        ("Hi.", "More of one.", "One."),
        ("Hi.", "More of two.", "Two."),
    }


@CHAT_IDS
async def test_turns_keep_their_numbers_where_a_client_trims(client: TranscriptClient, chat_id: str | None) -> None:
    said = await client.talk("One.", "Two.", "Three.", "Four.", chat_id=chat_id)

    reply = await client.ask(*said[4:], "Five.", chat_id=chat_id)  # begins with the third turn
    trimmed = [ChatMessage("assistant", said[7]), *spoken("Five.", reply, "Six.", system="Be brief.")]
    await client.ask(messages=trimmed, chat_id=chat_id)

    assert client.remembered() == [*enumerate(("One.", "Two.", "Three.", "Four.", "Five.", "Six."), start=1)]
    assert len(threads(client)) == 1


async def test_a_chat_of_which_a_client_shows_only_the_last_message_goes_on(client: TranscriptClient) -> None:
    said = await client.talk("One.", "Two.", "Three.", chat_id="chat")
    await client.ask(*said[4:], "Four.", chat_id="chat")
    for text in ("Five.", "Six.", "Six."):
        await client.ask(text, chat_id="chat")

    assert client.remembered() == [*enumerate(("One.", "Two.", "Three.", "Four.", "Five.", "Six."), start=1)]


@CHAT_IDS
@pytest.mark.parametrize(
    "shown",
    [
        "{}",
        "  {}\n\n",
        "[sad] *{}*",
        "Mia: {}",
        "米娅： {}",
        "{}\nAnd you?",  # changed at its end
    ],
)
async def test_a_reply_is_known_as_front_ends_send_it_back(
    client: TranscriptClient, chat_id: str | None, shown: str
) -> None:
    first, reply = await client.talk("My dog   died.", chat_id=chat_id)
    await client.ask(f" {first}\n".replace("   ", " "), shown.format(reply), "Two.", chat_id=chat_id)

    assert [number for number, _ in client.remembered()] == [1, 2]
    assert len(threads(client)) == 1


async def test_a_reply_of_which_only_the_beginning_was_heard_is_remembered_so(client: TranscriptClient) -> None:
    said = await client.talk("One.", "Two.")
    await client.ask(*said[:3], "This is reply number 2 to…", "Three.")

    assert client.replies()[1] == "This is reply number 2 to…"
    assert client.remembered() == [(1, "One."), (2, "Two."), (3, "Three.")]


async def test_an_earlier_reply_that_the_person_goes_on_with_is_the_remembered_one(client: TranscriptClient) -> None:
    (_, first) = await client.talk("One.")
    client.clock.time -= LATER - 60
    second = await client.ask("One.")
    assert client.replies() == [second]
    client.clock.time += LATER

    third = await client.ask("One.", first, "Two.")

    assert client.replies() == [first, third]


async def test_a_client_that_adds_to_the_persons_words_is_known_by_the_reply(client: TranscriptClient) -> None:
    found = "Answer with these documents: <doc>…</doc>\nOne."
    reply = await client.ask(found)
    await client.ask("One.", reply, "Two.")

    assert [number for number, _ in client.remembered()] == [1, 2]
    assert len(threads(client)) == 1


@CHAT_IDS
async def test_a_wish_about_a_reply_leaves_once_the_client_shows_the_new_reply_in_its_place(
    client: TranscriptClient, chat_id: str | None
) -> None:
    said = await client.talk("One.", "Two.", chat_id=chat_id)
    longer = await client.ask(*said, "Add details", chat_id=chat_id, is_whole=True)
    client.clock.time += LATER
    shown = [*said[:3], longer]
    third = await client.ask(*shown, "Three.", chat_id=chat_id, is_whole=True)
    client.clock.time += LATER

    assert client.remembered() == [(1, "One."), (2, "Two."), (3, "Three.")]
    assert client.replies() == [said[1], longer, third]

    await client.ask("Uno.", chat_id=chat_id, is_whole=True) if chat_id else None
    assert client.remembered()[0] == (1, "Uno." if chat_id else "One.")
    assert len(threads(client)) == 1


@CHAT_IDS
async def test_a_client_that_keeps_the_first_message_and_leaves_out_the_middle_loses_nothing(
    client: TranscriptClient, chat_id: str | None
) -> None:
    first, reply = await client.talk("I like tea.", chat_id=chat_id)
    others = ["I like milk.", "I like wine.", "I like beer."]
    for text in others:
        reply = await client.ask(first, reply, text, chat_id=chat_id)
        client.clock.time += LATER

    assert {text for _, text in client.remembered()} == {first, *others}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Yes: I am coming to you tonight, my friend.", "No: I am coming to you tonight, my friend."),
        ("Note: you need not answer this letter.", "Never do this: you need not answer this letter."),
    ],
)
def test_what_stands_before_a_colon_tells_replies_apart(one: str, other: str) -> None:
    known, _ = reply_prints(one)

    assert shown_exchange("said", one).is_reply({known})
    assert shown_exchange("said", f"Mia: {one}").is_reply({known})
    assert shown_exchange("said", f"Mia: {one}", "Bob: Me too.").is_reply({known})
    assert not shown_exchange("said", other).is_reply({known})


@CHAT_IDS
@pytest.mark.parametrize("reply", ["Ach je.", "真替你难过，抱抱你。", "Here is the thing: I like it a lot, my friend."])
async def test_a_group_is_one_conversation_however_short_the_replies_are(
    client: TranscriptClient, chat_id: str | None, reply: str
) -> None:
    client.say = reply
    await client.ask("我的自行车坏了。", chat_id=chat_id)
    client.clock.time += LATER
    client.say = None
    replies = [ChatMessage("assistant", text) for text in (f"Mia: {reply}", "Bob: Me too.")]
    shown = [ChatMessage("user", "我的自行车坏了。"), *replies, ChatMessage("user", "我走路回家了。")]
    for _ in range(2):  # the second is another reply to the same
        await client.ask(messages=shown, chat_id=chat_id)
        client.clock.time += LATER

    assert client.remembered() == [(1, "我的自行车坏了。"), (2, "我走路回家了。")]
    assert len(threads(client)) == 1


@pytest.mark.parametrize("shown", ["{}", "Mia: {}"])
@CHAT_IDS
async def test_a_reply_at_the_end_that_was_given_is_to_be_continued(
    client: TranscriptClient, chat_id: str | None, shown: str
) -> None:
    said = await client.talk("One.", "Two.", chat_id=chat_id)
    row = await client.find_continued(*said[:3], shown.format(said[3]), chat_id=chat_id)
    assert row
    assert not await client.find_continued(*said, "Three.", said[3], chat_id=chat_id)
    assert not await client.find_continued(*said[:3], chat_id=chat_id)
    assert not await client.find_continued(*said, chat_id=chat_id, person="ben")
    assert not await client.find_continued(*said, chat_id=chat_id, person=None)

    await client.conversations.add_reply(row, f"{said[3]} And more.")
    assert await client.find_continued(*said[:3], f"{said[3]} And more.", chat_id=chat_id)
    await client.ask(*said[:3], f"{said[3]} And more.", "Three.", chat_id=chat_id)
    assert client.replies()[1] == f"{said[3]} And more."
    assert len(threads(client)) == 1


@pytest.mark.parametrize("shown", ["Once upon a time there was a little girl", "Once upon a time there was a little"])
@CHAT_IDS
async def test_a_reply_that_was_stopped_is_to_be_continued_from_where_the_client_shows_it(
    client: TranscriptClient, chat_id: str | None, shown: str
) -> None:
    plan = await client.conversations.open(
        person="ana", character=None, chat_id=chat_id, messages=spoken("Tell me a story.")
    )
    async with plan:
        await plan.interrupted("Once upon a time there was a little girl")

    assert await client.find_continued("Tell me a story.", shown, chat_id=chat_id)
    is_edited = await client.find_continued("Tell me a story.", "Well, once", chat_id=chat_id) is not None
    assert is_edited == (chat_id is not None)


@pytest.mark.parametrize(
    "shown",
    [("Yes.", "Bob: I like it too, it is a very fine garden."), ("Note for the queen of all the bees: Yes.",)],
)
async def test_a_short_reply_among_longer_words_finds_no_other_conversation(
    client: TranscriptClient, shown: tuple[str, ...]
) -> None:
    client.say = "Yes."
    await client.talk("Is it raining?", "My mother is ill and I am afraid.")
    replies = [ChatMessage("assistant", text) for text in shown]

    await client.ask(messages=[ChatMessage("user", "Do you like it?"), *replies, ChatMessage("user", "Good.")])

    assert {text for _, text in client.remembered()} == {"Is it raining?", "My mother is ill and I am afraid.", "Good."}
    assert len(threads(client)) == 2


async def test_an_earlier_turn_of_a_conversation_without_a_name_is_no_reply_to_be_continued(
    client: TranscriptClient,
) -> None:
    said = await client.talk("One.", "Two.")

    assert not await client.find_continued(*said[:2])


async def test_the_reply_of_another_conversation_is_no_reply_to_be_continued(client: TranscriptClient) -> None:
    said = await client.talk("How are you?")

    assert not await client.find_continued("Good morning.", "Good morning to you as well.", *said)


async def test_a_person_who_goes_on_before_a_reply_came_says_one_turn(client: TranscriptClient) -> None:
    said = await client.talk("One.")
    for before in ([], spoken(*said)):
        plan = await client.conversations.open(
            person="ana", character=None, chat_id=None, messages=[*before, ChatMessage("user", "Wait.")]
        )
        async with plan:
            pass  # the client hangs up
        both = [*before, ChatMessage("user", "Wait."), ChatMessage("user", "Listen.")]
        await client.ask(messages=both)
        assert client.plan
        assert client.plan.thread_id == plan.thread_id

    assert client.remembered() == [(1, "Listen."), (1, "One."), (2, "Listen.")]


def test_of_many_messages_without_a_reply_the_newest_beginnings_are_known() -> None:
    prints = read_prints([ChatMessage("user", f"Line {number}.") for number in range(1_000)])

    assert prints
    assert len(prints.beginnings) == 16  # each costs as much as the whole turn


async def test_an_abandoned_branch_that_the_person_returns_to_goes_on(client: TranscriptClient) -> None:
    said = await client.talk("One.", "Two.", "Three.", chat_id="chat")
    await client.ask(*said[:2], "Two, edited.", chat_id="chat")

    await client.ask(*said, "Four.", chat_id="chat")

    assert client.remembered() == [(1, "One."), (2, "Two."), (3, "Three."), (4, "Four.")]


async def test_nothing_is_stored_or_looked_up_for_nobody(client: TranscriptClient) -> None:
    first = await client.ask("One.", person=None, chat_id="chat")
    assert await client.ask("One.", person=None, chat_id="chat", is_delivered=False) != first
    assert client.plan
    assert (client.plan.thread_id, client.plan.configurable, client.plan.memory_id) == (None, {}, None)
    assert [type(one).__name__ for one in client.plan.messages] == ["HumanMessage"]
    assert client.remembered() == []


async def test_people_and_characters_have_conversations_of_their_own(client: TranscriptClient) -> None:
    plans = []
    for person, character in (("ana", None), ("bo", None), ("ana", "mira"), ("ana", "tom")):
        for chat_id in ("chat", None):
            await client.ask("Hi.", person=person, character=character, chat_id=chat_id)
            assert client.plan
            plans.append(client.plan.thread_id)
    assert len(set(plans)) == client.runs == 8


async def test_turns_with_a_character_leave_its_memory(client: TranscriptClient) -> None:
    reply = await client.ask("One.", character="mira")
    client.clock.time += LATER
    await client.ask("One.", reply, "Two.", character="mira")
    await client.ask("One.", reply, "Two, edited.", character="mira")

    assert client.remembered() == [(1, "One."), (2, "Two, edited.")]


async def test_a_turn_that_failed_is_run_by_who_waits(client: TranscriptClient) -> None:
    entered, gate = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        plan = await client.conversations.open(person="ana", character=None, chat_id=None, messages=spoken("One."))
        async with plan:
            entered.set()
            await gate.wait()
            raise ConnectionError

    failing = asyncio.create_task(fail())
    await entered.wait()
    waiting = asyncio.create_task(client.ask("One."))
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(ConnectionError):
        await failing

    assert (await waiting, client.runs) == ("This is reply number 1 to all that was said.", 1)


async def test_who_no_longer_waits_leaves_the_conversation_to_others(client: TranscriptClient) -> None:
    client.gate = asyncio.Event()
    running = asyncio.create_task(client.ask("One."))
    while not client.runs:
        await asyncio.sleep(0)
    waiting = asyncio.create_task(client.ask("One."))
    await asyncio.sleep(0)
    waiting.cancel()
    running.cancel()
    await asyncio.gather(waiting, running, return_exceptions=True)
    client.gate = None

    assert await asyncio.wait_for(client.ask("One."), 5) == "This is reply number 2 to all that was said."


async def test_what_could_not_be_forgotten_is_said_and_forgotten_with_the_next_turn() -> None:
    class Store(InMemoryStore):
        is_out_of_reach = False

        async def abatch(self, ops: Iterable[Op]) -> list[Result]:
            if self.is_out_of_reach:
                raise ConnectionError("Two. is out of reach")
            return await super().abatch(ops)

    store, clock = Store(), Clock()
    client = TranscriptClient(Conversations(store=store, now=clock), store, clock)
    said = await client.talk("One.", "Two.")
    store.is_out_of_reach = True
    plan = await client.conversations.open(
        person="ana", character=None, chat_id=None, messages=spoken(*said[:2], "Two, edited.")
    )
    async with plan:
        answer = await plan.finish(
            ReplyEnd("I see.", empathy=Empathy(emotion="sad", distribution={}, degraded="no LLM"))
        )
        await plan.delivered()
    clock.time += LATER
    assert answer.empathy
    assert str(answer.empathy.degraded).startswith("no LLM; what the conversation no longer holds could not be forgott")
    store.is_out_of_reach = False
    await client.ask(*said[:2], "Two, edited.")

    assert client.remembered() == [(1, "One."), (2, "Two, edited.")]


async def test_a_file_knows_conversations_after_a_restart_and_keeps_no_words(tmp_path: Path) -> None:
    path = tmp_path / "home" / "turns.sqlite"
    store, clock = InMemoryStore(), Clock()
    reply = ""
    for text in ("My dog Bello died.", "Two."):
        conversations = Conversations(SqliteTurns(path), store, clock)
        client = TranscriptClient(conversations, store, clock)
        reply = await client.ask(*(["My dog Bello died.", reply] if reply else []), text)
        clock.time += LATER
        written = b"".join(file.read_bytes() for file in path.parent.iterdir())  # also while it runs
        await conversations.close()

    assert client.remembered() == [(1, "My dog Bello died."), (2, "Two.")]
    assert path.stat().st_mode & 0o077 == 0
    written += b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"hef_chat_turns" in written
    assert b"Bello" not in written
    assert b"reply number" not in written
    assert b"ana" not in written


async def test_a_transcript_without_the_persons_words_is_no_turn(client: TranscriptClient) -> None:
    plan = await client.conversations.open(
        person="ana", character=None, chat_id="chat", messages=[ChatMessage("assistant", "Hello."), *spoken(" ")]
    )
    assert plan.thread_id is None


async def test_images_are_part_of_a_turn_and_are_shown_to_the_graph_as_unseen(client: TranscriptClient) -> None:
    await client.ask(messages=[ChatMessage("user", "Look.", name="Ana", images=2)])
    assert client.plan
    (message,) = client.plan.messages
    assert message.name == "Ana"
    assert [part["type"] for part in message.content if isinstance(part, dict)] == ["text", "image_url", "image_url"]
    known = client.plan.thread_id

    await client.ask(messages=[ChatMessage("user", "Look.", name="Ana", images=1)])
    assert client.plan.thread_id != known
