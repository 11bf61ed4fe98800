"""The setting `region`: the country whose numbers for help a person is given."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator

from ..errors import SetupError

_CODE = re.compile(r"[A-Za-z]{2}")
_OTHER_CODES = {"UK": "GB"}
"""Codes that people write for a country beside that of ISO 3166."""


def read_region(value: object) -> str | None:
    """Return the code of a country in capitals; None, and a blank text, is nowhere in particular.

    Raises:
        SetupError: It is no code of two letters.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str) or not _CODE.fullmatch(value.strip()):
        raise SetupError(f"region is {value!r}; give the two letters of a country (ISO 3166-1), such as US or CN")
    return region_code(value)


def region_code(text: str) -> str:
    """Return a code as HEF's records have it: in capitals, and that of ISO 3166 where another is written."""
    code = text.strip().upper()
    return _OTHER_CODES.get(code, code)


Region: TypeAlias = Annotated[str | None, BeforeValidator(read_region)]
