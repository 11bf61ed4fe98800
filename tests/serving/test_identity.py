"""Who asks: what a key, a header, a signed header and the `user` field say, and what a forged one does not."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from hef.contract import SetupError
from hef.serving.api_errors import ApiError
from hef.serving.front_ends.trusted_headers import trusted_header
from hef.serving.identity import Identities, Identity
from hef.serving.keys import KeyFile
from starlette.datastructures import Headers

SECRET = "the same secret of thirty-two bytes or more"
WEBUI, LIBRECHAT = trusted_header("openwebui"), trusted_header("librechat")
USER, CHAT = "x-openwebui-user-id", "x-openwebui-chat-id"


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.toml")


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def signed(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> dict[str, str]:
    content = {"sub": "ana", "exp": int(time.time()) + 300, **claims}
    content = {name: value for name, value in content.items() if value is not None}
    return {"x-openwebui-user-jwt": jwt.encode(content, secret, algorithm=algorithm)}


def unsigned(**header: str) -> dict[str, str]:
    parts = [header, {"sub": "ana", "exp": int(time.time()) + 300}]
    texts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return {"x-openwebui-user-jwt": ".".join([*texts, ""])}


def status(identities: Identities, headers: Any, user: str | None = None) -> int:
    with pytest.raises(ApiError) as caught:
        identities.identify(headers, user)
    return caught.value.status


def test_without_keys_the_user_field_names_the_person_where_it_may():
    assert Identities().identify({}, " ana ") == Identity("ana", None, "user")
    assert Identities().identify({}, "  ") == Identity(None, None, "nobody")
    assert Identities(user_field=False).identify({}, "ana") == Identity(None, None, "nobody")


def test_a_machine_of_one_person_is_theirs_unless_the_request_says_otherwise():
    mine = Identities(person="me")
    assert mine.identify({}, None) == Identity("me", None, "user")
    assert mine.identify({}, "ana").person == "ana"


def test_a_header_counts_only_where_it_is_trusted():
    headers = {USER: "42", CHAT: "c"}
    assert Identities().identify(headers, None) == Identity(None, None, "nobody")
    assert Identities(trusted=[LIBRECHAT]).identify(headers, None).person is None
    assert Identities(trusted=[WEBUI]).identify(headers, "ben") == Identity("openwebui/42", "c", "header")
    named = Identities(trusted=[trusted_header("X-Remote-User")])
    assert named.identify({"x-remote-user": "ana", "x-conversation-id": "9"}, None) == Identity(
        "x-remote-user/ana", "9", "header"
    )


def test_a_key_is_a_person_and_no_header_or_field_is_above_it(keys: KeyFile):
    token = keys.add("ana")[1]
    identities = Identities(keys=keys, trusted=[WEBUI], jwt_secret=SECRET)
    claims = {USER: "ben", CHAT: "c", **signed(sub="cy"), **bearer(token)}
    assert identities.identify(claims, "dan") == Identity("ana", "c", "key")
    assert identities.identify({"authorization": f"bearer  {token}"}, None).person == "ana"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {USER: "ana"},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer sk-none"},
        {"authorization": "Basic TOKEN"},
        {"authorization": "TOKEN"},
        {"x-api-key": "TOKEN"},
        {"cookie": "authorization=Bearer TOKEN"},
    ],
)
def test_with_keys_nothing_else_lets_in(keys: KeyFile, headers: dict[str, str]):
    token = keys.add("ana")[1]
    identities = Identities(keys=keys, trusted=[WEBUI], jwt_secret=SECRET, person="me")
    sent = {name: value.replace("TOKEN", token) for name, value in headers.items()}
    assert status(identities, sent, "ana") == 401
    assert status(identities, {**sent, **signed()}, token) == 401


def test_a_refusal_repeats_nothing_of_what_was_sent(keys: KeyFile):
    keys.add("ana")
    with pytest.raises(ApiError) as caught:
        Identities(keys=keys).identify(bearer("a-secret-word"), None)
    assert "a-secret-word" not in json.dumps(caught.value.envelope)
    assert caught.value.__cause__ is None


def test_a_revoked_key_is_refused_at_the_next_request_and_the_door_stays_shut(keys: KeyFile):
    token = keys.add("ana")[1]
    identities = Identities(keys=KeyFile(keys.path))
    assert identities.identify(bearer(token), None).person == "ana"
    keys.revoke("ana")
    assert status(identities, bearer(token)) == 401
    assert status(identities, {}) == 401
    assert not identities.is_open


def test_a_front_end_names_its_people_and_they_are_its_own(keys: KeyFile):
    webui, other, ana = (keys.add(name, front_end=name != "ana")[1] for name in ("webui", "other", "ana"))
    identities = Identities(keys=keys, trusted=[WEBUI])
    people = [identities.identify({USER: "ana", **bearer(token)}, None).person for token in (webui, other, ana)]
    assert people == ["webui/ana", "other/ana", "ana"]
    assert identities.identify({USER: "other/ana", **bearer(webui)}, None).person == "webui/other/ana"
    assert identities.identify(bearer(webui), "ana") == Identity("webui/ana", None, "user")
    assert identities.identify(bearer(webui), None) == Identity(None, None, "nobody")


def test_a_front_end_whose_people_are_the_same_reaches_no_other_front_ends(keys: KeyFile):
    token = keys.add("webui", front_end=True, same_people=True)[1]
    identities = Identities(keys=keys, trusted=[WEBUI])
    assert identities.identify({USER: "ana", **bearer(token)}, None).person == "ana"
    assert status(identities, {USER: "other/ana", **bearer(token)}) == 400


def test_a_signed_header_names_the_person_and_an_unsigned_one_no_longer_does(keys: KeyFile):
    identities = Identities(trusted=[WEBUI], jwt_secret=SECRET)
    assert identities.identify({**signed(), CHAT: "c"}, "ben") == Identity("openwebui/ana", "c", "jwt")
    assert status(identities, {USER: "ana"}, "ana") == 401
    token = keys.add("webui", front_end=True)[1]
    keyed = Identities(keys=keys, trusted=[WEBUI], jwt_secret=SECRET)
    assert keyed.identify({**signed(), **bearer(token)}, None) == Identity("webui/ana", None, "jwt")
    assert keyed.identify({USER: "ana", **bearer(token)}, "ana") == Identity(None, None, "nobody")
    assert status(keyed, {**signed("another secret of thirty-two bytes or more"), **bearer(token)}) == 401


@pytest.mark.parametrize(
    "forged",
    [
        unsigned(alg="none", typ="JWT"),
        unsigned(alg="None"),
        unsigned(alg="HS256"),
        unsigned(typ="JWT"),
        signed("another secret of thirty-two bytes or more"),
        signed(SECRET * 2, "HS512"),
        signed(SECRET * 2, "HS384"),
        signed(exp=int(time.time()) - 31),
        signed(exp=None),
        signed(sub=None),
        signed(sub=42),
        signed(nbf=int(time.time()) + 300),
        signed(aud="somebody else"),
        signed(note="x" * 9_000),
        {"x-openwebui-user-jwt": "ana"},
        {"x-openwebui-user-jwt": ""},
        {"x-openwebui-user-jwt": "a.b.c"},
        {"x-openwebui-user-jwt": "é"},
    ],
)
def test_a_token_that_was_not_signed_for_now_is_refused(forged: dict[str, str]):
    identities = Identities(trusted=[WEBUI], jwt_secret=SECRET)
    assert identities.identify(signed(), None).person == "openwebui/ana"
    assert status(identities, forged, "ana") == 401
    assert status(identities, {**forged, USER: "ana"}) == 401


def test_hs512_with_the_right_secret_is_refused_too():
    assert status(Identities(jwt_secret=SECRET * 2), signed(SECRET * 2, "HS512")) == 401


def test_a_token_that_names_nobody_is_refused():
    for sub in ("", "  ", "a\nb", "x" * 300):
        assert status(Identities(jwt_secret=SECRET), signed(sub=sub)) in (400, 401)


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_a_secret_that_can_be_guessed_is_none(secret: str):
    with pytest.raises(SetupError, match="32"):
        Identities(jwt_secret=secret)


@pytest.mark.parametrize("value", ["", " ", "{{LIBRECHAT_USER_ID}}", "undefined", "null", "None"])
def test_a_header_or_a_field_that_was_not_filled_in_names_nobody(value: str):
    identities = Identities(trusted=[LIBRECHAT])
    headers = {"x-librechat-user-id": value, "x-librechat-conversation-id": "9"}
    assert identities.identify(headers, None) == Identity(None, None, "nobody")
    assert identities.identify({}, value) == Identity(None, None, "nobody")


@pytest.mark.parametrize("value", ["", "new", "null", "undefined", "{{LIBRECHAT_BODY_CONVERSATIONID}}"])
def test_a_conversation_without_an_id_yet_has_none(value: str):
    identities = Identities(trusted=[LIBRECHAT])
    headers = {"x-librechat-user-id": "ana", "x-librechat-conversation-id": value}
    assert identities.identify(headers, None).chat_id is None


@pytest.mark.parametrize("name", [USER, CHAT])
@pytest.mark.parametrize("value", ["x" * 257, "a\x00b", "a\rb", "a\x85b", "\u202e".encode().decode("latin-1")])
def test_what_is_no_line_of_text_is_no_id(name: str, value: str):
    assert status(Identities(trusted=[WEBUI]), {USER: "ana", name: value}) == 400


def test_a_user_field_that_is_no_line_of_text_is_no_id():
    assert status(Identities(), {}, "x" * 257) == 400
    assert status(Identities(), {}, "a\nb") == 400


@pytest.mark.parametrize("name", [USER, CHAT, "x-openwebui-user-jwt"])
def test_a_header_that_says_two_things_is_refused(name: str):
    values = signed(), signed(sub="ben")
    pair = [value[name] for value in values] if name.endswith("jwt") else ["ana", "ben"]
    raw = [(USER, "ana"), *((name, value) for value in pair)]
    headers = Headers(raw=[(key.encode(), value.encode()) for key, value in raw])
    secret = SECRET if name.endswith("jwt") else None
    assert status(Identities(trusted=[WEBUI], jwt_secret=secret), headers) == 400


def test_names_of_headers_ignore_case_and_values_are_utf_8():
    headers = Headers(raw=[(b"x-remote-user", "安娜".encode()), (b"x-hef-chat-id", b"1")])
    identities = Identities(trusted=[trusted_header("X-Remote-User")])
    assert identities.identify(headers, None) == Identity("x-remote-user/安娜", "1", "header")


@pytest.mark.parametrize("chat", ["local", "local:3f9c", "temporary:QL2M", "temporary", "Temporary:x"])
def test_of_a_temporary_chat_nothing_is_stored_whoever_has_it(keys: KeyFile, chat: str):
    assert Identities(trusted=[WEBUI]).identify({USER: "ana", CHAT: chat}, None) == Identity(None, None, "nobody")
    token = keys.add("ana")[1]
    assert Identities(keys=keys).identify({CHAT: chat, **bearer(token)}, None) == Identity(None, None, "nobody")


@pytest.mark.parametrize(
    ("secret", "sent", "told"),
    [
        (None, {}, "hef serve chat --trust"),
        (None, {"x-openwebui-user-jwt": "ey"}, "set HEF_JWT_SECRET here, too"),
        (SECRET, {}, "same secret as HEF_JWT_SECRET"),
    ],
)
def test_the_log_says_once_why_a_front_end_has_no_memory(
    keys: KeyFile, caplog: pytest.LogCaptureFixture, secret: str | None, sent: dict[str, str], told: str
):
    headers = {**bearer(keys.add("webui", front_end=True)[1]), **sent}
    identities = Identities(keys=keys, jwt_secret=secret)
    assert identities.identify(headers, None).person is None
    for _ in range(3):
        identities.warn_of_nobody(headers)
    identities.warn_of_nobody({**headers, CHAT: "temporary:1"})
    assert caplog.text.count("'webui' names no person") == 1
    assert told in caplog.text


@pytest.mark.parametrize("name", ["", " ", "a b", "a:b", "a\nb", "naïve", "Authorization", "cookie"])
def test_only_a_headers_name_is_trusted(name: str):
    with pytest.raises(SetupError, match="header"):
        trusted_header(name)


def test_a_server_is_open_only_where_nothing_proves_who_asks(keys: KeyFile):
    assert Identities().is_open
    assert Identities(keys=keys, trusted=[WEBUI]).is_open
    assert not Identities(jwt_secret=SECRET).is_open
    keys.add("ana")
    assert not Identities(keys=keys).is_open


def test_keys_that_cannot_be_read_let_nobody_in(keys: KeyFile):
    token = keys.add("ana")[1]
    keys.path.write_text("damaged")
    assert status(Identities(keys=keys), bearer(token)) == 503
    assert status(Identities(keys=keys), {}) == 503
