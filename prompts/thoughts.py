"""Removal of what an LLM thinks before it answers: thoughts are neither said, remembered nor judged by.

Models mark their thoughts in many ways: `<think>…</think>` and its relatives, `[THINK]…[/THINK]`, `◁think▷…◁/think▷`,
the channels of the harmony format, content parts of their own. A thought that is not closed reaches to the end, and a
closing tag without an opening one, as it comes where the template opened the thought in the prompt, begins the answer.
A tag that code shows, or one within a sentence that is never closed, is part of the answer.
"""

from __future__ import annotations

import re
from typing import Literal, TypeVar

from langchain_core.messages import BaseMessage

from .code_spans import CodeSpans

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
_TAG_STARTS = "<[◁"
_PARTIAL_TAG = re.compile(r"(?:<(?:[/|a-z][^<>]{0,100})?|\[/?[A-Z]{0,5}|◁/?[a-z]{0,5})\Z", re.IGNORECASE)
_PARTIAL_LENGTH = 110
_BARE_ANALYSIS = "analysis"
_BARE_FINAL = "assistantfinal"
"""What remains of the harmony format where its special tokens were removed: analysisHm.assistantfinalI hear you."""
_UNFINISHED_ANALYSIS = re.compile(r"\s{0,20}analysis[A-Z]")
_THOUGHT_BEGINS = re.compile(r"(?:(?:\A|\n)\s{0,20}(?:[*_]{0,3}\w{1,20}:)?|[.!?…。！？]|>)[*_\"”’)]{0,3}\s{0,20}\Z")
"""What stands before a tag that begins a thought: nothing, a role, a line's or a sentence's end, or another tag."""
_CONTEXT_LENGTH = 60
_THOUGHT_FIELDS = frozenset({"reasoning_content", "reasoning_details", "reasoning", "thinking", "thinking_blocks"})
"""Entries of `additional_kwargs` in which integrations keep thoughts."""


class ThoughtFilter:
    """Removes the thoughts of an answer that comes in pieces, in linear time.

    What could become a tag is held back until the next piece or `close`, and so is what follows a tag within a
    sentence, which is a thought only if it is closed. A tag in code is none.
    """

    def __init__(self) -> None:
        self._bare_harmony = _BareHarmony()
        self._mode: Literal["speech", "thought", "doubt", "header"] = "speech"
        self._pending = ""
        self._header = ""
        self._is_harmony = False
        self._code = CodeSpans()
        self._context = ""
        """End of what was said since the last thought."""
        self._doubted: list[str] = []

    def feed(self, piece: str) -> str:
        """Return what is said aloud in the next piece, and in what was held back before it."""
        text, speech, position = self._pending + self._bare_harmony.feed(piece), list[str](), 0
        for tag in _TAG.finditer(text):
            self._read(text[position : tag.start()], speech)
            self._switch(tag, speech)
            position = tag.end()
        partial = _PARTIAL_TAG.search(text, max(position, len(text) - _PARTIAL_LENGTH))
        end = partial.start() if partial else len(text)
        self._read(text[position:end], speech)
        self._pending = text[end:]
        return "".join(speech)

    def close(self) -> str:
        """Return what was held back at the end of the answer."""
        speech = [self.feed(self._bare_harmony.close())]
        self._read(self._pending, speech)
        self._pending = ""
        return "".join([*speech, *self._doubted])

    def _read(self, text: str, speech: list[str]) -> None:
        if self._mode == "header":
            self._header += text
        elif self._mode != "thought":
            (speech if self._mode == "speech" else self._doubted).append(text)
            self._code.read(text)
            self._context = (self._context + text[-_CONTEXT_LENGTH:])[-_CONTEXT_LENGTH:]

    def _switch(self, tag: re.Match[str], speech: list[str]) -> None:
        """Pass a tag."""
        if self._mode in ("speech", "doubt") and self._code.is_open():
            self._read(tag[0], speech)
        elif tag["open"] and self._mode in ("speech", "doubt") and not self._begins_thought(tag[0]):
            self._mode = "doubt"
            self._read(tag[0], speech)
        elif tag["close"]:
            if self._mode == "speech":
                speech.clear()
            self._mode, self._context = "speech", ""
            self._doubted.clear()
        elif self._mode == "doubt" and (tag["open"] or tag["header"] or (tag["end"] and self._is_harmony)):
            speech += self._doubted
            self._doubted.clear()
            self._mode = "speech"
            self._switch(tag, speech)
        elif tag["open"]:
            self._mode = "thought"
        elif tag["header"]:
            self._mode, self._header, self._is_harmony = "header", "", True
        elif tag["body"] and self._mode == "header":
            is_said = self._header.strip().lower().startswith(("final", "assistant"))
            self._mode, self._context = "speech" if is_said else "thought", ""
        elif tag["end"] and self._is_harmony:
            self._mode = "speech"
        else:
            self._read(tag[0], speech)  # the end of a turn in another format, whose text it is

    def _begins_thought(self, tag: str) -> bool:
        """Return whether a tag opens a thought where it stands; a special token does so everywhere."""
        return "|" in tag or "◁" in tag or (self._mode == "speech" and bool(_THOUGHT_BEGINS.search(self._context)))


class _BareHarmony:
    """Removes the analysis of the harmony format without its special tokens, for which it holds an answer back."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._start = ""
        self._tail = ""
        self._is_over = False

    def feed(self, piece: str) -> str:
        """Return what follows the analysis, nothing as long as it may go on."""
        if self._is_over:
            return piece
        self._pieces.append(piece)
        self._start = (self._start + piece).lstrip()[: len(_BARE_FINAL)]
        self._tail += piece
        is_final = _BARE_FINAL in self._tail
        self._tail = self._tail[-len(_BARE_FINAL) :]
        if not is_final and (
            self._start.startswith(_BARE_ANALYSIS)
            or any(word.startswith(self._start) for word in (_BARE_ANALYSIS, _BARE_FINAL))
        ):
            return ""
        is_harmony = is_final and self._start.startswith((_BARE_ANALYSIS, _BARE_FINAL))
        return self._end().partition(_BARE_FINAL)[2] if is_harmony else self._end()

    def close(self) -> str:
        """Return what was held back, unless it is an analysis."""
        text = self._end()
        return "" if _UNFINISHED_ANALYSIS.match(text) else text

    def _end(self) -> str:
        text, self._is_over = "".join(self._pieces), True
        self._pieces.clear()
        return text


def without_thoughts(text: str) -> str:
    """Return an answer without its thoughts."""
    if not any(mark in text for mark in _TAG_STARTS) and not text.lstrip().startswith((_BARE_ANALYSIS, _BARE_FINAL)):
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
