"""A home folder serves one `hef serve chat` at a time, where the turns are in a file of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from hef.cli.app import app
from hef.cli.serve.sole_server import LOCK_FILE
from llm_server import llm_server
from lone_server import lone_server
from talking_chat import TalkingChat
from typer.testing import CliRunner

pytest.importorskip("langchain_openai")


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let a command in this process end as soon as it would answer; the applications that it would serve."""
    for name in ("HEF_POSTGRES_URL", "HEF_CHROMA_URL", "HEF_KEYS", "HEF_JWT_SECRET", "HEF_USER"):
        monkeypatch.delenv(name, raising=False)
    chat, applications = TalkingChat(), []

    async def serve_app(app: Any, *arguments: Any, **options: Any) -> None:
        applications.append(app)

    monkeypatch.setattr("hef.graph.parts.resolve_model", lambda spec: chat)
    monkeypatch.setattr("hef.llm.resolve.resolve_model", lambda spec: chat)
    monkeypatch.setattr("hef.cli.serve.serve_chat.preload_llm", lambda model: None)
    monkeypatch.setattr("hef.serving.http_server.serve_app", serve_app)
    return applications


def start(home: Path, *arguments: str):
    return CliRunner().invoke(app, ["serve", "chat", "--port", "0", "--home", str(home), *arguments])


def test_a_folder_is_one_servers_until_that_is_killed(
    tmp_path: Path, served: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, link = tmp_path / "home", tmp_path / "link"
    home.mkdir()
    link.symlink_to(home)
    with llm_server(until=10) as llm, lone_server(home, llm.url) as server:
        for name in (home, link, home / ".." / "home"):
            second = start(name)
            assert second.exit_code == 1
            assert "another `hef serve chat` uses the folder" in second.stderr
            assert "HEF_POSTGRES_URL" in second.stderr
            assert second.stderr.count("\n") == 1
        assert served == []
        assert httpx.get(f"{server.url}/health").is_success

        # What keeps no turns, or shares them, may use the folder. Nobody connects before the first request comes.
        assert start(home, "--no-memory", "--sem", "lexicon").exit_code == 0
        monkeypatch.setenv("HEF_POSTGRES_URL", "postgresql://nobody@127.0.0.1:1/hef")
        assert start(home).exit_code == 0
        monkeypatch.delenv("HEF_POSTGRES_URL")
        assert len(served) == 2

        server.process.kill()
        server.process.wait()
        assert start(home).exit_code == 0
        assert start(home).exit_code == 0  # one that has ended leaves it free, too
    assert len(served) == 4
    assert os.stat(home / LOCK_FILE).st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_locked_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).mkdir()
    refused = start(tmp_path)
    assert refused.exit_code == 1
    assert "cannot be locked" in refused.stderr
