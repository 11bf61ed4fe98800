"""What a chat completion is made of: the message or its chunks, the counts of tokens, and what HEF understood."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from uuid import uuid4

from ..contract import Empathy, Memory

FinishReason: TypeAlias = Literal["stop", "length", "content_filter"]
MAX_SHARES = 5
"""Emotions whose shares are told."""
_CHARACTERS = 4
"""Characters that a token counts as, where the LLM does not count them."""


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of a reply."""

    text: str


@dataclass(frozen=True, slots=True)
class ReplyEnd:
    """The end of a reply."""

    text: str
    """The whole reply."""
    finish_reason: FinishReason = "stop"
    """Why it ends there."""
    usage: tuple[int, int] | None = None
    """Tokens of the prompt and of the reply, where the LLM counted them."""
    empathy: Empathy | None = None
    """What was understood; None where no person spoke."""
    memories: tuple[Memory, ...] = ()
    """The past turns that were recalled, of which a client is told why, and none of their words."""


ReplyEvent: TypeAlias = Delta | ReplyEnd


@dataclass(frozen=True, slots=True)
class Completion:
    """The frame around one reply, the same in all of its chunks."""

    model: str
    """Id of the model that the client named."""
    prompt_characters: int
    """Length of the transcript that it sent."""
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, end: ReplyEnd) -> dict[str, Any]:
        """Return the answer without streaming."""
        message = {"role": "assistant", "content": end.text, **_hef_field(end)}
        choice = {"index": 0, "message": message, "finish_reason": end.finish_reason}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self._usage(end)}

    def first_chunk(self) -> dict[str, Any]:
        """Return the chunk that says who speaks."""
        return self._chunk({"role": "assistant", "content": ""}, None)

    def content_chunk(self, text: str) -> dict[str, Any]:
        """Return the chunk of a piece of the reply."""
        return self._chunk({"content": text}, None)

    def last_chunk(self, end: ReplyEnd) -> dict[str, Any]:
        """Return the chunk that ends the reply."""
        return self._chunk(_hef_field(end), end.finish_reason)

    def usage_chunk(self, end: ReplyEnd) -> dict[str, Any]:
        """Return the chunk that counts tokens; it has no choice, on which some clients fail that did not ask for it."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage(end)}

    def _chunk(self, delta: Mapping[str, Any], finish_reason: FinishReason | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _usage(self, end: ReplyEnd) -> dict[str, int]:
        prompt, reply = end.usage or (_tokens(self.prompt_characters), _tokens(len(end.text)))
        return {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply}


def hef_object(empathy: Empathy, memories: Iterable[Memory] = ()) -> dict[str, Any]:
    """Return what a client is told of a turn: the likeliest emotions, the causes, what was recalled, safety, faults."""
    told = empathy.model_dump(mode="json", include={"neutral", "causes", "memories", "safety", "degraded"})
    ranked = sorted(empathy.distribution.items(), key=lambda item: -item[1])[: 0 if empathy.uncertain else MAX_SHARES]
    return {
        "emotion": None if empathy.uncertain else empathy.emotion,
        "shares": {label: round(share, 4) for label, share in ranked},
        **told,
        "recalled": [_reasons(memory) for memory in memories if memory.id in empathy.memories],
    }


def _reasons(memory: Memory) -> dict[str, Any]:
    """Return why a past turn was recalled, by its id and without its words."""
    told = {} if memory.why is None else memory.why.model_dump(mode="json")
    return {"id": memory.id} | {
        name: round(value, 4) if isinstance(value, float) else value for name, value in told.items()
    }


def to_json(value: object) -> str:
    """Return a value as JSON in ASCII alone, which no line break of a stream and no half character can spoil."""
    return json.dumps(value, separators=(",", ":"))


def _hef_field(end: ReplyEnd) -> dict[str, Any]:
    return {"hef": hef_object(end.empathy, end.memories)} if end.empathy else {}


def _tokens(characters: int) -> int:
    return -(-characters // _CHARACTERS)
