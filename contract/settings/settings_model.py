"""Settings whose wrong names and values are refused in one plain sentence, wherever they are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ..errors import SetupError
from ..renamed_fields import rename_fields

_SHOWN = 60
"""Characters of a name or a value that are shown."""
_SHORTEST_LIKE = 4
"""Length of the shortest setting that another name can be like: too many words, such as `task`, are like `ask`."""


class SettingsModel(BaseModel):
    """Frozen settings without further fields.

    Making one raises a `SetupError`. Where Pydantic validates one, as a field of another model or by `model_validate`,
    its `ValidationError` holds the same sentence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    old_names: ClassVar[Mapping[str, str]] = {}
    """Old name -> new name of the fields that had another one in an earlier version."""

    if not TYPE_CHECKING:  # a type checker reads the names of the fields instead

        def __init__(self, /, **fields: Any) -> None:
            """Make the settings.

            Raises:
                SetupError: A name is unknown, or a value is out of range.
            """
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise SetupError(explain_settings(error)) from None

    @model_validator(mode="before")
    @classmethod
    def _read_names(cls, value: Any) -> Any:
        """Take old names, and refuse a name that there is not with the nearest one."""
        fields = rename_fields(value, cls.old_names)
        if isinstance(fields, Mapping) and (unknown := [name for name in fields if name not in cls.model_fields]):
            raise ValueError("; ".join(unknown_setting(str(name), cls.model_fields) for name in unknown))
        return fields


def unknown_setting(name: str, known: Iterable[str]) -> str:
    """Return that there is no setting of a name, and which one may be meant."""
    nearest = nearest_setting(name, known)
    return f"there is no setting {name[:_SHOWN]!r}" + (f" (did you mean {nearest!r}?)" if nearest else "")


def nearest_setting(name: str, known: Iterable[str]) -> str:
    """Return the setting that a name nearly is, empty where there is none."""
    candidates = [setting for setting in known if len(setting) >= _SHORTEST_LIKE]
    return next(iter(get_close_matches(name[:_SHOWN].lower(), candidates, n=1, cutoff=0.8)), "")


def explain_settings(error: ValidationError) -> str:
    """Return what is wrong with settings: what was given, and what was expected."""
    faults: dict[str, list[str]] = {}
    for fault in error.errors():
        name, given, expected = str(next(iter(fault["loc"]), "")), repr(fault["input"]), fault["msg"]
        if fault["type"] == "string_too_long":
            subject, expected = f"{name} has {len(fault['input'])} characters", f"{expected.lower()}; shorten it"
        elif isinstance(refusal := fault.get("ctx", {}).get("error"), SetupError):  # a sentence of its own already
            subject, expected = "" if str(refusal).startswith(f"{name} ") else name, str(refusal)
        else:
            subject = f"{name} is {given if len(given) <= _SHOWN else f'{given[:_SHOWN]}…'}" if name else ""
        faults.setdefault(subject, []).append(expected.removeprefix("Value error, ").removeprefix("Input "))
    return "; ".join(f"{subject}: {' or '.join(texts)}" if subject else texts[0] for subject, texts in faults.items())
