"""Web pages of other origins can neither read nor write by way of a browser on the server's machine."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import httpx
import pytest
from documents import ROOT
from hef.graph.browser_origins import ALLOWED, OriginCheck
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def status(origin: str | None) -> int:
    """Return how a server behind the check answers a request that no CORS preflight comes before."""
    app = OriginCheck(Starlette(routes=[Route("/runs", lambda _: PlainTextResponse("ran"), methods=["POST"])]))
    headers = {"content-type": "text/plain"} | ({} if origin is None else {"origin": origin})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:2024") as client:
        return (await client.post("/runs", content="{}", headers=headers)).status_code


@pytest.mark.parametrize(
    "origin",
    [
        None,
        *("http://localhost:3000", "http://127.0.0.1:2024", "https://localhost", "http://[::1]:80"),
        *("https://smith.langchain.com", "https://eu.smith.langchain.com"),
    ],
)
async def test_programs_local_pages_and_studio_are_served(origin: str | None) -> None:
    assert await status(origin) == 200


@pytest.mark.parametrize(
    "origin",
    [
        *("https://example.org", "null", "", "http://localhost.example.org", "http://127.0.0.1.example.org", "file://"),
        *("http://smith.langchain.com", "https://evil-smith.langchain.com", "https://smithxlangchain.com"),
        *("http://localhost:3000.example.org", "https://a.org#http://localhost", "http://127.0.0.1:80@example.org"),
    ],
)
async def test_other_pages_are_refused(origin: str) -> None:
    assert await status(origin) == 403


async def test_an_origin_that_is_named_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ALLOW_ORIGINS", "https://companion.example.org, https://other.example.org")

    assert await status("https://companion.example.org") == 200
    assert await status("https://example.org") == 403


def test_langgraphs_cors_allows_the_same_origins() -> None:
    settings: Any = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))

    assert settings["http"]["cors"]["allow_origin_regex"] == ALLOWED
    assert "allow_origins" not in settings["http"]["cors"], "then LangGraph would not read CORS_ALLOW_ORIGINS"
    module, name = settings["http"]["app"].split(":")
    assert isinstance(getattr(import_module(module), name), Starlette)
