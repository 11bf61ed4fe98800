"""A cache of an LLM's answers in a file, and the usage they count as: an equal question is not asked twice.

An interrupted run resumes, and strategies share the questions that they have in common. Calls, tokens and
seconds of a cached answer count as if it had been given anew.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.messages import AIMessage, message_to_dict, messages_from_dict
from langchain_core.outputs import ChatGeneration
from pydantic import BaseModel

from ..data.json_lines import JsonLinesLog


@dataclass(frozen=True, slots=True)
class Usage:
    """Cost of questions to an LLM."""

    calls: int = 0
    """Number of questions."""
    prompt_tokens: int | None = 0
    """Tokens it read; None where it does not report them."""
    completion_tokens: int | None = 0
    """Tokens it wrote."""
    saved_seconds: float = 0.0
    """Seconds that cached answers took when they were given first, and not now."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            _add(self.prompt_tokens, other.prompt_tokens),
            _add(self.completion_tokens, other.completion_tokens),
            self.saved_seconds + other.saved_seconds,
        )


class Answer(BaseModel, frozen=True):
    """One cached answer."""

    key: str
    """Hash of the model, its settings and the question."""
    seconds: float
    """How long it took."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    scores: dict[str, float] | None = None
    """Log-probability of each choice, of a scored question."""
    messages: list[dict[str, Any]] | None = None
    """The generated messages, of any other question."""


class AnswerCache(BaseCache):
    """The answers of one LLM, usable as LangChain's cache of a chat model.

    Args:
        model: Name of the LLM.
        path: File of JSON lines; None caches in memory only.
    """

    def __init__(self, model: str, path: Path | None = None) -> None:
        self._model = model
        self._log = JsonLinesLog(path, Answer)
        self._answers = {answer.key: answer for answer in self._log.read()}
        self._usage = Usage()
        self._started = 0.0

    def pop_usage(self) -> Usage:
        """Return the usage since the last call of this method."""
        usage, self._usage = self._usage, Usage()
        return usage

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Count the questions within neither as calls nor as tokens."""
        before = self._usage
        try:
            yield
        finally:
            self._usage = before

    def find(self, *question: str) -> Answer | None:
        """Return the cached answer to a question; it counts as a call."""
        answer = self._answers.get(self._key(*question))
        self._started = time.perf_counter()
        if answer:
            self._count(answer, saved_seconds=answer.seconds)
        return answer

    def store(self, *question: str, **answer: Any) -> None:
        """Cache the answer to the question that `find` was called with last."""
        new = Answer(key=self._key(*question), seconds=time.perf_counter() - self._started, **answer)
        self._count(new)
        self.add([new])

    def answers(self) -> list[Answer]:
        """Return all cached answers, oldest first."""
        return list(self._answers.values())

    def add(self, answers: Iterable[Answer]) -> None:
        """Cache answers that were given here or elsewhere; they count as usage only when they are found."""
        new = [answer for answer in answers if answer.key not in self._answers]
        self._answers |= {answer.key: answer for answer in new}
        if new:
            self._log.append(new)

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """Return what the LLM generated for this prompt before."""
        answer = self.find(prompt, llm_string)
        if answer is None or answer.messages is None:
            return None
        return [ChatGeneration(message=message) for message in messages_from_dict(answer.messages)]

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Cache what the LLM generated."""
        messages = [generation.message for generation in return_val if isinstance(generation, ChatGeneration)]
        usages = [message.usage_metadata for message in messages if isinstance(message, AIMessage)]
        prompt_tokens, completion_tokens = (
            sum(usage[side] for usage in usages if usage) if usages and all(usages) else None
            for side in ("input_tokens", "output_tokens")
        )
        self.store(
            prompt,
            llm_string,
            messages=[message_to_dict(message) for message in messages],
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
        )

    def clear(self, **kwargs: Any) -> None:
        """Delete all answers, in the file as well."""
        self._answers.clear()
        if self._log.path:
            self._log.path.unlink(missing_ok=True)

    def _count(self, answer: Answer, saved_seconds: float = 0.0) -> None:
        self._usage += Usage(1, answer.prompt_tokens, answer.completion_tokens, saved_seconds)

    def _key(self, *question: str) -> str:
        return hashlib.sha256(json.dumps([self._model, *question]).encode()).hexdigest()


def _add(tokens: int | None, others: int | None) -> int | None:
    return None if tokens is None or others is None else tokens + others
