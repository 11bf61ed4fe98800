"""Who asks: a person by a key, by what a trusted front end says of them, or by the `user` field; else nobody.

Ids are kept apart by who vouches for them. A key's person is the one of `hef chat --user` with the same name. A person
whom a front end names is `FRONT_END/ID`, with the name of the front end's key, or without keys of the header: whoever
runs one front end reaches neither another's people nor those with keys, unless its key says that they are the same.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..contract import SetupError
from .api_errors import ApiError
from .front_ends.trusted_headers import (
    SIGNED_HEADER,
    SignedPerson,
    TrustedHeader,
    is_temporary,
    read_chat,
    read_person,
    read_user_field,
)
from .keys import Key, KeyFile

Voucher: TypeAlias = Literal["key", "header", "jwt", "user", "nobody"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and in which conversation of theirs."""

    person: str | None
    """Whose memory and conversations are meant; None is nobody, for whom nothing is stored."""
    chat_id: str | None
    """What the client calls the conversation, unique for this person alone; None where it does not say so."""
    by: Voucher
    """What says so."""


NOBODY = Identity(None, None, "nobody")
"""Of whom nothing is recalled or stored."""


class Identities:
    """Says who asks.

    Args:
        keys: The keys; without them, or their file, no key is asked for.
        trusted: Headers that are believed: with keys from front ends' alone, without keys from everybody.
        jwt_secret: Secret of the signed header, which then stands for all of these headers.
        user_field: Whether the `user` field of a request names the person where nothing else does.
        person: Who asks without keys where nothing says so, on a machine that one person uses.

    Raises:
        SetupError: The secret is too short to be one.
    """

    def __init__(
        self,
        *,
        keys: KeyFile | None = None,
        trusted: Sequence[TrustedHeader] = (),
        jwt_secret: str | None = None,
        user_field: bool = True,
        person: str | None = None,
    ) -> None:
        self._keys, self._trusted, self._user_field, self._person = keys, tuple(trusted), user_field, person
        self._signed = SignedPerson(jwt_secret) if jwt_secret is not None else None
        self._warned_front_ends: set[str] = set()

    @property
    def is_open(self) -> bool:
        """Whether everybody who reaches the server is answered, as whoever they say they are."""
        return self._signed is None and (self._keys is None or self._keys.keys is None)

    def identify(self, headers: Mapping[str, str], user_field: str | None) -> Identity:
        """Return who asks.

        Args:
            headers: The headers of the request; names are lower-case, or the mapping ignores case.
            user_field: The `user` field of the request.

        Raises:
            ApiError: With 401, there is no key or a wrong one; with 400, an id is not one; with 503, the keys cannot
                be read.
        """
        key = self._find_key(headers)
        person: str | None
        voucher: Voucher
        if key is not None and not key.front_end:
            person, voucher = key.person, "key"
        else:
            person, voucher = self._identify_person(key, headers, user_field)
        # Of a temporary chat, or a private request, nothing shall remain, whoever sends it.
        if person is None or is_temporary(headers):
            return NOBODY
        return Identity(person, read_chat(headers), voucher)

    def warn_of_nobody(self, headers: Mapping[str, str]) -> None:
        """Say in the log, once for each front end, why nothing of its conversations is remembered."""
        key = self._find_key(headers)
        if key is None or not key.front_end or is_temporary(headers) or key.person in self._warned_front_ends:
            return
        self._warned_front_ends.add(key.person)
        if self._signed is not None:
            remedy = "let it sign who asks with the same secret as HEF_JWT_SECRET"
        elif SIGNED_HEADER in headers:
            remedy = f"it sends {SIGNED_HEADER}: set HEF_JWT_SECRET here, too"
        else:
            remedy = "let it send a header with an id, and name that in `hef serve chat --trust`"
        _log.warning("the front end %r names no person, so nothing is remembered; %s", key.person, remedy)

    def _identify_person(
        self, key: Key | None, headers: Mapping[str, str], user_field: str | None
    ) -> tuple[str | None, Voucher]:
        """Return for whom a front end, or without keys anybody, says to ask, and what says so."""
        named = self._named(headers, user_field)
        if named is None and key is None:
            if self._signed is not None:
                raise ApiError(401, "send the signed header of the front end", "invalid_token")
            return self._person, "user"
        if named is None:
            return None, "nobody"
        source, person, voucher = named
        if key is not None and key.same_people and "/" in person:
            # Else a front end whose people are its own would share them with this one.
            raise ApiError(
                400, "the id of a person has no slash where the people of all keys are the same", "invalid_id"
            )
        space = source if key is None else "" if key.same_people else key.person
        return (f"{space}/{person}" if space else person), voucher

    def _named(self, headers: Mapping[str, str], user_field: str | None) -> tuple[str, str, Voucher] | None:
        """Return who is said to ask: the source whose people they are, their id, and what says so."""
        if self._signed is not None:
            signed = self._signed.read(headers)
            return signed and (signed[0].source, signed[1], "jwt")
        if (claim := read_person(headers, self._trusted)) is not None:
            return claim[0].source, claim[1], "header"
        named = read_user_field(user_field or "") if self._user_field else None
        return None if named is None else ("", named, "user")

    def _find_key(self, headers: Mapping[str, str]) -> Key | None:
        """Return the key of a request, None where no key is asked for."""
        try:
            if self._keys is None or self._keys.keys is None:
                return None
            scheme, _, token = headers.get("authorization", "").partition(" ")
            key = self._keys.find(token.strip()) if scheme.lower() == "bearer" else None
        except SetupError as error:
            _log.error("%s", error)
            raise ApiError(503, "the server cannot read its keys; its log says more", "keys_unreadable") from None
        if key is None:
            raise ApiError(
                401,
                "there is no such key: send `Authorization: Bearer KEY` with one of `hef serve key add`",
                "invalid_api_key",
            )
        return key
