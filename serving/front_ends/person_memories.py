"""`/v1/memories`: what is remembered of whoever asks, to be seen and deleted by them, and by nobody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from langgraph.store.base import BaseStore
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...contract import Memory
from ...memory import aforget_turns, alist_turns
from ..api_errors import ApiError
from ..chat_conversations import Conversations
from ..http_server import is_loopback
from ..identity import Identities

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_PAGE, _LONGEST_PAGE = 20, 100
"""Turns of a page where a request does not say it, and at most."""


@dataclass(frozen=True, slots=True)
class PersonMemories:
    """Answers requests for the memory of whoever asks."""

    identities: Identities
    """Says who asks, as for a chat; the field `user` is a parameter of the address here."""
    conversations: Conversations
    """Where the turns of the server are known."""
    store: BaseStore | None
    """The memory; None where nothing is remembered."""

    def endpoints(self) -> list[tuple[str, str, Endpoint]]:
        """Return address, method and endpoint of each."""
        return [
            ("/memories", "GET", self.show),
            ("/memories", "DELETE", self.delete_all),
            ("/memories/{id:path}", "DELETE", self.delete_one),
        ]

    async def show(self, request: Request) -> Response:
        """Answer with a page of the person's turns, newest first.

        Raises:
            ApiError: Nobody is named, nothing is remembered here, or a parameter is wrong.
        """
        turns = await self._turns(*self._whose(request))
        start = _start(turns, request.query_params.get("after"))
        page = turns[start : start + _limit(request.query_params.get("limit"))]
        ids = [turn.id for turn in page]
        return JSONResponse(
            {
                "object": "list",
                "data": [_as_data(turn) for turn in page],
                "first_id": ids[0] if ids else None,
                "last_id": ids[-1] if ids else None,
                "has_more": start + len(page) < len(turns),
            }
        )

    async def delete_all(self, request: Request) -> Response:
        """Delete all turns of the person.

        Raises:
            ApiError: Nobody is named, or nothing is remembered here.
        """
        store, person = self._whose(request)
        turns = await alist_turns(store, person)
        count = await aforget_turns(store, person)  # those that nobody is shown, too
        await self.conversations.forget_person(person, turns)
        return JSONResponse({"object": "memory.list.deleted", "deleted": count})

    async def delete_one(self, request: Request) -> Response:
        """Delete a turn of the person.

        Raises:
            ApiError: Nobody is named, nothing is remembered here, or they have no such turn.
        """
        store, person = self._whose(request)
        id = request.path_params["id"]
        turns = [turn for turn in await alist_turns(store, person) if turn.id == id]
        if not turns:
            raise ApiError(404, "you have no memory with this id; `GET /v1/memories` lists yours", "memory_not_found")
        await aforget_turns(store, person, [id])
        await self.conversations.forget_turns(person, turns)
        return JSONResponse({"id": id, "object": "memory.deleted", "deleted": True})

    async def _turns(self, store: BaseStore, person: str) -> list[Memory]:
        turns = await alist_turns(store, person)
        return sorted(turns, key=lambda turn: (turn.time, turn.id), reverse=True)

    def _whose(self, request: Request) -> tuple[BaseStore, str]:
        """Return the memory, and the person who asks.

        A server without keys answers this machine. A page of the web whose name leads here would be taken for it: its
        requests name another host.
        """
        if self.identities.is_open and not is_loopback(request.url.hostname or ""):
            raise ApiError(
                403,
                "without keys memories are shown to this machine alone: ask by 127.0.0.1 or localhost",
                "other_host",
            )
        person = self.identities.identify(request.headers, request.query_params.get("user")).person
        if person is None:
            raise ApiError(400, "nobody is named whose memories are meant; send the key of a person", "no_person")
        if self.store is None:
            raise ApiError(404, "this server remembers nothing", "no_memory")
        return self.store, person


def _limit(value: str | None) -> int:
    """Return how many turns a page has.

    Raises:
        ApiError: It is no number, or none that a page can have.
    """
    text = str(_PAGE) if value is None else value
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= _LONGEST_PAGE):
        raise ApiError(400, f"limit is {text[:20]!r}; give 1 to {_LONGEST_PAGE}", "invalid_setting", "limit")
    return int(text)


def _start(turns: Sequence[Memory], after: str | None) -> int:
    """Return where a page begins: after the turn with an id, which the page before ended with.

    Raises:
        ApiError: There is no such turn.
    """
    if after is None:
        return 0
    for number, turn in enumerate(turns, start=1):
        if turn.id == after:
            return number
    raise ApiError(400, "after is no memory of yours; begin with the first page again", "invalid_id", "after")


def _as_data(turn: Memory) -> dict[str, Any]:
    return {"object": "memory", **turn.model_dump(mode="json", exclude={"score", "why"})}
