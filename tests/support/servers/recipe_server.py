"""The chat server that a page of docs/recipes starts: its commands, read from the page, around an instant LLM."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from documents import DOCS, blocks
from hef.contract import HefContext
from hef.graph import create_hef
from hef.memory import list_turns
from hef.sem import resolve_sem
from hef.serving.chat_app import create_app
from hef.serving.chat_conversations import Conversations
from hef.serving.front_ends.trusted_headers import trusted_header
from hef.serving.identity import Identities
from hef.serving.keys import KeyFile
from hef.serving.server_settings import ServerSettings
from langgraph.store.memory import InMemoryStore
from talking_chat import TalkingChat

ADDRESS = "http://127.0.0.1:8200"
"""Where the pages say that the server is."""


class RecipeServer:
    """An application with the keys, the trusted headers and the secret of a page.

    Args:
        page: Name of the page.
        home: Folder of the keys.
    """

    def __init__(self, page: str, home: Path) -> None:
        self.page = DOCS / "recipes" / page
        self.chat, self.memory, self.time = TalkingChat(), InMemoryStore(), 1_000_000.0
        self.opened: list[dict[str, Any]] = []
        """What each turn was said to be."""
        keys, trusted, exported = KeyFile(home / "keys.toml"), [], {}
        for words in map(shlex.split, "".join(blocks("sh", self.page)).splitlines()):
            match words:
                case ["export", *settings]:
                    exported.update(setting.split("=", 1) for setting in settings)
                case ["hef", "serve", "key", "add", name, *options]:
                    self.key = keys.add(name, front_end="--front-end" in options)[1]
                case ["hef", "serve", "chat", *options] if "--trust" in options:
                    trusted = [trusted_header(options[options.index("--trust") + 1])]
        identities = Identities(keys=keys, trusted=trusted, jwt_secret=exported.get("HEF_JWT_SECRET"))
        sem = resolve_sem("lexicon")
        server = self

        class Watched(Conversations):
            async def open(self, **asked: Any) -> Any:
                server.opened.append(asked)
                return await super().open(**asked)

        self.app = create_app(
            create_hef(model=self.chat, sem=sem).compile(store=self.memory),
            model=self.chat,
            sem=sem,
            store=self.memory,
            settings=ServerSettings(context=HefContext(strategy="sem_only")),
            identities=identities,
            conversations=Watched(store=self.memory, now=lambda: self.time),
        )

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Return a client that asks with the page's key."""
        sent = {"authorization": f"Bearer {self.key}", **headers}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ADDRESS, headers=sent)

    async def ask(self, address: str, body: Mapping[str, Any], **headers: str) -> httpx.Response:
        """Send a chat completion to the address of a page, a while after the one before."""
        self.time += 60
        assert address.endswith("/v1")
        path = httpx.URL(address).path
        async with self.client() as client:
            return await client.post(f"{path}/chat/completions", json=body, headers=headers)

    def remembered(self, person: str) -> list[str]:
        """Return what is remembered of a person, oldest first."""
        return [turn.text for turn in list_turns(self.memory, person)][::-1]

    def settings(self) -> dict[str, str]:
        """Return the settings of the page's table."""
        rows = re.findall(r"^\|(?:[^|\n]*\|)?? ([^|\n]+) \| ([^|\n]+) \|$", self.page.read_text("utf-8"), re.MULTILINE)
        return {name: value.split("`")[1] if "`" in value else value for name, value in rows}
