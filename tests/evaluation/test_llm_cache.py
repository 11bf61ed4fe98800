"""Kept answers: an equal question is asked once, and counts as often as it is put."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hef.evaluation.caching_models import with_cache
from hef.evaluation.llm_cache import AnswerCache, Usage
from hef.llm import ChoiceScorer, calibrated, model_name
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import Field


class Scoring(FakeListChatModel):
    """A chat model that scores, counts its tokens, and remembers what it was asked."""

    responses: list[str] = Field(default_factory=lambda: ["Well."])
    asked: list[Any] = Field(default_factory=list)

    def score_choices(
        self, messages: Any, choices: Any, *, prefix: str = "", content_free: Any = ()
    ) -> dict[str, float]:
        self.asked.append((messages, prefix, content_free))
        likely = {choice: -1.0 - len(messages[0].text) * place for place, choice in enumerate(choices)}
        neutral = [list(self.score_choices(empty, choices, prefix=prefix).values()) for empty in content_free]
        return calibrated(list(likely), list(likely.values()), neutral)

    async def ascore_choices(self, *arguments: Any, **named: Any) -> dict[str, float]:
        return self.score_choices(*arguments, **named)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Any = None) -> int:
        return sum(len(str(message.text).split()) for message in messages)


def test_an_equal_question_is_asked_once_and_counts_twice(scripted: Any) -> None:
    model = scripted("sad", "joyful")
    kept, answers = with_cache(model)

    assert [kept.invoke("How?").text, kept.invoke("How?").text, kept.invoke("And now?").text] == [
        "sad",
        "sad",
        "joyful",
    ]
    assert len(model.prompts) == 2
    assert answers.pop_usage().calls == 3
    assert answers.pop_usage() == Usage()


def test_a_run_that_goes_on_asks_nothing_twice(scripted: Any, tmp_path: Path) -> None:
    path = tmp_path / "run" / "answers.jsonl"
    with_cache(scripted("sad"), path)[0].invoke("How?")
    later = scripted("joyful")
    kept, _ = with_cache(later, path)

    assert kept.invoke("How?").text == "sad"
    assert later.prompts == []


async def test_scores_are_kept_as_well_as_texts(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    question = [HumanMessage("I feel as I feel.")]
    named: dict[str, Any] = {"prefix": "You feel", "content_free": [[HumanMessage("N/A")]]}
    first, later = Scoring(), Scoring()
    kept, answers = with_cache(first, path)
    assert isinstance(kept, ChoiceScorer)
    scores = kept.score_choices(question, ["sad", "joyful"], **named)
    again, _ = with_cache(later, path)
    assert isinstance(again, ChoiceScorer)

    assert again.score_choices(question, ["sad", "joyful"], **named) == scores
    assert await again.ascore_choices(question, ["sad", "joyful"], **named) == scores
    assert scores == pytest.approx(Scoring().score_choices(question, ["sad", "joyful"], **named))
    assert later.asked == []
    assert first.asked == [([HumanMessage("N/A")], "You feel", ()), (question, "You feel", ())]
    assert answers.pop_usage() == Usage(1, 5, 0)


def test_taking_the_answer_about_nothing_off_or_not_is_one_question() -> None:
    model = Scoring()
    kept: Any = with_cache(model)[0]
    question, nothing = [HumanMessage("I feel as I feel.")], [[HumanMessage("N/A")]]
    off = kept.score_choices(question, ["sad", "joyful"], content_free=nothing)
    plain = kept.score_choices(question, ["sad", "joyful"])

    assert off != plain
    assert len(model.asked) == 2


def test_another_beginning_of_the_answer_is_another_question() -> None:
    model = Scoring()
    kept: Any = with_cache(model)[0]
    kept.score_choices([HumanMessage("Hm.")], ["sad"])
    kept.score_choices([HumanMessage("Hm.")], ["sad"], prefix="I feel")

    assert len(model.asked) == 2


def test_what_one_model_said_is_not_put_into_anothers_mouth(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    for name in ("one", "other"):
        answers = AnswerCache(name, path)
        assert answers.find("How?") is None
        answers.store("How?", scores={"sad": 0.0})


def test_a_line_that_a_killed_run_left_half_written_is_asked_again(scripted: Any, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    kept, _ = with_cache(scripted("sad", "joyful"), path)
    kept.invoke("One?")
    kept.invoke("Two?")
    path.write_text(path.read_text()[:-20])
    model = scripted("proud")
    resumed, _ = with_cache(model, path)

    assert [resumed.invoke("One?").text, resumed.invoke("Two?").text] == ["sad", "proud"]
    assert len(model.prompts) == 1
    assert with_cache(scripted("guilty"), path)[0].invoke("Two?").text == "proud"


class Counting(FakeListChatModel):
    """A chat model that says what it used."""

    def _generate(self, *arguments: Any, **named: Any) -> Any:
        result = super()._generate(*arguments, **named)
        usage: Any = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
        result.generations[0].message = AIMessage("sad", usage_metadata=usage)
        return result


def test_tokens_and_seconds_of_a_kept_answer_count_as_if_it_were_given_anew(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    kept, answers = with_cache(Counting(responses=["sad"]), path)
    kept.invoke("How?")
    assert answers.pop_usage() == Usage(1, 7, 2)
    again, kept_answers = with_cache(Counting(responses=["sad"]), path)
    again.invoke("How?")
    used = kept_answers.pop_usage()

    assert (used.calls, used.prompt_tokens, used.completion_tokens) == (1, 7, 2)
    assert used.saved_seconds > 0


def test_a_model_that_does_not_count_has_no_tokens(scripted: Any) -> None:
    kept, answers = with_cache(scripted("sad"))
    kept.invoke("How?")

    assert answers.pop_usage().prompt_tokens is None


def test_a_model_keeps_its_name(scripted: Any) -> None:
    for model in (scripted("sad"), Scoring()):
        assert model_name(with_cache(model)[0]) == model_name(model)
