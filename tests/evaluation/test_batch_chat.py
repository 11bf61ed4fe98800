"""An LLM that is answered in rounds, by files in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hef.contract import HefContext, SetupError
from hef.evaluation.batch_chat import BatchChat, UnansweredQuestion, batch_chat
from hef.evaluation.caching_models import with_cache
from hef.evaluation.emotion.emotion_run import EmotionRun, run_emotion
from hef.evaluation.emotion.sem_llm_pair import SemLlmPair
from hef.evaluation.replies.replier import COMPARED, Replier, ReplySample, collect, open_reply_log
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from synthetic import SyntheticSem

Answerer = Callable[[list[dict[str, str]]], str]
CHAT = [SystemMessage("Judge."), HumanMessage("I cry."), AIMessage("Hm"), HumanMessage("Answer.")]


def open_chat(folder: Path) -> BatchChat:
    chat = batch_chat(f"batch:{folder}")
    assert chat is not None
    return chat


def questions(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]


def ask(folder: Path, *texts: str) -> str:
    """Ask, and return what to do now."""
    chat = open_chat(folder)
    for text in texts:
        with pytest.raises(UnansweredQuestion):
            chat.invoke(text)
    return chat.folder.write_questions()


def answer_all(folder: Path, answer: Answerer, name: str = "answers.jsonl") -> None:
    with (folder / name).open("a") as file:
        for question in questions(folder):
            row = {"custom_id": question["custom_id"], "text": answer(question["body"]["messages"])}
            file.write(json.dumps(row) + "\n")


def test_a_question_without_an_answer_is_written_as_a_provider_s_request(tmp_path: Path) -> None:
    chat = open_chat(tmp_path / "new")
    with pytest.raises(UnansweredQuestion):
        chat.invoke(CHAT)
    chat.folder.write_questions()

    (question,) = questions(tmp_path / "new")
    assert (question["method"], question["url"]) == ("POST", "/v1/chat/completions")
    assert question["body"] == {
        "model": "gpt-4o-mini",
        "max_tokens": 200,
        "temperature": 0,
        "messages": [
            {"role": "system", "content": "Judge."},
            {"role": "user", "content": "I cry."},
            {"role": "assistant", "content": "Hm"},
            {"role": "user", "content": "Answer."},
        ],
    }
    assert question["custom_id"].replace("-", "").isalnum()
    assert len(question["custom_id"]) <= 64


def test_what_is_answered_is_not_asked_again(tmp_path: Path) -> None:
    ask(tmp_path, "How?", "Why?", "How?")
    assert len(questions(tmp_path)) == 2
    answer_all(tmp_path, lambda chat: chat[-1]["content"].lower())

    assert open_chat(tmp_path).invoke("How?").text == "how?"
    ask(tmp_path, "When?")
    assert [question["body"]["messages"][0]["content"] for question in questions(tmp_path)] == ["When?"]


def test_answers_of_several_files_and_to_unknown_questions_are_read(tmp_path: Path) -> None:
    ask(tmp_path, "How?")
    answer_all(tmp_path, lambda chat: "well")
    ask(tmp_path, "Why?")
    answer_all(tmp_path, lambda chat: "because", "answers-2.jsonl")
    (tmp_path / "answers-3.jsonl").write_text('{"custom_id": "foreign", "text": "x"}\n{')

    chat = open_chat(tmp_path)
    assert [chat.invoke("How?").text, chat.invoke("Why?").text] == ["well", "because"]
    assert len(chat.folder.broken) == 1


def test_a_failed_question_is_asked_again_and_the_failure_told(tmp_path: Path) -> None:
    ask(tmp_path, "How?", "Why?")
    first, _ = questions(tmp_path)
    failed = {"custom_id": first["custom_id"], "response": {"status_code": 429, "body": {"error": "slow down"}}}
    (tmp_path / "answers.jsonl").write_text(json.dumps(failed) + "\n")

    advice = ask(tmp_path, "How?", "Why?")
    assert "2 questions for gpt-4o-mini have no answer" in advice
    assert "1 of them failed before, the first with 'status 429: slow down'" in advice
    answer_all(tmp_path, lambda chat: "well")
    assert open_chat(tmp_path).invoke("How?").text == "well"


def test_an_id_depends_on_the_model_and_not_on_the_other_fields(tmp_path: Path) -> None:
    def custom_id(request: dict[str, Any]) -> str:
        (tmp_path / "request.json").write_text(json.dumps(request))
        ask(tmp_path, "How?")
        return str(questions(tmp_path)[0]["custom_id"])

    own = custom_id({"model": "own", "temperature": None, "max_completion_tokens": 9})
    assert questions(tmp_path)[0]["body"].keys() == {"model", "max_tokens", "max_completion_tokens", "messages"}
    assert own == custom_id({"model": "own", "max_tokens": 5})
    assert own != custom_id({})
    assert open_chat(tmp_path).model_name == "gpt-4o-mini"


@pytest.mark.parametrize("text", ["{", "[]", '{"model": 3}', '{"model": " "}', '{"model": null}'])
def test_a_request_that_cannot_be_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text(text)
    with pytest.raises(SetupError, match=r"request\.json"):
        batch_chat(f"batch:{tmp_path}")


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for spec in ("batch:", f"batch:{tmp_path / 'file'}"):
        with pytest.raises(SetupError, match="give batch:FOLDER"):
            batch_chat(spec)
    assert batch_chat("openai:batch") is batch_chat(None) is None


CONTEXT = HefContext()


def run_rounds(
    folder: Path, sem: SyntheticSem, answer: Answerer, context: HefContext = CONTEXT, **options: Any
) -> tuple[EmotionRun, list[int]]:
    """Run with answers to all that is asked; return the last run and the number of questions in each round."""
    asked: list[int] = []
    for _ in range(9):
        llm = open_chat(folder)
        pair = SemLlmPair(sem, *with_cache(llm))
        try:
            run = run_emotion(pair, ["two_stage"], sem.samples, context, data="own", **options)
        except UnansweredQuestion:
            llm.folder.write_questions()
            asked.append(len(questions(folder)))
            answer_all(folder, answer)
        else:
            return run, asked
    raise AssertionError(f"there was no end to the questions: {asked}")


def test_re_queries_are_the_second_round(tmp_path: Path) -> None:
    sem = SyntheticSem(6)

    def escape(chat: list[dict[str, str]]) -> str:
        last = chat[-1]["content"].rsplit("out of: ", 1)[1].split(".")[0].split(", ")[-1]
        return f"none {last}"

    run, asked = run_rounds(tmp_path, sem, escape, HefContext(first_question="primary"))

    assert asked[0] == 6
    assert 0 < asked[1] <= 6
    assert len(asked) == 2
    assert max(len(record.verdicts) for record in run.records["two_stage"]) == 2


def test_a_refusal_is_asked_to_repair_once_and_gives_no_verdict(tmp_path: Path) -> None:
    sem = SyntheticSem(3)
    run, asked = run_rounds(tmp_path, sem, lambda chat: "I'm grateful for the question, but I can't help with that.")

    assert asked == [3, 3]
    assert [record.last_verdict for record in run.records["two_stage"]] == [None] * 3


@pytest.mark.parametrize(("first_question", "count"), [("primary", 4), ("open", 2)])
def test_all_strategies_are_asked_in_the_first_round_and_what_two_ask_once(
    first_question: Any, count: int, tmp_path: Path
) -> None:
    llm, context = open_chat(tmp_path), HefContext(first_question=first_question, ask="always")
    sem = SyntheticSem(2)
    pair = SemLlmPair(sem, *with_cache(llm))
    with pytest.raises(UnansweredQuestion):
        run_emotion(pair, ("sem_only", "llm_only", "two_stage"), sem.samples, context, data="own")
    llm.folder.write_questions()

    assert len(questions(tmp_path)) == count


def test_a_cross_fit_asks_nothing_more(tmp_path: Path) -> None:
    sem = SyntheticSem(40)
    truth = {sample.turns[-1].text: sample.emotion for sample in sem.samples}

    def right(chat: list[dict[str, str]]) -> str:
        return truth[chat[-1]["content"].split("Speaker: ")[1].split("\n")[0]]

    run, asked = run_rounds(tmp_path, sem, right, fit_share=0.5, cross_fit=True)

    assert len(asked) <= 2
    assert run.fit is not None
    assert (run.fit.model, run.fit.form) == ("gpt-4o-mini", "generated")
    assert run.reports[0].top1.value > 0.9


def test_replies_are_drafted_once_the_emotion_is_judged(tmp_path: Path) -> None:
    sem = SyntheticSem(2)
    samples = [
        ReplySample(f"own:{number}", one.turns, one.emotion, one.conv_id, "Oh.")
        for number, one in enumerate(sem.samples)
    ]

    def reply(chat: list[dict[str, str]]) -> str:
        return "sad" if "Answer with" in chat[-1]["content"] or "answer with" in chat[-1]["content"] else "I am sorry."

    asked: list[int] = []
    for _ in range(6):
        llm = open_chat(tmp_path)
        try:
            replies = collect(Replier(llm, sem, HefContext()), samples, COMPARED, open_reply_log(None, {}))
            break
        except UnansweredQuestion:
            llm.folder.write_questions()
            asked.append(len(questions(tmp_path)))
            answer_all(tmp_path, reply)

    assert asked[0] == 4
    assert asked[-1] == 2
    assert [reply.text for variant in COMPARED for reply in replies[variant]] == ["I am sorry."] * 4


def test_a_fit_asks_about_all_turns_in_the_first_round(tmp_path: Path) -> None:
    sem = SyntheticSem(20)
    assert sem.probabilities.max() > 0.8  # of which the SEM is sure: two_stage alone would not ask about them

    _, asked = run_rounds(tmp_path, sem, lambda chat: "sad", fit_share=0.5)

    assert asked[0] == 20
