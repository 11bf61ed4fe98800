"""Answers of a batch interface, in the forms of the providers and in a plain one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.messages.ai import UsageMetadata

from ..data.json_lines import read_json_lines


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """One line of a file of answers."""

    custom_id: str
    """Id of the question."""
    text: str | None = None
    """What the LLM wrote; None where the request failed."""
    failure: str = ""
    """Why it failed."""
    usage: UsageMetadata | None = None
    """Tokens, where the line reports them."""


def read_answers(paths: Iterable[Path]) -> tuple[list[BatchAnswer], list[str]]:
    """Read files of answers.

    Returns:
        The answers in the order of the files, and one message for each line that could not be read.
    """
    answers: list[BatchAnswer] = []
    broken: list[str] = []
    for path in paths:
        read, unreadable = read_json_lines(path, make_batch_answer)
        answers += read
        broken += unreadable
    return answers, broken


def make_batch_answer(row: dict[str, Any]) -> BatchAnswer:
    """Return the answer of a line.

    Args:
        row: OpenAI's `{"custom_id", "response": {"status_code", "body"}, "error"}`, Anthropic's `{"custom_id",
            "result": {"type", "message"}}`, or `{"custom_id", "text"}`, whose text may be blank.

    Raises:
        KeyError: It has none of these forms.
        ValueError: An id or a text is not a string.
    """
    custom_id = row["custom_id"]
    if not isinstance(custom_id, str):
        raise ValueError("`custom_id` is not a text")
    if "text" in row:
        if not isinstance(row["text"], str):
            raise ValueError("`text` is not a text")
        return BatchAnswer(custom_id, row["text"])
    if "result" in row:
        return _anthropic_answer(custom_id, row["result"])
    return _openai_answer(custom_id, row["response"] or {}, row.get("error"))


def _openai_answer(custom_id: str, response: dict[str, Any], error: Any) -> BatchAnswer:
    body = response.get("body") or {}
    status = response.get("status_code", 200)
    if error or status != 200 or not body.get("choices"):
        reason = error or body.get("error") or "no answer"
        return BatchAnswer(custom_id, failure=f"status {status}: {_reason(reason)}")
    choice, usage = body["choices"][0], body.get("usage") or {}
    message = choice["message"]
    text = _text(message.get("content")) or message.get("refusal")
    tokens = _usage(usage.get("prompt_tokens"), usage.get("completion_tokens"))
    return _answer(custom_id, text, choice.get("finish_reason"), tokens)


def _anthropic_answer(custom_id: str, result: dict[str, Any]) -> BatchAnswer:
    if result["type"] != "succeeded":
        return BatchAnswer(custom_id, failure=_reason(result.get("error") or result["type"]))
    message = result["message"]
    usage = message.get("usage") or {}
    tokens = _usage(usage.get("input_tokens"), usage.get("output_tokens"))
    return _answer(custom_id, _text(message["content"]), message.get("stop_reason"), tokens)


def _answer(custom_id: str, text: str | None, stop: str | None, usage: UsageMetadata | None) -> BatchAnswer:
    """Return the answer; one without any text, as of an LLM that only thought, has failed."""
    if not text or not text.strip():
        return BatchAnswer(custom_id, failure=f"the answer has no text (it ended by {stop or 'an unknown reason'})")
    return BatchAnswer(custom_id, text, usage=usage)


def _text(content: Any) -> str:
    """Return the text of a message's content, which is a text or a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(str(part["text"]) for part in content or () if part.get("type") == "text")


def _usage(read: Any, written: Any) -> UsageMetadata | None:
    if not isinstance(read, int) or not isinstance(written, int):
        return None
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)


def _reason(error: Any) -> str:
    """Return what a provider says of a failure; errors are nested, and a message is the most that they say."""
    while isinstance(error, dict):
        error = error.get("error") or error.get("message") or error.get("code") or error.get("type") or "unknown"
    return str(error)
