"""Settings of the LLM's call that writes a reply, such as temperature and length, and which a client may give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import SetupError


def _is_number(low: float, high: float) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _is_count(low: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= low


def _is_stop(value: object) -> bool:
    texts = [value] if isinstance(value, str) else value
    return isinstance(texts, list | tuple) and all(isinstance(text, str) and text for text in texts)


_KNOWN: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "temperature": (_is_number(0, 2), "a number from 0 to 2"),
    "top_p": (_is_number(0, 1), "a number from 0 to 1"),
    "top_k": (_is_count(0), "a whole number from 0"),
    "max_tokens": (_is_count(1), "a whole number from 1"),
    "stop": (_is_stop, "a text, or a list of texts, none of them empty"),
    "seed": (_is_count(0), "a whole number from 0"),
    "presence_penalty": (_is_number(-2, 2), "a number from -2 to 2"),
    "frequency_penalty": (_is_number(-2, 2), "a number from -2 to 2"),
}
"""Setting -> whether a value is one, and which values are. These a client of a server may give; others could name
another address, key or header."""


def read_model_settings(value: object) -> dict[str, Any]:
    """Return settings by their names; None as a value leaves a setting as it is.

    Names beside the known ones are the LLM's own, and passed on to it as they are.

    Raises:
        SetupError: It is no mapping of names, or a known setting has a value that it cannot have. Of the others, which
            may be keys, no value is shown.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        raise SetupError(
            f"model_settings is a {type(value).__name__}; give a mapping of names to values, such as "
            '{"temperature": 0.3, "max_tokens": 200}'
        )
    settings = {name: setting for name, setting in value.items() if setting is not None}
    faults = [
        f"{name} is {repr(setting)[:60]}; give {expected}"
        for name, (is_valid, expected) in _KNOWN.items()
        if name in settings and not is_valid(setting := settings[name])
    ]
    if faults:
        raise SetupError("; ".join(faults))
    return settings


def check_client_settings(settings: Mapping[str, Any]) -> None:
    """Check the settings that a client of a server gives.

    Raises:
        SetupError: One is not among those that a client may give.
    """
    if refused := sorted(set(settings) - set(_KNOWN)):
        names = ", ".join(name[:60] for name in refused)
        raise SetupError(f"a run may not set {names} in model_settings here, only {', '.join(_KNOWN)}")
