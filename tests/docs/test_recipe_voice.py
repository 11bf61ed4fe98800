"""docs/recipes/pipecat.md: its code with a stand-in for Pipecat, and what that sends through a real server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import openai
import pytest
from chat_server import chat_server
from documents import ROOT, blocks
from hef.memory import list_turns
from recipe_server import ADDRESS, RecipeServer

SAID = "Please hang on, my dog Bello died."


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """Yield the service that the page makes for a call, with the server that its address stands for."""

    class OpenAILLMService(SimpleNamespace):
        """Takes the arguments of Pipecat's service."""

        Settings = SimpleNamespace

        def __init__(self, *, api_key: str, base_url: str, settings: Any, default_headers: dict[str, str]) -> None:
            super().__init__(api_key=api_key, base_url=base_url, settings=settings, default_headers=default_headers)

    module: Any = ModuleType("pipecat.services.openai.llm")
    module.OpenAILLMService = OpenAILLMService
    monkeypatch.setitem(sys.modules, "pipecat.services.openai.llm", module)
    server = RecipeServer("pipecat.md", tmp_path)
    monkeypatch.setenv("HEF_KEY", server.key)
    names: dict[str, Any] = {}
    exec(blocks("python", server.page)[0], names)
    with chat_server(server.app) as running:
        made = names["companion"]("call-1")
        yield SimpleNamespace(server=server, **{**vars(made), "base_url": made.base_url.replace(ADDRESS, running.url)})


async def test_a_voice_pipeline_may_interrupt_and_go_on(service: Any) -> None:
    requests = ROOT / "tests" / "serving" / "front_ends" / "requests"
    body = json.loads((requests / "pipecat_turn.json").read_text("utf-8"))["body"]
    system, *_ = body["messages"]
    said = {"role": "user", "content": SAID}
    server = service.server
    async with openai.AsyncOpenAI(
        api_key=service.api_key, base_url=service.base_url, default_headers=service.default_headers, max_retries=0
    ) as client:
        asked = {**body, "model": service.settings.model}
        stream = await client.chat.completions.create(**{**asked, "messages": [system, said]})
        heard = ""
        async for chunk in stream:
            heard += chunk.choices[0].delta.content or ""
            if heard == "I hear ":
                break
        await stream.close()
        assert server.chat.closed.wait(10)

        spoken = {"role": "assistant", "content": "I hear"}
        more = {"role": "user", "content": "I miss him."}
        stream = await client.chat.completions.create(**{**asked, "messages": [system, said, spoken, more]})
        words = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    assert words.strip() == "I hear you: I miss him."
    assert "Your words are spoken." in str(server.chat.prompts[-1][0].text)
    assert [asked["chat_id"] for asked in server.opened] == ["call-1", "call-1"]
    first, second = list_turns(server.memory, "ana")[::-1]
    assert (first.text, first.reply, second.text) == (SAID, "I hear", "I miss him.")
