"""The setting `language`: the language of replies, by its code or its name."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator

from ..errors import SetupError

_LANGUAGE = re.compile(r"[^\W_]+(?:[ -][^\W_]+)*")
_MAX_CHARACTERS = 40
_PERSONS_OWN = frozenset({"", "auto", "default", "none"})
"""What people write where the reply shall be in the language of the person."""


def read_language(value: object) -> str | None:
    """Return a language as it is told to the LLM; None is that of the person. `pt_BR` is `pt-BR`.

    Raises:
        SetupError: It is no code or name.
    """
    if value is None:
        return None
    text = value.strip().replace("_", "-") if isinstance(value, str) else ""
    if isinstance(value, str) and text.lower() in _PERSONS_OWN:
        return None
    if len(text) > _MAX_CHARACTERS or not _LANGUAGE.fullmatch(text):
        raise SetupError(f"language is {value!r}; give a code such as zh or pt-BR, or an English name such as German")
    return text


ReplyLanguage: TypeAlias = Annotated[str | None, BeforeValidator(read_language)]
