"""The errors HEF raises: one small family, split by whose turn it is to act."""

from __future__ import annotations


class HefError(Exception):
    """Base of all errors of HEF; the message says what was given, expected and what to do."""


class SetupError(HefError, ValueError):
    """An argument is wrong, or a part (weights, a package) is missing."""


class InputError(HefError, ValueError):
    """The conversation holds nothing that could be answered."""


class ModelError(HefError, RuntimeError):
    """A SEM or an LLM failed or returned something it must not."""


class StoreError(HefError, RuntimeError):
    """The memory could not be opened, read or written."""
