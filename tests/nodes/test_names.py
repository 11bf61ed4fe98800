"""Names of several people are shown; ids that front ends send as names tell people apart, and nobody reads them."""

from __future__ import annotations

from typing import Any

import pytest
from hef.contract import HefContext
from hef.graph import create_hef
from hef.memory import list_turns
from hef.nodes.support.conversation import chat_messages, shown_name
from hef.nodes.support.transcript import to_dialogue
from hef.sem import resolve_sem
from langchain_core.messages import HumanMessage
from langgraph.store.memory import InMemoryStore
from talking_chat import TalkingChat

IDS = [
    "6dbe9e4849734d63aaa60e488c8fa747",  # Home Assistant
    "6DBE9E4849734D63AAA60E488C8FA747",
    "0b8c2f6e-9a53-4c1e-8f0d-2f6b7c9d1e3a",
    "123456789012345678",  # Discord, Telegram
    "507f1f77bcf86cd799439011",
    "01M8NJY578FAHEWAX7FQW4C2C6",
    " user-6dbe9e4849734d63aaa60e488c8fa747 ",
]
NAMES = ["Ana", "2pac", "Ana Maria", "乐乐", "12345678901234", "deadbeef", "agent-007", "Bee", "U2", "anna-lena-marie"]


@pytest.mark.parametrize("name", IDS)
def test_an_id_is_no_name(name: str) -> None:
    assert shown_name(name) == ""


@pytest.mark.parametrize("name", NAMES)
def test_what_people_are_called_is_a_name(name: str) -> None:
    assert shown_name(name) == name


def shown(*said: tuple[str, str]) -> list[Any]:
    messages: list[Any] = [HumanMessage(text, name=name) for text, name in said]
    return [(message.text, message.name) for message in chat_messages(messages, to_dialogue(messages))]


def test_ids_tell_people_apart_and_are_shown_to_no_llm() -> None:
    assert shown(("I lost my key.", IDS[0]), ("I found it.", IDS[2])) == [
        ("I lost my key.", None),
        ("I found it.", None),
    ]
    assert shown(("I lost my key.", IDS[0]), ("Oh no.", IDS[0])) == [("I lost my key.\nOh no.", None)]
    both = [("I lost my key.", IDS[0]), ("I found it.", "Ben")]
    assert shown(*both) == [("I lost my key.", None), ("I found it.", "Ben")]


@pytest.mark.parametrize(("name", "stored"), [(IDS[0], ""), ("Ana", "Ana")])
async def test_an_id_is_not_remembered_as_a_name(name: str, stored: str) -> None:
    store, chat = InMemoryStore(), TalkingChat()
    hef = create_hef(model=chat, sem=resolve_sem("lexicon")).compile(store=store)
    said = HumanMessage("My dog Bello died.", name=name)
    await hef.ainvoke({"messages": [said]}, context=HefContext(user_id="ana", strategy="sem_only"))
    (turn,) = list_turns(store, "ana")
    assert turn.name == stored
