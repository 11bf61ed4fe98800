"""The bots of docs/recipes, as their pages have them, with their own libraries and without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, patch

import discord
import httpx
import openai
import pytest
from documents import DOCS, blocks
from openai.types.chat import ChatCompletion
from recipe_server import RecipeServer
from telegram import Update
from telegram.ext import Application, MessageHandler
from telegram.request import BaseRequest

DANGER = "I want to kill myself tonight."
ANA, BEN, BOT = 11, 22, 99


def code(page: str) -> dict[str, Any]:
    """Return what the code of a page defines."""
    (snippet,) = blocks("python", DOCS / "recipes" / page)
    names: dict[str, Any] = {"__name__": "bot"}
    environment = {"HEF_KEY": "none", "DISCORD_TOKEN": "none", "TELEGRAM_TOKEN": "1:x"}
    with (
        patch.object(discord.Client, "run"),
        patch.object(Application, "run_polling"),
        patch.dict(os.environ, environment),
    ):
        exec(snippet, names)
    return names


@pytest.mark.parametrize("page", ["discord.md", "telegram.md"])
def test_a_bot_is_short_and_readable(page: str) -> None:
    (snippet,) = blocks("python", DOCS / "recipes" / page)
    lines = [line for line in snippet.splitlines() if line.strip()]
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 120
    ruff = [sys.executable, "-m", "ruff", "format", "--check", "--line-length", "120", "-"]
    subprocess.run(ruff, input=snippet, text=True, check=True, capture_output=True)


class Doors:
    """The server of a page, and the client of its bot."""

    def __init__(self, page: str, home: Path) -> None:
        self.server = RecipeServer(page, home)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.server.app))
        address = "http://127.0.0.1:8200/v1"
        hef = openai.AsyncOpenAI(base_url=address, api_key=self.server.key, http_client=self.http, max_retries=0)
        self.names = code(page)
        self.names["ask"] = hef.chat.completions.create


# Discord


class Discord(Doors):
    """The bot of the page, to which Discord sends messages, and what it sends itself."""

    def __init__(self, home: Path) -> None:
        super().__init__("discord.md", home)
        self.bot: discord.Client = self.names["bot"]
        self.talks = self.names["talks"]
        self.sent: list[tuple[str, str, Any]] = []
        self.number = 1000

    async def connect(self) -> None:
        await self.bot._async_setup_hook()
        state: Any = self.bot._connection
        state.http.request = self._request
        state.user = discord.ClientUser(state=state, data=self._user(BOT, "HEF"))
        channel = {"id": "7", "type": 0, "name": "talk", "position": 0, "permission_overwrites": []}
        state._add_guild_from_data({"id": "5", "name": "Home", "channels": [channel], "roles": [], "members": []})
        state.dispatch = lambda event, *data: self.received.extend(data if event == "message" else ())

    async def _request(self, route: Any, **sent: Any) -> Any:
        if route.path.endswith("/typing"):
            self.sent.append(("typing", route.channel_id, None))
            return None
        assert (route.method, route.path) == ("POST", "/channels/{channel_id}/messages")
        self.sent.append(("message", route.channel_id, sent["json"]))
        return self._message(BOT, "HEF", sent["json"]["content"], str(route.channel_id), {})

    async def says(
        self, person: int, name: str, text: str, *, in_channel: bool = False, to_bot: bool = True
    ) -> list[str]:
        """Let a person write, and return what the bot writes."""
        self.received: list[Any] = []
        self.sent.clear()
        self.server.time += 60
        place: dict[str, Any] = {"guild_id": "5"} if in_channel else {}
        mentions = [self._user(BOT, "HEF")] if in_channel and to_bot else []
        data = self._message(person, name, text, "7" if in_channel else f"{person}00", {**place, "mentions": mentions})
        self.bot._connection.parse_message_create(data)
        (message,) = self.received
        await self.bot.on_message(message)  # type: ignore[attr-defined]
        return [sent["content"] for kind, _, sent in self.sent if kind == "message"]

    def _message(self, author: int, name: str, text: str, channel: str, more: dict[str, Any]) -> Any:
        self.number += 1
        none: dict[str, Any] = {field: [] for field in ("attachments", "embeds", "mentions", "mention_roles")}
        fixed = {"tts": False, "mention_everyone": False, "pinned": False, "type": 0, "edited_timestamp": None}
        moment = "2026-11-29T08:00:00+00:00"
        who = {"id": str(self.number), "channel_id": channel, "author": self._user(author, name), "content": text}
        return {**none, **fixed, "timestamp": moment, **who, **more}

    def _user(self, number: int, name: str) -> Any:
        return {"id": str(number), "username": name, "discriminator": "0", "avatar": None, "bot": number == BOT}


@pytest.fixture
async def on_discord(tmp_path: Path) -> AsyncIterator[Discord]:
    bot = Discord(tmp_path)
    await bot.connect()
    yield bot
    await bot.http.aclose()


async def test_discord_bot_remembers_each_person_and_shows_that_it_writes(on_discord: Discord) -> None:
    assert "Bello died" in (await on_discord.says(ANA, "Ana", "My dog Bello died."))[0]
    assert on_discord.sent[0][0] == "typing"
    await on_discord.says(BEN, "Ben", "I passed the exam!")
    await on_discord.says(ANA, "Ana", "I miss him.")
    assert on_discord.server.remembered("discord/1100/11") == ["My dog Bello died.", "I miss him."]
    assert on_discord.server.remembered("discord/2200/22") == ["I passed the exam!"]
    assert [str(message.text) for message in on_discord.server.chat.prompts[-1]][1] == "My dog Bello died."


async def test_discord_bot_keeps_names_in_a_channel_and_private_words_out_of_it(on_discord: Discord) -> None:
    await on_discord.says(ANA, "Ana", "I have a secret.")
    await on_discord.says(ANA, "Ana", f"<@{BOT}> My dog Bello died.", in_channel=True)
    assert await on_discord.says(BEN, "Ben", "Who likes pizza?", in_channel=True, to_bot=False) == []
    await on_discord.says(BEN, "Ben", f"<@{BOT}> I knew Bello, too.", in_channel=True)
    prompt = [str(message.text) for message in on_discord.server.chat.prompts[-1]]
    assert (prompt[1], prompt[-1]) == ("Ana: My dog Bello died.", "Ben: I knew Bello, too.")
    assert "pizza" not in "".join(prompt)
    assert on_discord.server.remembered("discord/7/11") == ["My dog Bello died."]
    assert on_discord.server.remembered("discord/7/22") == ["I knew Bello, too."]
    assert on_discord.sent[-1][2]["allowed_mentions"]["parse"] == []


async def test_discord_bot_forgets_nothing_of_who_was_silent_for_long(on_discord: Discord) -> None:
    await on_discord.says(ANA, "Ana", f"<@{BOT}> My dog Bello died.", in_channel=True)
    for number in range(20):
        said = {"role": "user", "content": f"I ate {number} pizzas.", "name": "Ben"}
        on_discord.talks[7][1].extend([said, {"role": "assistant", "content": f"That is {number}, Ben."}])
    await on_discord.says(ANA, "Ana", f"<@{BOT}> I miss him.", in_channel=True)
    assert on_discord.server.remembered("discord/7/11") == ["My dog Bello died.", "I miss him."]
    assert len(on_discord.server.chat.prompts[-1]) <= 42


async def test_discord_bot_passes_danger_on_unchanged(on_discord: Discord) -> None:
    calls = len(on_discord.server.chat.prompts)
    parts = await on_discord.says(ANA, "Ana", DANGER)
    (asked,) = on_discord.server.opened
    body = {"model": "hef", "messages": [{"role": "user", "content": DANGER}]}
    answer = (await on_discord.server.ask("http://127.0.0.1:8200/v1", body)).json()["choices"][0]["message"]
    assert answer["hef"]["safety"]["level"] == "danger"
    assert "".join(parts) == answer["content"]
    assert (asked["person"], len(on_discord.server.chat.prompts)) == ("discord/1100/11", calls)


async def test_discord_bot_writes_a_long_reply_in_parts(on_discord: Discord) -> None:
    said = "And then he ran. " * 118
    parts = await on_discord.says(ANA, "Ana", said)
    assert [len(part) for part in parts][:-1] == [2000]
    assert "".join(parts) == f"I hear you: {said.strip()}"


async def test_discord_bot_says_so_when_the_server_has_no_reply(on_discord: Discord) -> None:
    assert await on_discord.says(ANA, "Ana", "fail") == ["I cannot answer right now. Please write again in a minute."]
    assert "fine" in (await on_discord.says(ANA, "Ana", "I am fine."))[0]
    assert len(on_discord.server.chat.prompts[-1]) == 2


# Telegram


class Network(BaseRequest):
    """Telegram's side of the network."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    read_timeout = 1.0

    async def initialize(self) -> None:
        pass

    async def shutdown(self) -> None:
        pass

    async def do_request(
        self, url: str, method: str, request_data: Any = None, *_: Any, **__: Any
    ) -> tuple[int, bytes]:
        call, fields = url.rpartition("/")[2], request_data.parameters if request_data else {}
        self.sent.append((call, fields))
        me = {"id": BOT, "is_bot": True, "first_name": "HEF", "username": "hef_bot"}
        message = {"message_id": 1, "date": 0, "chat": {"id": fields.get("chat_id", 0), "type": "private"}, "text": "x"}
        result = {"getMe": me, "sendMessage": message}.get(call, True)
        return 200, json.dumps({"ok": True, "result": result}).encode()


