"""The errors that HEF raises: one small family, split by who has to act."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .empathy import Empathy


class HefError(Exception):
    """Base of all errors of HEF; the message says what was given, expected and what to do."""


class SetupError(HefError, ValueError):
    """An argument is wrong, or a part (weights, a package) is missing."""


class InputError(HefError, ValueError):
    """The conversation contains nothing that could be answered."""


class ModelError(HefError, RuntimeError):
    """A SEM or an LLM failed or returned something it must not."""

    empathy: Empathy | None = None
    """What was understood before drafting the reply failed; None where the failure came earlier."""


class StoreError(HefError, RuntimeError):
    """The memory could not be opened, read or written."""


class StoreTimeoutError(StoreError):
    """The memory gave no answer in time."""


@contextmanager
def needs_extra(extra: str, reason: str) -> Iterator[None]:
    """Import within this block what an extra installs; the error names the reason and how to install it.

    Raises:
        SetupError: It is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise SetupError(f"{reason}: install it with `pip install 'hef[{extra}]'`") from error


_MAX_CHARACTERS = 200
"""Characters of an error's text that are passed on."""


def error_text(error: BaseException) -> str:
    """Return what may be shown and stored of an error, in one line.

    That is the text of HEF's own errors, else the class with the HTTP status or what the operating system says. What a
    provider or a library says may quote the person, as where a request is refused for its content.
    """
    if isinstance(error, HefError) and (text := " ".join(str(error).split())):
        return f"{text[:_MAX_CHARACTERS]}…" if len(text) > _MAX_CHARACTERS else text
    name, status = type(error).__name__, http_status(error)
    if status is not None:
        return f"{name} (status {status})"
    return f"{name}: {os.strerror(error.errno)}" if isinstance(error, OSError) and error.errno else name


def is_timeout(error: BaseException) -> bool:
    """Return whether an error means that somebody did not answer in time."""
    return isinstance(error, StoreTimeoutError | TimeoutError) or type(error).__name__.endswith("Timeout")


def http_status(error: BaseException) -> int | None:
    """Return the HTTP status that an error carries, as those of httpx, requests, aiohttp, botocore and the SDKs do."""
    response = getattr(error, "response", None)
    metadata = response.get("ResponseMetadata") if isinstance(response, dict) else None
    candidates = (
        getattr(error, "status_code", None),
        getattr(response, "status_code", None),
        metadata.get("HTTPStatusCode") if isinstance(metadata, dict) else None,
        getattr(error, "code", None),
        getattr(error, "status", None),
    )
    return next((int(status) for status in candidates if isinstance(status, int)), None)
