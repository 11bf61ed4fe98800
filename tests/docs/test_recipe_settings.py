"""The settings that pages of docs/recipes show: read as the front end reads them, and sent as it sends them."""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml
from documents import DOCS, ROOT, blocks
from recipe_server import RecipeServer

RECIPES = DOCS / "recipes"
SAID = "My dog Bello died last night."
CHAT = {"model": "hef", "messages": [{"role": "user", "content": SAID}]}


def recorded(name: str) -> dict[str, Any]:
    """Return the body of a request in the shape of a front end."""
    path = ROOT / "tests" / "serving" / "front_ends" / "requests" / f"{name}.json"
    body: dict[str, Any] = json.loads(path.read_text("utf-8"))["body"]
    return {**body, "stream": False}


def filled(template: str, **values: str) -> str:
    for name, value in values.items():
        template = template.replace(f"{{{{{name}}}}}", value)
    return template


async def test_open_webui_signs_who_asks_and_names_its_tasks(tmp_path: Path) -> None:
    server = RecipeServer("open-webui.md", tmp_path)
    (compose,) = blocks("yaml", server.page)
    variables = yaml.safe_load(compose)["services"]["open-webui"]["environment"]
    (headers,) = blocks("json", server.page)
    (task_header, template), *others = json.loads(headers).items()
    assert (others, variables["ENABLE_FORWARD_USER_INFO_HEADERS"]) == ([], "true")
    claims = {"sub": "5f3c", "iss": "open-webui", "iat": int(time.time()), "exp": int(time.time()) + 300}

    async def ask(secret: str, body: dict[str, Any], task: str) -> Any:
        sent = {"x-openwebui-user-jwt": jwt.encode(claims, secret, "HS256"), task_header: filled(template, TASK=task)}
        return await server.ask(variables["OPENAI_API_BASE_URL"], body, **sent, **{"x-openwebui-chat-id": "c-1"})

    secret = variables["FORWARD_USER_INFO_HEADER_JWT_SECRET"]
    answer = await ask(secret, CHAT, "")
    assert answer.json()["choices"][0]["message"]["hef"]["safety"]["level"] == "none"
    assert server.opened[0]["chat_id"] == "c-1"
    own_prompt = {**CHAT, "messages": [{"role": "user", "content": "Name this chat: I lost my job."}]}
    assert "hef" not in (await ask(secret, own_prompt, "title_generation")).json()["choices"][0]["message"]
    assert (await ask(secret[::-1], CHAT, "")).status_code == 401
    assert "`hef memory list --user webui/5f3c`" in server.page.read_text("utf-8")
    assert server.remembered("webui/5f3c") == [SAID]


async def test_librechat_names_person_and_conversation_in_headers(tmp_path: Path) -> None:
    server = RecipeServer("librechat.md", tmp_path)
    (config,) = blocks("yaml", server.page)
    (endpoint,) = yaml.safe_load(config)["endpoints"]["custom"]
    assert endpoint["models"]["default"] == ["hef"]
    body = recorded("librechat_chat")

    async def ask(body: dict[str, Any], **values: str) -> Any:
        headers = {name: filled(template, **values) for name, template in endpoint["headers"].items()}
        return await server.ask(endpoint["baseURL"], body, **headers)

    await ask(body, LIBRECHAT_USER_ID=body["user"], LIBRECHAT_BODY_CONVERSATIONID="9d3f")
    title = await ask(recorded("librechat_title"), LIBRECHAT_USER_ID=body["user"], LIBRECHAT_BODY_CONVERSATIONID="9d3f")
    assert title.status_code == 200
    assert [(asked["person"], asked["chat_id"]) for asked in server.opened] == [(f"librechat/{body['user']}", "9d3f")]

    await ask(CHAT, LIBRECHAT_USER_ID="66f0cc")
    assert server.opened[-1]["person"] == "librechat/66f0cc"
    unfilled = await ask({**CHAT, "user": "66f0bb"})
    assert unfilled.status_code == 200
    assert server.opened[-1]["person"] == "librechat/66f0bb"
    assert server.opened[-1]["chat_id"] is None
    assert server.remembered(f"librechat/{body['user']}") == [body["messages"][-1]["content"]]


async def test_sillytavern_chats_swipes_and_asks_for_faces(tmp_path: Path) -> None:
    server = RecipeServer("sillytavern.md", tmp_path)
    settings = server.settings()
    assert settings["Prompt Post-Processing"] == "None"
    for name in ("sillytavern_chat", "sillytavern_chat", "sillytavern_summary"):
        answer = await server.ask(
            settings["Custom Endpoint (Base URL)"], {**recorded(name), "model": settings["Enter a Model ID"]}
        )
        assert answer.status_code == 200
    assert server.remembered("ana") == [SAID]
    assert len(server.opened) == 2

    async with server.client() as browser:
        extras = settings["Extras API URL"].partition(",")[0]
        assert "classify" in (await browser.get(f"{extras}/api/modules")).json()["modules"]
        labels = (await browser.get(f"{extras}/api/classify/labels")).json()["labels"]
        faces = (await browser.post(f"{extras}/api/classify", json={"text": SAID})).json()["classification"]
    assert len(labels) == 28
    assert faces[0]["label"] in ("sadness", "grief")


async def test_home_assistant_is_one_person_in_all_its_conversations(tmp_path: Path) -> None:
    server = RecipeServer("home-assistant.md", tmp_path)
    settings = server.settings()
    limit = int(settings["Maximum tokens to return in response"])
    body = {**recorded("home_assistant_turn"), "model": settings["Completion Model"], "max_tokens": limit}
    other = [{"role": "user", "content": "I miss him.", "name": "a1b2c3"}]
    for changes in ({}, {"user": "01J9ZQ5", "messages": other}):
        answer = await server.ask(settings["Base URL"], {**body, **changes})
        assert answer.headers["x-hef-ignored"] == "functions"
        assert answer.json()["choices"][0]["finish_reason"] == "stop"
    assert server.chat.settings[-1]["max_tokens"] == limit
    assert server.remembered("ana") == [SAID, "I miss him."]


@pytest.mark.parametrize("page", ["README.md", "sillytavern.md"])
async def test_each_curl_line_is_answered(page: str, tmp_path: Path) -> None:
    server = RecipeServer(page, tmp_path)
    lines = [shlex.split(line) for line in "".join(blocks("sh", server.page)).splitlines() if line.startswith("curl")]
    assert lines
    for words in lines:
        options = dict(zip(words[3::2], words[4::2], strict=True))
        assert words[1] == "-s"
        async with server.client() as client:
            body = json.loads(options["-d"]) if "-d" in options else None
            answer = await client.request("POST" if body else "GET", words[2], json=body)
        assert answer.status_code == 200, answer.text
        assert "Authorization: Bearer $HEF_KEY" in words


def test_every_recipe_is_in_the_index_and_says_what_was_not_run() -> None:
    index = (RECIPES / "README.md").read_text("utf-8")
    for page in set(RECIPES.glob("*.md")) - {RECIPES / "README.md"}:
        assert f"({page.name})" in index
        last = page.read_text("utf-8").strip().splitlines()[-1]
        assert re.search(r"Tests .* (not run|run here|not started|was made)", last), page.name
