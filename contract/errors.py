"""The errors that HEF raises: one small family, split by who has to act."""

from __future__ import annotations

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