class Telegram(Doors):
    """The bot of the page, to which Telegram sends updates, and what it sends itself."""

    def __init__(self, home: Path) -> None:
        super().__init__("telegram.md", home)
        self.network, self.number = Network(), 100
        self.app: Any = Application.builder().token("1:x").request(self.network).updater(None).build()
        self.app.add_handler(MessageHandler(self.names["spoken"], self.names["answer"]))

    async def says(self, person: int, name: str, text: str, *, group: int = 0, replies_to: int = 0) -> list[str]:
        """Let a person write, and return what the bot writes."""
        self.network.sent.clear()
        self.server.time += 60
        self.number += 1
        chat = {"id": group, "type": "group", "title": "Home"} if group else {"id": person, "type": "private"}
        user = {"id": person, "is_bot": False, "first_name": name}
        message: dict[str, Any] = {
            "message_id": self.number,
            "date": 1_795_939_200,
            "chat": chat,
            "from": user,
            "text": text,
        }
        if text.startswith("/"):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
        if replies_to:
            author = {"id": replies_to, "is_bot": replies_to == BOT, "first_name": "x"}
            message["reply_to_message"] = {"message_id": 1, "date": 1, "chat": chat, "from": author, "text": "x"}
        await self.app.process_update(Update.de_json({"update_id": self.number, "message": message}, self.app.bot))
        return [fields["text"] for call, fields in self.network.sent if call == "sendMessage"]


