"""`hef serve chat`: who is let in, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from hef.characters import Character
from hef.cli.app import app
from hef.contract import SetupError
from hef.graph import create_hef
from hef.sem import resolve_sem
from hef.serving.chat_app import create_app
from hef.serving.http_server import HttpServer
from hef.serving.keys import KeyFile
from sse_starlette.sse import AppStatus
from talking_chat import TalkingChat
from typer.testing import CliRunner

KEPT = ["--sem", "lexicon", "--strategy", "sem_only", "--no-memory", "--port", "0"]


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TalkingChat:
    chat = TalkingChat()
    monkeypatch.setenv("HEF_HOME", str(tmp_path))
    monkeypatch.setattr("hef.graph.parts.resolve_model", lambda spec: chat)
    monkeypatch.setattr("hef.llm.resolve.resolve_model", lambda spec: chat)
    monkeypatch.setattr("hef.cli.serve.serve_chat.preload_llm", lambda model: None)
    return chat


def run(*arguments: str):
    return CliRunner().invoke(app, ["serve", "chat", *arguments])


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::"])
def test_without_keys_nobody_else_is_let_in(chat: TalkingChat, host: str) -> None:
    done = run(*KEPT, "--host", host)
    assert done.exit_code == 2
    assert "hef serve key add" in done.stderr


def test_a_port_that_is_taken_is_one_sentence(chat: TalkingChat) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(*KEPT[:-1], str(taken.getsockname()[1]))
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "another port" in done.stderr


def test_a_signal_ends_the_server_after_the_reply_that_runs(
    chat: TalkingChat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = KeyFile(tmp_path / "keys.toml").add("ana")
    listening = threading.Event()
    ports: list[int] = []
    startup = HttpServer.startup

    async def watched(self: HttpServer, sockets=None) -> None:
        await startup(self, sockets)
        ports.append(sockets[0].getsockname()[1])
        listening.set()

    monkeypatch.setattr(HttpServer, "startup", watched)
    monkeypatch.setattr(AppStatus, "should_exit", False)  # which the signal sets for the whole process
    texts: list[str] = []

    def ask() -> None:
        assert listening.wait(60)
        url = f"http://127.0.0.1:{ports[0]}/v1/chat/completions"
        body = {"messages": [{"role": "user", "content": "Please hang on."}], "stream": True}
        refused = httpx.post(url, json=body).status_code
        key = {"Authorization": f"Bearer {token}"}
        with httpx.stream("POST", url, json=body, headers=key, timeout=60) as response:
            for line in response.iter_lines():
                texts.append(line)
                if '"hear "' in line:
                    os.kill(os.getpid(), signal.SIGTERM)
                    chat.release()
        texts.append(str(refused))

    client = threading.Thread(target=ask)
    client.start()
    done = run(*KEPT)
    client.join(60)
    assert done.exit_code == 0, done.output
    assert re.search(r"serving at http://127\.0\.0\.1:\d+/v1", done.stdout)
    assert texts[-1] == "401"
    assert "data: [DONE]" in texts
    assert any('"finish_reason":"stop"' in line for line in texts)


@pytest.mark.parametrize(("ids", "other"), [(["hef"], "hef"), (["HEF"], "hef"), (["mia", "Mia"], "mia")])
def test_an_application_refuses_characters_that_would_take_the_place_of_another(ids: list[str], other: str) -> None:
    sem, model = resolve_sem("lexicon"), TalkingChat()
    characters = {id: Character(id=id, name="Mia", persona="a nurse") for id in ids}
    with pytest.raises(SetupError, match=f"'{ids[-1]}' beside '{other}'"):
        create_app(create_hef(model=model, sem=sem).compile(), model=model, sem=sem, characters=characters)


def test_a_character_does_not_take_over_the_model_of_the_server(
    chat: TalkingChat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "characters").mkdir()
    (tmp_path / "characters" / "Hef.toml").write_text('name = "Hef"\npersona = "a nurse"\n', encoding="utf-8")
    served: list[str] = []

    async def serve_app(app: Any, *arguments: Any, **options: Any) -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            served.extend(one["id"] for one in (await client.get("/v1/models")).json()["data"])

    monkeypatch.setattr("hef.serving.http_server.serve_app", serve_app)
    done = run(*KEPT)
    assert served == ["hef", "june", "xiaolin"]
    assert "left out: the character Hef" in done.stderr


def test_a_server_writes_hefs_warnings_and_no_librarys() -> None:
    lines = (
        "import logging, hef.contract",
        "from hef.cli.logging_setup import enable_warnings, silence_libraries",
        "silence_libraries()",
        "logging.getLogger('hef.serving').warning('before')",
        "enable_warnings()",
        "for name in ('hef.serving', 'chromadb'): logging.getLogger(name).warning('of %s', name)",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)

    assert "WARNING hef.serving: of hef.serving" in done.stderr
    assert "before" not in done.stderr
    assert "chromadb" not in done.stderr
