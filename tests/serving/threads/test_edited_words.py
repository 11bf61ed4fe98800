"""Earlier words that were edited while the chat goes on: the memory holds what the person says now."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hef.memory import mark_turn
from hef.memory.lifetime import SET_ASIDE, SET_ASIDE_DAYS, lifetime
from hef.serving.threads.edited_words import edited_value
from langgraph.store.memory import InMemoryStore
from transcript_client import LATER, TranscriptClient

CHAT_IDS = pytest.mark.parametrize("chat_id", [None, "chat"])
EDITS = [
    ("My sister Inga lives in Rome.", "My sister Anna lives in Rome."),
    ("I told my boss to leave me alone and he did.", "I told my friend to leave me alone and she did."),
    ("我妹妹住在罗马，我很想她。", "我姐姐住在罗马，我很想她。"),
]
OTHERS = [
    ("I went to the park and fed the ducks today.", "I went to the park and fed the du"),
    ("I went to the park and fed the ducks today.", "I went to the park and fed…"),
    ("I told my boss to leave me alone and he did.", "I told my boss to leave me alone."),
    ("I went to the park and fed the ducks today.", "I went to the park … today. [truncated]"),
    ("My brother Tom lives in Rome with his dog.", "My brother [NAME] lives in [PLACE] with his dog."),
    ("My number is 5551234 and I live alone.", "My number is **** and I live alone."),
    ("I went to the park.", "[10:31] I went to the park."),
    ("I went to the park.", "Ich war im Park."),
    ("I went to the park.", "[old message]"),
    ("I went to the park.", "i went to the park"),
    ("I went to the park.", ""),
]


def texts(client: TranscriptClient) -> list[str]:
    return [text for _, text in client.remembered()]


@CHAT_IDS
@pytest.mark.parametrize(("old", "new"), EDITS)
async def test_an_earlier_message_is_remembered_as_it_was_edited(
    client: TranscriptClient, chat_id: str | None, old: str, new: str
) -> None:
    said = await client.talk("Hello there.", old, "What a day.", chat_id=chat_id)
    said[2] = new
    reply = await client.ask(*said, "I am tired.", chat_id=chat_id)
    client.clock.time += LATER
    assert texts(client) == ["Hello there.", new, "What a day.", "I am tired."]

    await client.ask(*said, "I am tired.", reply, "Good night.", chat_id=chat_id)
    assert texts(client) == ["Hello there.", new, "What a day.", "I am tired.", "Good night."]


@CHAT_IDS
@pytest.mark.parametrize(("old", "new"), OTHERS)
async def test_what_a_client_cuts_or_adds_to_is_no_edit(
    client: TranscriptClient, chat_id: str | None, old: str, new: str
) -> None:
    said = await client.talk("Hello there.", old, "What a day.", chat_id=chat_id)
    said[2] = new
    await client.ask(*said, "I am tired.", chat_id=chat_id)
    assert texts(client) == ["Hello there.", old, "What a day.", "I am tired."]


@CHAT_IDS
async def test_the_newest_message_may_be_edited_as_well(client: TranscriptClient, chat_id: str | None) -> None:
    said = await client.talk("Hello there.", "My sister Inga lives in Rome.", chat_id=chat_id)
    said[2] = "My sister Anna lives in Rome."
    await client.ask(*said, "I miss her.", chat_id=chat_id)
    assert texts(client) == ["Hello there.", "My sister Anna lives in Rome.", "I miss her."]


def test_a_wish_goes_with_its_words() -> None:
    value = {"text": "Please stop asking me questions, ok?", "wish": "stop asking me questions"}
    assert edited_value(value, "Please keep asking me questions, ok?")["wish"] == ""
    assert "wish" not in edited_value(value, "Pls stop asking me questions, ok?")


def test_what_was_felt_in_other_words_is_not_kept() -> None:
    old = {"text": "I love my job and my boss.", "emotion": "joyful", "probability": 0.9, "causes": ["love", "boss"]}
    changed = edited_value(old, "I hate my job and my boss.")
    assert (changed["emotion"], changed["causes"]) == (None, [])
    assert "emotion" not in edited_value({**old, "confirmed": True}, "I hate my job and my boss.")
    typo = {**old, "text": f"{old['text']} They pay me well and the coffee is free for all of us."}
    kept = edited_value(typo, typo["text"].replace("coffee", "cofee"))
    assert "emotion" not in kept
    assert kept["causes"] == ["love", "boss"]


async def test_a_mark_of_the_person_stays_with_the_edited_turn(client: TranscriptClient) -> None:
    said = await client.talk("My sister Inga lives in Rome.", "What a day.", chat_id="chat")
    item = next(item for item in client.store.search(()) if "Inga" in item.value["text"])
    mark_turn(client.store, "ana", item.key, pinned=True)
    said[0] = "My sister Anna lives in Rome."
    await client.ask(*said, "I miss her.", chat_id="chat")
    changed = client.store.get(item.namespace, item.key)
    assert changed is not None
    assert (changed.value["text"], changed.value["pinned"]) == (said[0], True)


def test_a_turn_that_is_set_aside_ends_by_itself() -> None:
    class Timed(InMemoryStore):
        supports_ttl = True

    week = SET_ASIDE_DAYS * 24 * 60
    store: Any = Timed()
    assert lifetime(store, {SET_ASIDE: True})["ttl"] == pytest.approx(week, rel=1e-3)
    assert lifetime(store, {SET_ASIDE: True, "expires": time.time() + 600})["ttl"] == pytest.approx(10, rel=1e-2)
    assert lifetime(store, {SET_ASIDE: True, "pinned": True}) == {"ttl": None}
    assert lifetime(store, {"text": "Hello."}) == {}
