"""A request for a chat completion, read liberally: what is unknown is ignored, what is wrong is said in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ..contract import SetupError
from ..contract.context import settings_from
from ..contract.settings.model_settings import read_model_settings
from .api_errors import ApiError

MessageRole: TypeAlias = Literal["system", "user", "assistant"]

_ROLES: Mapping[str, MessageRole | None] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "tool": None,
    "function": None,
}
"""Role of a message as it is sent -> whose words it holds; what tools returned are nobody's."""
_TEXT_TYPES = ("text", "input_text", "output_text")
REMEMBER_FOR = "x-hef-remember-for"
"""Header that says for how many days a turn is remembered."""
MAX_MESSAGES = 10_000
"""Messages of a request at most: reading them takes time in which nobody else is answered."""
_SETTINGS = ("temperature", "top_p", "max_tokens", "stop", "seed", "presence_penalty", "frequency_penalty")
"""Settings of the reply that a request may give, by the names that LangChain's models know."""
_IGNORED = ("tools", "functions", "response_format", "logprobs", "modalities", "audio", "web_search_options")
"""Fields that ask for something which HEF does not do; the answer says so in a header."""
_JSON_FORMATS = ("json_schema", "json_object")
"""What `response_format` says where a program reads the answer, and no person."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of the transcript that a client sends."""

    role: MessageRole
    """Whose words they are: the host's (`system`), the person's or the assistant's."""
    text: str
    """The words of all its parts."""
    name: str | None = None
    """Who of several people says it."""
    images: int = 0
    """Parts beside words, such as images, which nobody sees."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request for a chat completion."""

    model: str
    """Id of the model: `hef` or a character."""
    messages: tuple[ChatMessage, ...]
    """The transcript, oldest first."""
    stream: bool = False
    """Whether the reply is wanted while it is written."""
    include_usage: bool = False
    """Whether a stream ends with a chunk that counts tokens."""
    model_settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the LLM's call that writes the reply."""
    user: str | None = None
    """Who the client says that the person is."""
    response_format: Mapping[str, Any] | None = None
    """The form of JSON in which an answer is wanted; None where a person reads it."""
    remember_for: float | None = None
    """Days that the turn is remembered, of a header; None where it does not say so."""
    ignored: tuple[str, ...] = ()
    """Fields that ask for something which HEF does not do."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """The request as it was sent."""


def parse_request(body: object) -> ChatRequest:
    """Return the request of a body.

    Raises:
        ApiError: It is none, has no message or too many, asks for several replies, or a setting has a value that it
            cannot have.
    """
    if not isinstance(body, Mapping):
        raise ApiError(400, "the body is no JSON object; send one with `messages`", "invalid_json")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ApiError(400, "`messages` is no list with a message in it", "invalid_messages", "messages")
    if len(messages) > MAX_MESSAGES:
        text = f"there are {len(messages)} messages; send the newest, {MAX_MESSAGES} at most"
        raise ApiError(413, text, "request_too_large", "messages")
    if body.get("n") not in (None, 1):
        raise ApiError(400, f"n is {_shown(body['n'])}; one reply is given to a request", "invalid_n", "n")
    options, user, form = body.get("stream_options"), body.get("user"), body.get("response_format")
    return ChatRequest(
        model=str(body.get("model") or ""),
        messages=tuple(message for one in messages if (message := _read_message(one)) is not None),
        stream=body.get("stream") is True,
        include_usage=isinstance(options, Mapping) and options.get("include_usage") is True,
        model_settings=_read_settings(body),
        user=user.strip() or None if isinstance(user, str) else None,
        response_format=form if isinstance(form, Mapping) and form.get("type") in _JSON_FORMATS else None,
        ignored=tuple(name for name in _IGNORED if _is_asked(body.get(name))),
        fields=body,
    )


def read_days(headers: Mapping[str, str]) -> float | None:
    """Return for how many days the headers let a turn be remembered, None where they do not say so.

    Raises:
        ApiError: With 400, it is no such number: nothing is kept for longer than somebody meant.
    """
    text = headers.get(REMEMBER_FOR, "").strip()
    try:
        return settings_from({"remember_for": text}).remember_for if text else None
    except SetupError:
        text = f"the header {REMEMBER_FOR} is {_shown(text)}; send the number of days that the turn is remembered"
        raise ApiError(400, text, "invalid_setting", REMEMBER_FOR) from None


def _read_message(message: object) -> ChatMessage | None:
    """Return a message; None where nobody says it."""
    if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
        raise ApiError(400, "a message of `messages` is no object with a `role`", "invalid_messages", "messages")
    name = message["role"].strip().lower()
    if name not in _ROLES:
        known = ", ".join(_ROLES)
        raise ApiError(400, f"the role {_shown(name)} is unknown; known are {known}", "invalid_messages", "messages")
    role = _ROLES[name]
    texts, images = _read_content(message.get("content"))
    if role is None or (role == "assistant" and not texts and not images):
        return None
    speaker = message.get("name")
    speaker = _whole_characters(speaker).strip() or None if isinstance(speaker, str) else None
    return ChatMessage(role, "\n".join(texts), speaker, images)


def _read_content(content: object) -> tuple[list[str], int]:
    """Return the texts of a message's content, and the number of its parts that hold more than words.

    A text in a part of any type counts: words of a person, which may tell of danger, are not to be missed.
    """
    texts, others = [], 0
    for part in content if isinstance(content, list) else [content]:
        text = part.get("text") if isinstance(part, Mapping) else part
        if isinstance(text, str):
            texts += [_whole_characters(text)] if text else []
        if isinstance(part, Mapping):
            others += part.get("type", "text") not in _TEXT_TYPES or not isinstance(text, str | None)
        elif not isinstance(part, str | None):
            others += 1
    return texts, others


def _whole_characters(text: str) -> str:
    """Return a text whose half characters, as broken escapes leave them, are joined in pairs or replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _read_settings(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of the reply; values by which clients say "as you like" are left out."""
    settings = {name: body[name] for name in _SETTINGS if body.get(name) is not None}
    if (limit := body.get("max_completion_tokens")) is not None:
        settings["max_tokens"] = limit
    for name, lowest in (("max_tokens", 1), ("seed", 0)):
        if isinstance(value := settings.get(name), int | float) and value < lowest:
            del settings[name]
    if isinstance(stop := settings.get("stop"), list):
        settings["stop"] = [text for text in stop if text != ""]
    if not settings.get("stop", True):
        del settings["stop"]
    try:
        return read_model_settings(settings)
    except SetupError as error:
        raise ApiError(400, str(error), "invalid_setting", str(error).partition(" ")[0]) from None


def _is_asked(value: object) -> bool:
    """Return whether a field asks for something: it is neither empty nor what is done anyway."""
    return bool(value) and value not in ({"type": "text"}, ["text"])


def _shown(value: object) -> str:
    return repr(value)[:60]
