"""Authentication for HEF's LangGraph server: an example in which each person has a token.

Put your identity provider where `HEF_TOKENS` is read. The rest keeps people apart whatever says who they are: HEF takes
the identity returned here as `user_id`, and the rules below let nobody read another person's threads or memory.

    HEF_TOKENS='{"a long random token": "ana"}' langgraph dev --config deploy/langgraph.json

Environment: `HEF_TOKENS`, a JSON object from token to person; blank lets nobody in.
"""

from __future__ import annotations

import hmac
import json
import os
from typing import Any

from hef.memory import user_namespace
from langgraph_sdk import Auth

auth = Auth()
_PEOPLE: dict[str, str] = json.loads(os.environ["HEF_TOKENS"] or "{}")


@auth.authenticate
async def authenticate(authorization: str | None) -> Auth.types.MinimalUserDict:
    """Return whose token came with a request."""
    scheme, _, token = (authorization or "").partition(" ")
    # Each token is compared in constant time: how long it takes tells nothing of what is right.
    people = [person for known, person in _PEOPLE.items() if hmac.compare_digest(known.encode(), token.encode())]
    if scheme.lower() != "bearer" or not people:
        raise Auth.exceptions.HTTPException(status_code=401, detail="send `Authorization: Bearer TOKEN`")
    return {"identity": people[0]}


@auth.on
async def refuse(ctx: Auth.types.AuthContext, value: Any) -> bool:
    """Refuse what no rule below allows: changing assistants, and crons, which would run in a person's name."""
    return False


@auth.on.threads
async def own_threads(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> dict[str, str]:
    """Mark each thread and run with its owner, and show a person their own alone."""
    owner = {"owner": ctx.user.identity}
    value.setdefault("metadata", {}).update(owner)  # in place: the server goes on with this dictionary
    return owner


@auth.on.assistants.read
async def read_assistants(ctx: Auth.types.AuthContext, value: Any) -> bool:
    """Let everybody read which graphs there are; a run needs this."""
    return True


@auth.on.assistants.search
async def search_assistants(ctx: Auth.types.AuthContext, value: Any) -> bool:
    """Let everybody list which graphs there are."""
    return True


@auth.on.store
async def own_memory(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> bool:
    """Let a person read, list and delete their own memory alone; what HEF itself stores does not come this way."""
    own = user_namespace(ctx.user.identity)
    return tuple(value["namespace"] or ())[: len(own)] == own
