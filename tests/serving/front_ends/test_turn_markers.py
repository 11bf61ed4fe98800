"""Pipecat's markers of an ended turn reach Pipecat, and are neither remembered nor taken for a reply."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hef.contract import HefContext
from hef.graph import create_hef
from hef.memory import list_turns
from hef.sem import resolve_sem
from hef.serving.chat_app import create_app
from hef.serving.front_ends.turn_markers import without_marker
from hef.serving.server_settings import ServerSettings
from langchain_core.messages import BaseMessage
from langgraph.store.memory import InMemoryStore
from talking_chat import TalkingChat


@pytest.mark.parametrize(
    ("reply", "heard"),
    [
        ("◐", ""),
        (" ○\n", ""),
        ("● I hear you.", "I hear you."),
        ("✓ I hear you.", "I hear you."),
        ("●\nI hear you.", "I hear you."),
        ("I hear you ●", "I hear you ●"),
        ("◐ is a half moon.", "◐ is a half moon."),
        ("●●● wow", "●●● wow"),
        ("✓", "✓"),
        ("○ and ◐", "○ and ◐"),
        ("", ""),
    ],
)
def test_a_marker_is_not_heard(reply: str, heard: str) -> None:
    assert without_marker(reply) == heard


class MarkingChat(TalkingChat):
    """Says of words that end with a dash that the person goes on."""

    def _reply(self, messages: list[BaseMessage]) -> str:
        said = str(messages[-1].text)
        return "◐" if said.endswith("--") else f"● {super()._reply(messages)}"


@pytest.mark.parametrize("chat_id", [None, "call"])
async def test_a_turn_goes_on_until_the_person_has_ended(chat_id: str | None) -> None:
    chat, store, sem = MarkingChat(), InMemoryStore(), resolve_sem("lexicon")
    graph = create_hef(model=chat, sem=sem).compile(store=store)
    settings = ServerSettings(context=HefContext(strategy="sem_only"))
    app = create_app(graph, model=chat, sem=sem, store=store, settings=settings)
    messages: list[dict[str, str]] = []

    def told() -> list[tuple[int | None, str, str]]:
        return sorted((turn.turn, turn.text, turn.reply) for turn in list_turns(store, "ana"))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1/v1") as http:

        async def says(text: str) -> str:
            messages.append({"role": "user", "content": text})
            headers = {"x-hef-chat-id": chat_id} if chat_id else {}
            body: Any = {"messages": messages, "user": "ana"}
            answer = await http.post("/chat/completions", json=body, headers=headers)
            messages.append({"role": "assistant", "content": answer.json()["choices"][0]["message"]["content"]})
            return messages[-1]["content"]

        assert await says("I was thinking about my mother --") == "◐"
        assert told() == [(1, "I was thinking about my mother --", "")]
        assert (await says("because she lives alone.")).startswith("● I hear you: ")
        first = (
            1,
            "I was thinking about my mother --\nbecause she lives alone.",
            "I hear you: because she lives alone.",
        )
        assert told() == [first]
        assert await says("Do you think --") == "◐"
        assert (await says("I should call her?")).startswith("● ")
        assert told() == [first, (2, "Do you think --\nI should call her?", "I hear you: I should call her?")]
    assert all("◐" not in str(message.text) for message in chat.prompts[-1])
    assert len({turn.thread for turn in list_turns(store, "ana")}) == 1


@pytest.mark.parametrize("reply", ["● milk\n● eggs", "✓ done\n✓ asked"])
def test_a_list_keeps_its_marks(reply: str) -> None:
    assert without_marker(reply) == reply
