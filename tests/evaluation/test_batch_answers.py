"""Lines of answers, in the forms of the providers' batch interfaces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hef.evaluation.batch_answers import BatchAnswer, make_batch_answer, read_answers


def openai(content: Any, status: int = 200, **message: Any) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": "length"}
    body = {"choices": [choice], "usage": {"prompt_tokens": 90, "completion_tokens": 2, "total_tokens": 92}}
    return {"id": "r1", "custom_id": "q", "response": {"status_code": status, "body": body}, "error": None}


def anthropic(*content: dict[str, Any]) -> dict[str, Any]:
    message = {"content": [*content], "usage": {"input_tokens": 90, "output_tokens": 2}, "stop_reason": "end_turn"}
    return {"custom_id": "q", "result": {"type": "succeeded", "message": message}}


@pytest.mark.parametrize(
    "row",
    [
        openai("none lonely"),
        openai([{"type": "text", "text": "none "}, {"type": "text", "text": "lonely"}]),
        anthropic({"type": "thinking", "thinking": "Sad?"}, {"type": "text", "text": "none lonely"}),
    ],
)
def test_a_provider_s_line_gives_its_text_and_its_tokens(row: dict[str, Any]) -> None:
    answer = make_batch_answer(row)

    assert (answer.custom_id, answer.text, answer.failure) == ("q", "none lonely", "")
    assert answer.usage is not None
    assert (answer.usage["input_tokens"], answer.usage["output_tokens"]) == (90, 2)


@pytest.mark.parametrize("text", ["sad", ""])
def test_a_plain_line_gives_its_text(text: str) -> None:
    assert make_batch_answer({"custom_id": "q", "text": text}) == BatchAnswer("q", text)


def test_a_refusal_is_an_answer() -> None:
    assert make_batch_answer(openai(None, refusal="I must decline.")).text == "I must decline."


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"custom_id": "q", "response": None, "error": {"code": "batch_expired", "message": "Too late"}}, "Too late"),
        (
            {"custom_id": "q", "response": {"status_code": 400, "body": {"error": {"message": "No such model"}}}},
            "status 400: No such model",
        ),
        (openai("sad", status=500), "status 500"),
        (openai(None), "no text (it ended by length)"),
        (anthropic({"type": "thinking", "thinking": "Sad?"}), "no text (it ended by end_turn)"),
        ({"custom_id": "q", "result": {"type": "expired"}}, "expired"),
        (
            {
                "custom_id": "q",
                "result": {"type": "errored", "error": {"type": "error", "error": {"type": "x", "message": "Busy"}}},
            },
            "Busy",
        ),
    ],
)
def test_a_failed_line_says_why(row: dict[str, Any], reason: str) -> None:
    answer = make_batch_answer(row)

    assert answer.text is None
    assert reason in answer.failure


def test_lines_of_another_form_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    lines = ['{"custom_id": "a", "text": "sad"}', "{", '{"custom_id": 3, "text": "sad"}', '{"custom_id": "b"}', "[]"]
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join([*lines, json.dumps({"custom_id": "c", "text": None})]))

    answers, broken = read_answers([path])

    assert answers == [BatchAnswer("a", "sad")]
    assert [message.split(": ")[0] for message in broken] == [f"answers.jsonl:{line}" for line in range(2, 7)]
