"""Turns of voice clients that guess too early where the person ends, and that are interrupted while they speak."""

from __future__ import annotations

import pytest
from hef.memory import list_turns
from hef.serving.threads.transcript_prints import read_prints
from transcript_client import LATER, TranscriptClient, spoken

CHAT_IDS = pytest.mark.parametrize("chat_id", [None, "call"])
FRAGMENTS = pytest.mark.parametrize(
    ("fragment", "whole"),
    [
        ("I had a fight", "I had a fight with my mother about money."),
        ("My car was", "My car was stolen this morning."),
        ("I had a fight.", "I had a fight with my mother about money."),
        ("I was thinking about my mother --", "I was thinking about my mother because she lives alone."),
        ("Well", "Well, I lost my job."),
        ("我的外公", "我的外公病了，在医院。"),
        ("我今天。", "我今天很难过。"),
        ("I", "I do not know."),
    ],
)


def threads(client: TranscriptClient) -> set[str]:
    return {turn.thread for turn in list_turns(client.store, "ana")}


@CHAT_IDS
@FRAGMENTS
async def test_a_first_message_replaces_what_was_heard_of_it_before(
    client: TranscriptClient, chat_id: str | None, fragment: str, whole: str
) -> None:
    await client.ask(fragment, chat_id=chat_id, is_delivered=False)
    reply = await client.ask(whole, chat_id=chat_id)

    assert client.remembered() == [(1, whole)]
    client.clock.time += LATER
    await client.ask(whole, reply, "Two.", chat_id=chat_id)
    assert client.remembered() == [(1, whole), (2, "Two.")]


async def test_several_guesses_are_one_turn(client: TranscriptClient) -> None:
    for text in ("I had", "I had a fight", "I had a fight with"):
        await client.ask(text, is_delivered=False)
    await client.ask("I had a fight with my mother.")

    assert client.remembered() == [(1, "I had a fight with my mother.")]


@pytest.mark.parametrize(
    ("fragment", "whole"),
    [
        ("I had a fight", "I had fun at the fair."),
        ("I am", "I ambled through the park."),
        ("I had a fight with my mother", "I had a fight"),
        ("My dog died", "Then my dog died."),
        ("我的外公", "我的外婆病了。"),
    ],
)
async def test_other_first_words_begin_another_conversation(
    client: TranscriptClient, fragment: str, whole: str
) -> None:
    await client.ask(fragment, is_delivered=False)
    await client.ask(whole)

    assert client.remembered() == sorted([(1, fragment), (1, whole)])
    assert len(threads(client)) == 2


@pytest.mark.parametrize(("is_delivered", "seconds"), [(True, 1.0), (False, 400.0)])
async def test_what_was_answered_or_is_long_ago_is_a_turn_of_its_own(
    client: TranscriptClient, is_delivered: bool, seconds: float
) -> None:
    await client.ask("I had a fight", is_delivered=is_delivered)
    client.clock.time += seconds
    await client.ask("I had a fight with my mother.")

    assert len(client.remembered()) == len(threads(client)) == 2


async def test_of_a_client_that_shows_no_reply_an_answered_beginning_stays(client: TranscriptClient) -> None:
    await client.ask("I had a fight", chat_id="call")
    await client.ask("I had a fight with my mother.", chat_id="call")

    assert len(client.remembered()) == 2


async def test_a_fragment_of_somebody_else_stays_theirs(client: TranscriptClient) -> None:
    await client.ask("I had a fight", person="ben", is_delivered=False)
    await client.ask("I had a fight with my mother.")

    assert client.remembered("ben") == [(1, "I had a fight")]


def test_of_a_long_message_a_few_beginnings_are_known() -> None:
    prints = read_prints(spoken("many words " * 10_000))
    assert prints
    assert len(prints.fragments) < 1_000
    later = read_prints(spoken("One.", "Two.", "many words"))
    assert later
    assert later.fragments == frozenset()


@CHAT_IDS
@pytest.mark.parametrize(
    "shown", ["This", "This is reply", "this is reply number 1…", "*This is*", "This is reply number"]
)
async def test_a_first_reply_that_was_interrupted_at_once_is_known(
    client: TranscriptClient, chat_id: str | None, shown: str
) -> None:
    await client.ask("My grandfather is ill.", chat_id=chat_id)
    client.clock.time += 30
    await client.ask("My grandfather is ill.", shown, "He is in hospital.", chat_id=chat_id)

    assert client.remembered() == [(1, "My grandfather is ill."), (2, "He is in hospital.")]
    assert client.replies()[0] == shown
    assert len(threads(client)) == 1


async def test_a_chinese_reply_that_was_interrupted_is_known(client: TranscriptClient) -> None:
    client.say = "我很难过，你的外公现在怎么样？我在这里陪着你，慢慢说。"
    await client.ask("我的外公病了。")
    await client.ask("我的外公病了。", "我很难过", "他在医院。")

    assert [number for number, _ in client.remembered()] == [1, 2]


@pytest.mark.parametrize(
    ("said", "shown", "seconds"),
    [
        ("My grandfather is ill.", "That is", 30),  # other words than the reply's
        ("My grandmother is ill.", "This is", 30),
        ("My grandfather is ill.", "This is", 700),
        ("My grandfather is ill.", "is reply", 30),
    ],
)
async def test_another_short_reply_belongs_to_another_conversation(
    client: TranscriptClient, said: str, shown: str, seconds: float
) -> None:
    await client.ask("My grandfather is ill.")
    client.clock.time += seconds
    await client.ask(said, shown, "Two.")

    assert len(threads(client)) == 2


async def test_a_conversation_that_has_gone_on_is_not_found_by_a_short_reply(client: TranscriptClient) -> None:
    reply = await client.ask("Hi.")
    await client.ask("Hi.", reply, "One.")
    await client.ask("Hi.", "This is", "Two.")

    assert len(threads(client)) == 2


async def test_what_is_kept_of_a_first_reply_goes_after_ten_minutes(client: TranscriptClient) -> None:
    await client.ask("Hi.")
    table = client.conversations._table
    assert client.plan
    assert client.plan.row
    assert await table.first_letters(client.plan.row.id) == "thisisreplynumber1toallt"
    client.clock.time += 601
    await client.ask("Another.", person="ben")

    assert await table.first_letters(client.plan.row.id) == "thisisreplynumber2toallt"
    rows = await table.database.run("SELECT count(*) FROM hef_chat_answers WHERE turn LIKE 'letters of %'")
    assert rows == [(1,)]
