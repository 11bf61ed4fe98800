"""Errors as OpenAI's clients read them: a status, and a body with message, type, code and the parameter."""

from __future__ import annotations

import logging
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from ..contract import InputError, ModelError
from ..contract.errors import error_text

_log = logging.getLogger(__name__)
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
"""Status -> type of the error; any other below 500 is the request's."""
_CODES = {404: "not_found", 405: "method_not_allowed"}

_STORAGE = frozenset({"StoreError", "OperationalError", "InterfaceError"})
"""Classes of errors of the memory, of SQLite and of PostgreSQL's client, that mean that one of them does not answer."""


class ApiError(Exception):
    """A request that is not answered.

    Args:
        status: HTTP status.
        message: What was given, what was expected, what to do.
        code: A word for programs, such as `model_not_found`.
        param: The field of the request that is wrong.
    """

    def __init__(self, status: int, message: str, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param

    @property
    def envelope(self) -> dict[str, Any]:
        """The body of the answer."""
        kind = _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    @property
    def response(self) -> JSONResponse:
        """The answer, which says by which scheme to authenticate where that is missing."""
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else None
        return JSONResponse(self.envelope, self.status, headers)


def reported_error(error: Exception) -> ApiError:
    """Return what a client is told of an error, and log one that is not the client's."""
    answer = as_api_error(error)
    if answer.status >= 500:
        _log.warning("a request failed: %s", error_text(error))
        _log.debug("what failed", exc_info=error)
    return answer


def as_api_error(error: Exception) -> ApiError:
    """Return what a client is told of an error.

    A failing LLM or memory is a 503, whatever its own status was: that of a provider is not meant for this client, and
    some clients repeat a request after 429 at once. Nothing that a provider or a library says is passed on.
    """
    match error:
        case ApiError():
            return error
        case HTTPException():
            return ApiError(error.status_code, f"{error.detail}", _CODES.get(error.status_code, "invalid_request"))
        case InputError():
            return ApiError(400, error_text(error), "nothing_to_answer", "messages")
        case ModelError():
            return ApiError(503, error_text(error), "model_unavailable")
        case _ if _STORAGE & {kind.__name__ for kind in type(error).__mro__}:
            message = f"what is kept of conversations cannot be reached: {error_text(error)}; send the request again"
            return ApiError(503, message, "storage_unavailable")
    return ApiError(500, f"the request failed: {error_text(error)}; the server's log says more", "internal_error")
