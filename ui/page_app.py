"""The page as a web application: nothing leaves, nothing comes from elsewhere, and only who may asks."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from .page import STYLE, page_theme

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # Gradio's page has scripts of its own in the HTML
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'self'",
        "frame-ancestors 'none'",
    ]
)
"""Content Security Policy: the browser itself asks nobody but this server."""
_HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}
_CLOSED = ("/gradio_api/upload", "/gradio_api/proxy", "/gradio_api/stream", "/gradio_api/deep_link", "/monitoring")
"""Doors of Gradio that this page does not need: uploads, other servers, files that are streamed."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def page_app(blocks: gr.Blocks, *, host: str, password: str | None = None) -> FastAPI:
    """Return the application that serves a page.

    Args:
        blocks: What `create_page` returned.
        host: Where it listens.
        password: What a visitor has to know; None where only this machine can ask.
    """
    import gradio as gr
    from fastapi import FastAPI

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(PageGuard, hosts=LOOPBACK if host in LOOPBACK else (), password=password)
    return gr.mount_gradio_app(
        app,
        blocks,
        path="",
        server_name=host,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        show_error=True,
        theme=page_theme(),
        css_paths=[STYLE],
    )


class PageGuard:
    """Refuse requests of other web pages, of other names for this server, and of who does not know the password.

    A browser lets any page send requests to `127.0.0.1`, and a name of somebody else's may lead there, too.

    Args:
        app: The application behind it.
        hosts: Names under which the server may be asked; empty for any.
        password: What must be given as the password of HTTP's basic authentication; None for nothing.
    """

    def __init__(self, app: ASGIApp, *, hosts: tuple[str, ...] = (), password: str | None = None) -> None:
        self._app = app
        self._hosts = hosts
        self._password = password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with why it is refused, or pass it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope), scope["path"])
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers, path: str) -> PlainTextResponse | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._hosts and _split(f"//{host}").hostname not in self._hosts:
            return PlainTextResponse("Ask for this page by http://127.0.0.1 or http://localhost.", 421)
        if origin is not None and _split(origin).netloc != host:
            return PlainTextResponse("Another page may not use this one.", 403)
        if self._password is not None and not self._knows_password(headers.get("authorization", "")):
            challenge = {"www-authenticate": 'Basic realm="HEF", charset="UTF-8"'}
            return PlainTextResponse("Give the password that `hef ui` was started with.", 401, challenge)
        if path.startswith(_CLOSED):
            return PlainTextResponse("This page does not need that.", 404)
        return None

    def _knows_password(self, authorization: str) -> bool:
        scheme, _, credentials = authorization.partition(" ")
        try:
            given = base64.b64decode(credentials, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return False
        expected = (self._password or "").encode()
        return scheme.lower() == "basic" and hmac.compare_digest(given, expected)


def _split(address: str) -> SplitResult:
    """Return the parts of an address; what is none has none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")
