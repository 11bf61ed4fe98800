"""Which web pages may use HEF's LangGraph server: those of this machine, LangGraph Studio, and those that are named.

A browser lets any page send requests to `http://127.0.0.1`. CORS keeps the page from reading the answer, but the server
runs the request, and LangGraph's reads JSON under any content type. So requests of other pages are refused here.
"""

from __future__ import annotations

import os
import re

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
"""Regular expression of the origins of this machine."""
ALLOWED = rf"{LOCAL}|https://(eu\.)?smith\.langchain\.com"
"""Regular expression of the origins that are always allowed, as in `langgraph.json`."""


def named_origins() -> set[str]:
    """Return the origins that `CORS_ALLOW_ORIGINS` names; `*` is every one."""
    return {origin.strip() for origin in os.environ.get("CORS_ALLOW_ORIGINS", "").split(",")} - {""}


class OriginCheck:
    """Refuse the requests that a browser sends for a page of another origin; other clients send no `Origin`.

    More origins are named by `CORS_ALLOW_ORIGINS`, LangGraph's own variable, separated by commas.

    Args:
        app: The application behind it.
        allowed: Regular expression of the origins that are always allowed.
    """

    def __init__(self, app: ASGIApp, allowed: str = ALLOWED) -> None:
        self._app = app
        self._allowed = allowed
        self._named = named_origins()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with 403, or pass it on."""
        origin = Headers(scope=scope).get("origin") if scope["type"] in ("http", "websocket") else None
        if origin is None or self._is_allowed(origin):
            await self._app(scope, receive, send)
            return
        text = f"A page of {origin} may not use this server; name its origin in CORS_ALLOW_ORIGINS to allow it."
        await PlainTextResponse(text, status_code=403)(scope, receive, send)

    def _is_allowed(self, origin: str) -> bool:
        return bool(re.fullmatch(self._allowed, origin)) or origin in self._named or "*" in self._named


app = Starlette(middleware=[Middleware(OriginCheck)])
"""The application that LangGraph's server is mounted on."""
