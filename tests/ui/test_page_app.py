"""Who may ask for the page, and what it may load."""

from __future__ import annotations

import base64
import socket

import httpx
import pytest
from hef.cli.app import app
from hef.ui.page_app import LOOPBACK, PageGuard
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from typer.testing import CliRunner


async def ask(
    path: str = "/",
    *,
    base: str = "http://127.0.0.1:7860",
    hosts: tuple[str, ...] = LOOPBACK,
    password: str | None = None,
    **headers: str,
) -> httpx.Response:
    behind = Starlette(routes=[Route("/{path:path}", lambda _: PlainTextResponse("page"))])
    guard = PageGuard(behind, hosts=hosts, password=password)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url=base) as client:
        return await client.get(path, headers=headers)


def basic(password: str) -> str:
    return f"Basic {base64.b64encode(f'ana:{password}'.encode()).decode()}"


@pytest.mark.parametrize("base", ["http://127.0.0.1:7860", "http://localhost:1", "http://[::1]:7860"])
async def test_this_machine_is_served_and_the_browser_may_load_from_nowhere_else(base: str) -> None:
    response = await ask(base=base)
    assert (response.status_code, response.text) == (200, "page")
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert not any("http" in sources or "*" in sources for sources in policy.values())


async def test_another_name_that_leads_to_this_machine_is_refused() -> None:
    assert (await ask(base="http://127.0.0.1.example.org")).status_code == 421
    assert (await ask(base="http://example.org")).status_code == 421
    assert (await ask(host="[::1")).status_code == 421


@pytest.mark.parametrize(
    "origin", ["http://example.org", "null", "http://127.0.0.1:3000", "http://127.0.0.1:7860@x.org", "http://["]
)
async def test_another_page_is_refused(origin: str) -> None:
    assert (await ask(origin=origin)).status_code == 403


async def test_the_page_itself_is_served() -> None:
    assert (await ask(origin="http://127.0.0.1:7860")).status_code == 200


@pytest.mark.parametrize(
    "given", ["", "Basic", "Basic !!!", basic(""), basic("wrong"), f"Bearer {basic('secret')[6:]}"]
)
async def test_who_does_not_know_the_password_is_refused(given: str) -> None:
    response = await ask(hosts=(), password="secret", authorization=given)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Basic ")


async def test_who_knows_the_password_is_served() -> None:
    assert (await ask(hosts=(), password="sécret:1", authorization=basic("sécret:1"))).status_code == 200


@pytest.mark.parametrize("path", ["/gradio_api/upload", "/gradio_api/proxy=http://example.org/", "/monitoring"])
async def test_doors_that_the_page_does_not_need_are_closed(path: str) -> None:
    assert (await ask(path)).status_code == 404


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "0.0.0.0"), "give a --password"),
        (("--host", "192.168.1.7"), "could read all that is remembered"),
        (("--password", "short"), "at least 8"),
    ],
)
def test_the_command_listens_to_others_only_with_a_password(arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(app, ["ui", *arguments])
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_port_that_is_taken_is_told_before_anything_is_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(app, ["ui", "--port", str(port)])
    assert done.exit_code == 1
    assert f"the page cannot be at 127.0.0.1, port {port}" in done.stderr
    assert "give another --port" in done.stderr
