"""The body of a request: JSON, of a limited size."""

from __future__ import annotations

import json

from starlette.requests import Request

from .api_errors import ApiError

DRAINED = 10
"""How many times the limit of a body is read before the connection is given up."""


async def read_json(request: Request, limit: int) -> object:
    """Return the JSON of a body.

    Raises:
        ApiError: It is none, or longer than the limit. Such a body is dropped as it comes: many clients read an answer
            only when they have sent all.
    """
    body, size = bytearray(), 0
    async for part in request.stream():
        size += len(part)
        if size <= limit:
            body += part
        elif size > DRAINED * limit:
            break
    if size > limit:
        raise ApiError(
            413, f"the request has more than {limit} bytes: send fewer or smaller images", "request_too_large"
        )
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError(400, "the body is no JSON; send an object with `messages`", "invalid_json") from None
