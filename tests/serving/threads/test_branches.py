"""What becomes of turns in whose place other words stand: none is lost before a transcript shows what replaced it."""

from __future__ import annotations

import asyncio

import pytest
from hef.contract import SetupError
from hef.memory import erase_turns, export_turns, mark_turn, recall_turns
from hef.serving.chat_request import ChatMessage
from transcript_client import LATER, TranscriptClient, spoken

CHAT_IDS = pytest.mark.parametrize("chat_id", [None, "chat"])
SAID = ("I am Lin.", "My father is ill.", "He had a stroke.", "My brother is away.", "I quit my job.", "I am tired.")
PROMPTS = (
    "Condense what was said so far into notes for yourself.",
    "Bitte fasse unser bisheriges Gespräch in fünf Sätzen zusammen.",
    "把以上内容压缩成一段话。",
    "List the facts about the user as JSON.",
)
"""What front ends may ask of the oldest turns, in words that no list of prompts knows."""


def stored(client: TranscriptClient) -> list[str]:
    """Return what the store holds, whether it is shown or not."""
    return sorted(item.value["text"] for item in client.store.search((), limit=100))


@CHAT_IDS
@pytest.mark.parametrize("prompt", PROMPTS)
async def test_a_request_about_the_oldest_turns_takes_none_of_the_newer_away(
    client: TranscriptClient, chat_id: str | None, prompt: str
) -> None:
    said = await client.talk(*SAID, chat_id=chat_id)
    notes = await client.ask(*said[:6], prompt, chat_id=chat_id)
    client.clock.time += LATER
    shown = [ChatMessage("system", f"Notes: {notes}"), *spoken(*said[6:], "I cry at night.")]
    reply = await client.ask(messages=shown, chat_id=chat_id)
    client.clock.time += LATER

    assert client.remembered() == [*enumerate((*SAID, "I cry at night."), start=1)]
    assert prompt in stored(client)  # it could still be that the client goes on from there
    more = [*shown, ChatMessage("assistant", reply), ChatMessage("user", "Thank you.")]
    await client.ask(messages=more, chat_id=chat_id)

    assert client.remembered() == [*enumerate((*SAID, "I cry at night.", "Thank you."), start=1)]
    assert prompt not in stored(client)


@CHAT_IDS
async def test_requests_about_the_oldest_turns_after_each_turn_take_none_away(
    client: TranscriptClient, chat_id: str | None
) -> None:
    said = await client.talk(*SAID[:3], chat_id=chat_id)
    for text in ("Four.", "Five.", "Six."):
        await client.ask(*said[:2], PROMPTS[0], chat_id=chat_id)
        client.clock.time += LATER
        said += [text, await client.ask(*said[2:], text, chat_id=chat_id)]
        client.clock.time += LATER

    assert client.remembered() == [*enumerate((*SAID[:3], "Four.", "Five.", "Six."), start=1)]


@CHAT_IDS
async def test_the_summary_may_stand_as_the_assistants_words(client: TranscriptClient, chat_id: str | None) -> None:
    said = await client.talk(*SAID, chat_id=chat_id)
    notes = await client.ask(*said[:6], PROMPTS[0], chat_id=chat_id)
    client.clock.time += LATER
    await client.ask(messages=[ChatMessage("assistant", notes), *spoken(*said[6:], "Seven.")], chat_id=chat_id)

    assert client.remembered() == [*enumerate((*SAID, "Seven."), start=1)]


@CHAT_IDS
async def test_an_edited_turn_is_forgotten_for_good_once_the_new_reply_is_shown(
    client: TranscriptClient, chat_id: str | None
) -> None:
    said = await client.talk("One.", "Two.", "Three.", chat_id=chat_id)
    await client.ask(*said[:2], "Two, edited.", chat_id=chat_id)
    client.clock.time += LATER
    reply = await client.ask(*said[:2], "Two, edited again.", chat_id=chat_id)
    client.clock.time += LATER
    assert client.remembered() == [(1, "One."), (2, "Two, edited again.")]
    assert {"Two.", "Three.", "Two, edited."} < {*stored(client)}

    await client.ask(*said[:2], "Two, edited again.", reply, "Three again.", chat_id=chat_id)

    assert stored(client) == ["One.", "Three again.", "Two, edited again."]


async def test_another_reply_is_no_sign_that_the_new_branch_is_shown(client: TranscriptClient) -> None:
    said = await client.talk("One.", "Two.", chat_id="chat")
    await client.ask(*said[:2], "Two, edited.", chat_id="chat")
    client.clock.time += LATER
    await client.ask(*said[:2], "Two, edited.", "What nobody said to that.", "Three.", chat_id="chat")

    assert "Two." in stored(client)
    assert "Two." not in [text for _, text in client.remembered()]


async def test_of_a_branch_that_is_shown_in_part_again_the_rest_goes(client: TranscriptClient) -> None:
    said = await client.talk("One.", "Two.", "Three.", "Four.", chat_id="chat")
    await client.ask(said[0], said[1], "Two, edited.", chat_id="chat")
    client.clock.time += LATER
    said[6:] = ["Four, edited.", await client.ask(*said[:6], "Four, edited.", chat_id="chat")]
    client.clock.time += LATER
    assert client.remembered() == [(1, "One."), (2, "Two."), (3, "Three."), (4, "Four, edited.")]

    await client.ask(*said, "Five.", chat_id="chat")

    assert stored(client) == ["Five.", "Four, edited.", "One.", "Three.", "Two."]


async def test_what_is_set_aside_is_shown_nowhere_and_keeps_its_marks_and_its_time(client: TranscriptClient) -> None:
    said = await client.talk("My secret is blue.", "My secret is green.", chat_id="chat")
    (turn,) = [turn for turn in recall_turns(client.store, "ana", "green secret", 9) if "green" in turn.text]
    mark_turn(client.store, "ana", turn.id, pinned=True)
    await client.ask(*said[:2], "Never mind.", chat_id="chat")
    client.clock.time += LATER

    assert "green" not in str([turn.text for turn in recall_turns(client.store, "ana", "green", 9, with_pinned=True)])
    assert "green" not in "".join(export_turns(client.store, "ana"))
    with pytest.raises(SetupError, match="no turn of this user"):
        mark_turn(client.store, "ana", turn.id, never_recall=True)

    await client.ask(*said, "So it is.", chat_id="chat")
    (again,) = [one for one in recall_turns(client.store, "ana", "green", 9, with_pinned=True) if one.id == turn.id]
    assert (again.pinned, again.time) == (True, turn.time)


async def test_who_forgets_all_forgets_what_is_set_aside(client: TranscriptClient) -> None:
    said = await client.talk("One.", "Two.", chat_id="chat")
    await client.ask(*said[:2], "Two, edited.", chat_id="chat")

    await asyncio.to_thread(erase_turns, client.store, "ana")

    assert stored(client) == []


async def test_turns_with_a_character_come_back_too(client: TranscriptClient) -> None:
    said: list[str] = []
    for text in ("One.", "Two.", "Three."):
        said += [text, await client.ask(*said, text, character="mira")]
        client.clock.time += LATER
    await client.ask(*said[:2], PROMPTS[0], character="mira")
    client.clock.time += LATER
    await client.ask(*said, "Four.", character="mira")

    assert client.remembered() == [(1, "One."), (2, "Two."), (3, "Three."), (4, "Four.")]
