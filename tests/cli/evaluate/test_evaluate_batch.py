"""`hef evaluate` with an LLM whose answers are in files: in rounds, or recorded."""

from __future__ import annotations

import json
from pathlib import Path

from evaluate_cli import SAID, evaluate


def answer_all(folder: Path) -> None:
    """Answer the questions as OpenAI's batch interface does: judgements rightly, replies with a sentence."""
    with (folder / "answers.jsonl").open("a") as file:
        for line in (folder / "questions.jsonl").read_text().splitlines():
            question = json.loads(line)
            chat = question["body"]["messages"]
            asked = str(chat[-1]["content"])
            is_judgement = len(chat) == 2 and "<dialogue>" in asked
            answer = next(label for label, text in SAID.items() if text in asked) if is_judgement else "I see, tell me."
            body = {"choices": [{"message": {"content": answer}}]}
            row = {"custom_id": question["custom_id"], "response": {"status_code": 200, "body": body}, "error": None}
            file.write(json.dumps(row) + "\n")


def test_a_batch_is_asked_in_rounds_and_then_measured(conversations: Path, tmp_path: Path):
    folder = tmp_path / "batch"
    command = ("emotion", "--data", conversations, "--strategy", "llm_only", "--model", f"batch:{folder}", "--json")
    first = evaluate(*command)

    assert first.exit_code == 3
    assert first.stdout == ""
    assert "3 questions for gpt-4o-mini have no answer yet" in first.stderr
    assert str(folder / "questions.jsonl") in first.stderr
    assert str(folder / "answers.jsonl") in first.stderr
    answer_all(folder)
    with (folder / "answers.jsonl").open("a") as file:
        file.write("{\n")
    second = evaluate(*command, "--run", tmp_path / "run")
    assert second.exit_code == 0, second.stderr
    assert "left out 1 row" in second.stderr
    (result,) = json.loads(second.stdout)["results"]
    assert (result["model"], result["top1"]["value"]) == ("gpt-4o-mini", 1)
    assert not (tmp_path / "run" / "answers.jsonl").exists()


def test_replies_are_asked_in_rounds(conversations: Path, tmp_path: Path):
    folder = tmp_path / "batch"
    command = ("replies", "--data", conversations, "--model", f"batch:{folder}", "--strategy", "llm_only", "--json")
    for _ in range(2):
        done = evaluate(*command)
        assert done.exit_code == 3, done.stderr
        answer_all(folder)
    done = evaluate(*command)

    assert done.exit_code == 0, done.stderr
    results = {result["variant"]: result for result in json.loads(done.stdout)["results"]}
    assert results["hef"]["words"] == results["plain"]["words"]


def test_recorded_answers_are_measured_and_the_other_turns_counted(conversations: Path, tmp_path: Path):
    path = tmp_path / "own.jsonl"
    rows = [
        {"conv_id": "own:0", "turn": 1, "alone": "sad", "coarse": "sad", "hypothesis": None},
        {"conv_id": "own:2", "turn": 1, "alone": "sad", "coarse": "proud", "hypothesis": None},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    command = ("emotion", "--data", conversations, "--model", f"recorded:{path}", "--json")
    done = evaluate(*command, "--strategy", "all")

    assert done.exit_code == 0, done.stderr
    assert "1 of 3 turns have no recorded answer" in done.stderr
    results = {result["strategy"]: result for result in json.loads(done.stdout)["results"]}
    assert list(results) == ["sem_only", "llm_only", "two_stage"]
    assert {result["samples"] for result in results.values()} == {2}
    assert results["llm_only"]["top1"]["value"] == 0.5
    assert results["two_stage"]["model"] == "recorded:own.jsonl"
    assert json.loads(done.stdout)["first_question"] == "open"  # which `alone` answers
    refused = evaluate(*command, "--strategy", "one_prompt")
    assert (refused.exit_code, "answers one_prompt for none" in refused.stderr) == (1, True)
    ablated = evaluate(*command, "--strategy", "two_stage", "--ablate")
    assert (ablated.exit_code, "--ablate asks other questions" in ablated.stderr) == (2, True)
