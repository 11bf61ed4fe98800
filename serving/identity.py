"""Who asks: a person by a key, by what a trusted front end says of them, or by the `user` field; else nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and in which conversation of theirs."""

    person: str | None
    """Whose memory and conversations are meant; None is nobody, for whom nothing is stored."""
    chat_id: str | None
    """What the client calls the conversation, unique for this person alone; None where it does not say so."""
    by: Literal["key", "header", "jwt", "user", "nobody"]
    """What says so."""


class Identities:
    """Says who asks.

    Args:
        user_field: Whether the `user` field of a request names the person where nothing else does.
    """

    def __init__(self, *, user_field: bool = True) -> None:
        self._user_field = user_field

    def identify(self, headers: Mapping[str, str], user_field: str | None) -> Identity:
        """Return who asks.

        Args:
            headers: The headers of the request; names are lower-case, or the mapping ignores case.
            user_field: The `user` field of the request.

        Raises:
            ApiError: With 401, there is no key or a wrong one; with 400, an id is not one.
        """
        person = user_field if self._user_field and user_field and user_field.strip() else None
        return Identity(person, None, "user" if person else "nobody")
