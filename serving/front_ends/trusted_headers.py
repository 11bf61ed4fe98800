"""The headers by which a front end says for whom it asks, and in which of that person's conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jwt

from ...contract import SetupError
from ..api_errors import ApiError

MAX_ID = 256
"""Characters of an id at most."""
_CHAT_HEADERS = ("x-hef-chat-id", "x-openwebui-chat-id", "x-librechat-conversation-id", "x-conversation-id")
"""Headers that name the conversation, the first that is there counts."""
_NO_IDS = frozenset({"", "null", "none", "undefined"})
"""What front ends send where they have no id."""
_NO_CHATS = _NO_IDS | {"new"}
_TEMPORARY = frozenset({"local", "temporary"})
"""What Open WebUI's ids of temporary chats begin with, before a colon or alone: until 0.10, and since."""
PRIVATE_HEADER = "x-hef-private"
"""Header that says of a request that nothing shall remain of it, and nothing be recalled."""
_NOT_PRIVATE = _NO_IDS | {"0", "false", "no", "off"}
_LEEWAY = 30
"""Seconds by which the clocks of the front end and of this server may differ."""
_MIN_SECRET = 32
"""Bytes of a secret at least, as many as the hash has (RFC 7518, 3.2)."""
_MAX_TOKEN = 8_192


@dataclass(frozen=True, slots=True)
class TrustedHeader:
    """A header that is believed."""

    source: str
    """Before whose people the name of the front end stands, where no key names it."""
    name: str
    """The header that holds the id of a person, in lower case."""


_KNOWN = {
    "openwebui": TrustedHeader("openwebui", "x-openwebui-user-id"),
    "librechat": TrustedHeader("librechat", "x-librechat-user-id"),
}
SIGNED_HEADER = "x-openwebui-user-jwt"
"""The header with a signed token."""
_TOKEN = TrustedHeader("openwebui", SIGNED_HEADER)
_TOKEN_CHARACTERS = frozenset("!#$%&'*+-.^_`|~")


def trusted_header(name: str) -> TrustedHeader:
    """Return a header by the name of a known front end, or by its own.

    Raises:
        SetupError: It is no name of a header.
    """
    lower = name.strip().lower()
    if lower in _KNOWN:
        return _KNOWN[lower]
    is_name = lower.isascii() and all(letter.isalnum() or letter in _TOKEN_CHARACTERS for letter in lower)
    if not lower or not is_name or lower in ("authorization", "cookie", "host"):
        raise SetupError(f"{name!r} is no header that names a person; give {', '.join(_KNOWN)} or one's name")
    return TrustedHeader(lower, lower)


def read_person(headers: Mapping[str, str], trusted: Sequence[TrustedHeader]) -> tuple[TrustedHeader, str] | None:
    """Return the id of a person, and the header that says it; None where none of these headers does.

    Raises:
        ApiError: With 400, a header has several values, or one that is no id.
    """
    for header in trusted:
        if (person := _read(headers, header.name, _NO_IDS)) is not None:
            return header, person
    return None


def read_user_field(value: str) -> str | None:
    """Return the id of a person in the field `user` of a request, None where it is none.

    Raises:
        ApiError: With 400, it is too long, or no line of text.
    """
    return _id(value, "user", _NO_IDS)


def read_chat(headers: Mapping[str, str]) -> str | None:
    """Return the id of the conversation, None where no header says it.

    Raises:
        ApiError: With 400, a header has several values, or one that is no id.
    """
    chats = (_read(headers, name, _NO_CHATS) for name in _CHAT_HEADERS)
    return next((chat for chat in chats if chat is not None), None)


def shows_whole_chats(headers: Mapping[str, str]) -> bool:
    """Return whether the front end is Open WebUI, which shows a chat from its beginning.

    It leaves nothing out of the middle but what was deleted there. Its requests that end with a reply are to go on with
    that: it never says how a reply shall begin.
    """
    return "x-openwebui-chat-id" in headers


def is_temporary(headers: Mapping[str, str]) -> bool:
    """Return whether nothing shall remain of a request: it says so, or it is of Open WebUI's temporary chats."""
    if any(_is_private(value) for value in _values(headers, PRIVATE_HEADER)):
        return True
    return headers.get("x-openwebui-chat-id", "").partition(":")[0].strip().lower() in _TEMPORARY


def _is_private(value: str) -> bool:
    """Return whether a value says so; so does one that a front end did not fill in, as nobody knows what it would."""
    return value.strip().lower() not in _NOT_PRIVATE


def check_id(value: str, what: str) -> str:
    """Return an id as text.

    Raises:
        ApiError: With 400, it is too long, or no line of text.
    """
    if len(value) > MAX_ID or not value.isprintable():
        raise ApiError(400, f"{what} is no id: give one line of {MAX_ID} characters at most", "invalid_id", what)
    return value


def _read(headers: Mapping[str, str], name: str, blanks: frozenset[str]) -> str | None:
    values = _values(headers, name)
    if not values:
        return None
    if len(values) > 1:
        # A proxy that adds its own header to a forged one must not decide by the order of both.
        raise ApiError(400, f"the header {name} has several values; send one", "invalid_id", name)
    return _id(_decode(values[0]), name, blanks)


def _id(value: str, what: str, blanks: frozenset[str]) -> str | None:
    value = value.strip()
    # A template that the front end did not fill in would make one person of all.
    return None if value.lower() in blanks or "{{" in value else check_id(value, what)


def _values(headers: Mapping[str, str], name: str) -> list[str]:
    """Return the different values of a header."""
    get_all = getattr(headers, "getlist", None)
    values = get_all(name) if get_all else [headers[name]] if name in headers else []
    return list(dict.fromkeys(values))


def _decode(value: str) -> str:
    """Return a header's text: it arrives as bytes in Latin-1, and is UTF-8 where it is that."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


class SignedPerson:
    """Reads a person from a signed token (JWT), as Open WebUI sends it with `FORWARD_USER_INFO_HEADER_JWT_SECRET`.

    Signed by HMAC with SHA-256 and nothing else, whatever the token says of itself; it must name a person (`sub`) and
    expire (`exp`).

    Args:
        secret: What the front end signs with.

    Raises:
        SetupError: The secret is too short to be one.
    """

    def __init__(self, secret: str) -> None:
        if len(secret.encode()) < _MIN_SECRET:
            raise SetupError(f"the secret of the signed header has {len(secret.encode())} bytes; take {_MIN_SECRET}")
        self._secret = secret

    def read(self, headers: Mapping[str, str]) -> tuple[TrustedHeader, str] | None:
        """Return the id of a person, and the header that says it; None where there is no token.

        Raises:
            ApiError: With 401, a token is forged, expired or no token; with 400, there are several, or it names nobody.
        """
        values = _values(headers, _TOKEN.name)
        if not values:
            return None
        if len(values) > 1:
            raise ApiError(400, f"the header {_TOKEN.name} has several values; send one", "invalid_id", _TOKEN.name)
        if len(values[0]) > _MAX_TOKEN:
            raise _not_signed()
        try:
            claims = jwt.decode(
                values[0], self._secret, algorithms=["HS256"], leeway=_LEEWAY, options={"require": ["exp", "sub"]}
            )
        except jwt.PyJWTError:
            raise _not_signed() from None
        person = claims["sub"].strip()
        if not person:
            raise _not_signed()
        return _TOKEN, check_id(person, "sub")


def _not_signed() -> ApiError:
    text = f"the token in {_TOKEN.name} is expired, or was not signed with this server's secret"
    return ApiError(401, text, "invalid_token", _TOKEN.name)