@pytest.fixture
async def on_telegram(tmp_path: Path) -> AsyncIterator[Telegram]:
    bot = Telegram(tmp_path)
    await bot.app.initialize()
    yield bot
    await bot.app.shutdown()
    await bot.http.aclose()


async def test_telegram_bot_remembers_each_person_and_shows_that_it_writes(on_telegram: Telegram) -> None:
    assert "Bello died" in (await on_telegram.says(ANA, "Ana", "My dog Bello died."))[0]
    assert [call for call, _ in on_telegram.network.sent] == ["sendChatAction", "sendMessage"]
    await on_telegram.says(BEN, "Ben", "I passed the exam!")
    await on_telegram.says(ANA, "Ana", "I miss him.")
    assert on_telegram.server.remembered("telegram/11/11") == ["My dog Bello died.", "I miss him."]
    assert on_telegram.server.remembered("telegram/22/22") == ["I passed the exam!"]


async def test_telegram_bot_keeps_names_in_a_group_and_private_words_out_of_it(on_telegram: Telegram) -> None:
    await on_telegram.says(ANA, "Ana", "I have a secret.")
    await on_telegram.says(ANA, "Ana", "/hef@hef_bot My dog Bello died.", group=-7)
    assert await on_telegram.says(BEN, "Ben", "Who likes pizza?", group=-7) == []
    assert await on_telegram.says(BEN, "Ben", "I do.", group=-7, replies_to=ANA) == []
    await on_telegram.says(BEN, "Ben", "I knew Bello, too.", group=-7, replies_to=BOT)
    prompt = [str(message.text) for message in on_telegram.server.chat.prompts[-1]]
    assert (prompt[1], prompt[-1]) == ("Ana: My dog Bello died.", "Ben: I knew Bello, too.")
    assert "pizza" not in "".join(prompt)
    assert on_telegram.server.remembered("telegram/-7/11") == ["My dog Bello died."]
    assert on_telegram.server.remembered("telegram/-7/22") == ["I knew Bello, too."]


async def test_telegram_bot_passes_danger_on_unchanged(on_telegram: Telegram) -> None:
    parts = await on_telegram.says(ANA, "Ana", DANGER)
    body = {"model": "hef", "messages": [{"role": "user", "content": DANGER}]}
    answer = (await on_telegram.server.ask("http://127.0.0.1:8200/v1", body)).json()["choices"][0]["message"]
    assert answer["hef"]["safety"]["level"] == "danger"
    assert "".join(parts) == answer["content"]
    assert not any("parse_mode" in fields for _, fields in on_telegram.network.sent)
    assert on_telegram.server.chat.prompts == []


async def test_telegram_bot_writes_a_long_reply_in_parts(on_telegram: Telegram) -> None:
    reply = "And then he ran. " * 300
    answer = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": reply}}]}
    head = {"id": "1", "created": 0, "model": "hef", "object": "chat.completion"}
    on_telegram.names["ask"] = AsyncMock(return_value=ChatCompletion.model_validate({**head, **answer}))
    parts = await on_telegram.says(ANA, "Ana", "What then?")
    assert [len(part) for part in parts] == [4096, len(reply) - 4096]


async def test_telegram_bot_says_so_when_the_server_has_no_reply(on_telegram: Telegram) -> None:
    assert await on_telegram.says(ANA, "Ana", "fail") == ["I cannot answer right now. Please write again in a minute."]
    assert "fine" in (await on_telegram.says(ANA, "Ana", "I am fine."))[0]
    assert len(on_telegram.server.chat.prompts[-1]) == 2


@pytest.mark.parametrize("text", ["/start", "/hef", "/hef ", "/help me", " "])
async def test_telegram_bot_passes_other_commands_over(on_telegram: Telegram, text: str) -> None:
    assert await on_telegram.says(ANA, "Ana", text) == []
