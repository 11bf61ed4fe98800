"""Removal of what an LLM thinks before it answers: thoughts are neither said, remembered nor judged by.

Models mark their thoughts in many ways: `<think>…</think>` and its relatives, `[THINK]…[/THINK]`, `◁think▷…◁/think▷`,
the channels of the harmony format, content parts of their own. A thought that is not closed reaches to the end, and a
closing tag without an opening one, as it comes where the template opened the thought in the prompt, begins the answer.
"""

from __future__ import annotations

import re
from typing import Literal, TypeVar

from langchain_core.messages import BaseMessage

Message = TypeVar("Message", bound=BaseMessage)

_NAME = r"(?:seed:)?(?:think(?:ing)?|thoughts?|reasoning|reflection|analysis|scratchpad)"
_OPENING = (
    rf"<{_NAME}(?:\s[^<>]{{0,80}})?>|(?-i:\[THINK\])|◁think▷"
    r"|<\|(?:begin_of_thought|start_thinking|inner_prefix)\|>|<\|channel>"
)
_CLOSING = (
    rf"</{_NAME}\s{{0,8}}>|(?-i:\[/THINK\])|◁/think▷|<\|(?:end_of_thought|end_thinking|inner_suffix)\|>|<channel\|>"
)
_HEADER = r"<\|(?:start|channel)\|>"
_BODY = r"<\|message\|>"
_END = r"<\|(?:end|return|call)\|>"
_TAG = re.compile(
    rf"(?P<open>{_OPENING})|(?P<close>{_CLOSING})|(?P<header>{_HEADER})|(?P<body>{_BODY})|(?P<end>{_END})",
    re.IGNORECASE,
)
_OPEN_END = re.compile(rf"(?:{_OPENING})\s{{0,8}}\Z", re.IGNORECASE)
_TAG_CHARACTER = re.compile(r"[<\[◁]")
_PARTIAL_TAG = re.compile(r"(?:<(?:[/|a-z][^<>]{0,100})?|\[/?[A-Z]{0,5}|◁/?[a-z]{0,5})\Z", re.IGNORECASE)
_PARTIAL_LENGTH = 110
_BARE_ANALYSIS = re.compile(r"\s{0,20}analysis(?=[A-Z\s])")
_BARE_FINAL = "assistantfinal"
"""What remains of the harmony format where its special tokens were removed."""
_THOUGHT_FIELDS = frozenset({"reasoning_content", "reasoning_details", "reasoning", "thinking", "thinking_blocks"})
"""Entries of `additional_kwargs` in which integrations keep thoughts."""


class ThoughtFilter:
    """Removes the thoughts of an answer that comes in pieces, in linear time.

    What could become a tag is held back until the next piece or `close`.
    """

    def __init__(self) -> None:
        self._mode: Literal["speech", "thought", "header"] = "speech"
        self._pending = ""
        self._header = ""
        self._is_harmony = False

    def feed(self, piece: str) -> str:
        """Return what is said aloud in the next piece, and in what was held back before it."""
        text, said, position = self._pending + piece, list[str](), 0
        for tag in _TAG.finditer(text):
            self._read(text[position : tag.start()], said)
            self._switch(tag, said)
            position = tag.end()
        partial = _PARTIAL_TAG.search(text, max(position, len(text) - _PARTIAL_LENGTH))
        end = partial.start() if partial else len(text)
        self._read(text[position:end], said)
        self._pending = text[end:]
        return "".join(said)

    def close(self) -> str:
        """Return what was held back at the end of the answer."""
        said: list[str] = []
        self._read(self._pending, said)
        self._pending = ""
        return "".join(said)

    def _read(self, text: str, said: list[str]) -> None:
        if self._mode == "speech":
            said.append(text)
        elif self._mode == "header":
            self._header += text

    def _switch(self, tag: re.Match[str], said: list[str]) -> None:
        """Pass a tag."""
        if tag["open"]:
            self._mode = "thought"
        elif tag["close"]:
            if self._mode == "speech":
                said.clear()
            self._mode = "speech"
        elif tag["header"]:
            self._mode, self._header, self._is_harmony = "header", "", True
        elif tag["body"] and self._mode == "header":
            self._mode = "speech" if self._header.strip().lower().startswith(("final", "assistant")) else "thought"
        elif tag["end"] and self._is_harmony:
            self._mode = "speech"
        else:
            self._read(tag[0], said)  # the end of a turn in another format, whose text it is


def without_thoughts(text: str) -> str:
    """Return an answer without its thoughts."""
    if _BARE_ANALYSIS.match(text) and _BARE_FINAL in text:
        return text.rpartition(_BARE_FINAL)[2]
    if not _TAG_CHARACTER.search(text):
        return text
    thoughts = ThoughtFilter()
    return thoughts.feed(text) + thoughts.close()


def opening_of_thought(prompt: str) -> str:
    """Return the tag of a thought that a prompt ends with, empty where it ends with none."""
    tag = _OPEN_END.search(prompt[-100:])
    return tag[0] if tag else ""


def answer_text(message: BaseMessage) -> str:
    """Return what an LLM's message says: its parts of text, without thoughts."""
    return without_thoughts(message.content if isinstance(message.content, str) else str(message.text))


def with_text(message: Message, text: str) -> Message:
    """Return an LLM's message that says a text and holds no thoughts in other places."""
    fields = {name: value for name, value in message.additional_kwargs.items() if name not in _THOUGHT_FIELDS}
    if message.content == text and fields == message.additional_kwargs:
        return message
    return message.model_copy(update={"content": text, "additional_kwargs": fields})
