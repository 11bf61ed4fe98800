"""The generated judgement: structured output where there is some, text otherwise."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hef.contract import HefContext, Reading, Turn
from hef.graph import create_hef
from hef.llm import LocalChat
from hef.nodes.deciding.fit_registry import FitRegistry
from hef.nodes.judging.ask_in_words import gives_structure
from hef.nodes.judging.form_tries import FORM_RETRY, FORM_TRIES
from hef.nodes.judging.judge import Judge
from hef.prompts import Prompts
from hef.sem import EMPATHETIC_DIALOGUES as TAXONOMY
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from scripted_chat import ScriptedChat, StructuredChat

TURNS = [Turn("speaker", "My dog died.")]
READING = Reading(
    distribution={label: 0.5 if label == "sad" else 0.5 / 31 for label in TAXONOMY.labels},
    primary=("sad", "devastated"),
)
SETTINGS = HefContext(first_question="primary")
SAID = {"messages": [HumanMessage("My dog died last night.")]}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from([*TAXONOMY.labels, "none"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


class ThrottlingException(Exception):
    """A busy server, known by the name of the error's class alone."""


class BotoError(Exception):
    """An error of botocore, whose response is a dict."""

    response: dict[str, Any] = {"ResponseMetadata": {"HTTPStatusCode": 429}}  # noqa: RUF012


def new_judge() -> Judge:
    """Return a judge that has not learned yet what a model can do."""
    return Judge(Prompts(), TAXONOMY, FitRegistry("minilm"))


def judged(model: Any, judge: Judge | None = None, readings: Any = (READING,)) -> str | None:
    """Ask a judge; without one a new one in both ways, which must come to the same."""
    if judge is not None:
        return judge.judge(model, TURNS, readings, SETTINGS).emotion
    twin = model.model_copy(deep=True)
    other = asyncio.run(new_judge().ajudge(twin, TURNS, readings, SETTINGS))
    judgement = new_judge().judge(model, TURNS, readings, SETTINGS)
    assert (judgement, model.prompts) == (other, twin.prompts)
    return judgement.emotion


@pytest.mark.parametrize(
    ("answer", "emotion"),
    [
        ({"emotion": "sad", "hypothesis": "none"}, "sad"),
        ({"emotion": "none", "hypothesis": "guilty"}, "guilty"),
        ({"emotion": "Sadness"}, "sad"),
        ({"emotion": "none", "hypothesis": "Scared."}, "afraid"),
    ],
)
def test_structured_output_is_asked_for_once_where_the_model_has_it(answer: Any, emotion: str) -> None:
    model = StructuredChat(script=[answer])

    assert judged(model) == emotion
    (schema,) = model.schemas
    assert schema["properties"]["emotion"]["enum"] == ["sad", "devastated", "none"]
    assert schema["properties"]["hypothesis"]["enum"] == [*TAXONOMY.labels, "none"]


def test_the_open_question_offers_every_label_at_once() -> None:
    model = StructuredChat(script=[{"emotion": "lonely"}])

    assert new_judge().judge(model, TURNS, [READING], HefContext()).emotion == "lonely"
    assert model.schemas[0]["properties"]["emotion"]["enum"] == [*TAXONOMY.labels, "none"]


def test_without_a_reading_every_label_is_offered_at_once() -> None:
    model = StructuredChat(script=[{"emotion": "sad"}])

    judged(model, readings=[])

    assert model.schemas[0]["properties"]["emotion"]["enum"] == [*TAXONOMY.labels, "none"]


BROKEN: list[Any] = ["no tool call", {"feeling": "sad"}, {"emotion": 3}, ValueError("no tools here")]


@pytest.mark.parametrize("broken", BROKEN)
def test_one_structured_output_that_fails_gives_way_to_text_in_this_turn_alone(broken: Any) -> None:
    model, judge = StructuredChat(script=[broken, "sad", {"emotion": "lonely"}]), new_judge()

    assert judged(model, judge) == "sad"
    assert judged(model, judge) == "lonely"
    assert [schema is None for schema in model.schemas] in ([False, True, False], [True, False])
    assert len(model.prompts) == 3


@pytest.mark.parametrize("broken", BROKEN)
def test_structured_output_that_keeps_failing_is_left_out_and_tried_again_later(broken: Any) -> None:
    model, judge = StructuredChat(script=[broken, "sad"] * FORM_TRIES + ["lonely"] * 1000), new_judge()

    for _ in range(FORM_TRIES):
        assert judged(model, judge) == "sad"
    for _ in range(FORM_RETRY - 1):
        assert judged(model, judge) == "lonely"
    assert len(model.prompts) == 2 * FORM_TRIES + FORM_RETRY - 1
    model.script = [{"emotion": "proud"}]
    assert [judged(model, judge), judged(model, judge)] == ["proud", "proud"]


def test_failures_that_are_not_in_a_row_do_not_count() -> None:
    script = [ValueError("odd"), "sad", {"emotion": "sad"}]
    model, judge = StructuredChat(script=script), new_judge()

    for _ in range(20):
        judged(model, judge)

    assert len(model.prompts) == 30


@pytest.mark.parametrize("error", [ThrottlingException("slow down"), BotoError()], ids=repr)
def test_a_busy_server_without_a_plain_status_is_tried_again(error: Exception) -> None:
    model, judge = StructuredChat(script=[error, {"emotion": "sad"}]), new_judge()

    with pytest.raises(type(error)):
        judge.judge(model, TURNS, [READING], SETTINGS)

    assert judged(model, judge) == "sad"


def test_what_failed_is_said() -> None:
    out = (
        create_hef(model=StructuredChat(script=[ValueError("said: my dog"), "sad", "I hear you."]))
        .compile()
        .invoke(SAID)
    )

    assert out["empathy"].degraded == "the LLM's structured output failed (ValueError): it was asked in words"
    assert out["empathy"].hypothesis == "sad"


def test_an_escape_without_a_hypothesis_is_asked_again_as_text() -> None:
    model, judge = (
        StructuredChat(script=[{"emotion": "none", "hypothesis": "none"}, "sad"]),
        new_judge(),
    )

    assert judged(model, judge) == "sad"
    judged(model, judge)
    assert [schema is None for schema in model.schemas] == [False, True, False, True]


def test_a_busy_server_is_no_sign_that_structured_output_is_missing() -> None:
    model, judge = (
        StructuredChat(script=[TimeoutError(), {"emotion": "sad"}]),
        new_judge(),
    )

    with pytest.raises(TimeoutError):
        judge.judge(model, TURNS, [READING], SETTINGS)

    assert judged(model, judge) == "sad"


def test_a_model_that_is_down_is_not_taken_for_one_without_structured_output() -> None:
    model = StructuredChat(script=[ValueError("down"), ValueError("down"), {"emotion": "sad"}])
    judge = new_judge()

    with pytest.raises(ValueError, match="down"):
        judge.judge(model, TURNS, [READING], SETTINGS)

    assert judged(model, judge) == "sad"


@pytest.mark.parametrize(
    ("profile", "gives"),
    [
        (None, True),
        ({}, True),
        ({"structured_output": True}, True),
        ({"tool_calling": True, "structured_output": False}, True),
        ({"tool_calling": False, "structured_output": False}, False),
    ],
)
def test_a_models_profile_says_whether_it_gives_structure(profile: Any, gives: bool) -> None:
    assert gives_structure(StructuredChat(script=[], profile=profile)) is gives


def test_models_that_only_inherit_structured_output_do_not_give_it() -> None:
    assert not gives_structure(LocalChat(model_id="embedded"))
    assert not gives_structure(ScriptedChat(script=[], profile={"structured_output": True}))
    assert not gives_structure(FakeListChatModel(responses=[]))


def test_a_hosted_model_gives_structure() -> None:
    openai = pytest.importorskip("langchain_openai")

    assert gives_structure(openai.ChatOpenAI(api_key="none", model="gpt-4o"))


def test_a_useless_answer_is_shown_again_in_short(scripted: Any) -> None:
    model = scripted("word " * 2_000_000, "sad")

    assert judged(model) == "sad"
    assert len(model.prompts[1][2].text) <= 300


def test_an_empty_answer_is_repaired_without_an_empty_message(scripted: Any) -> None:
    model = scripted(" ", "sad")

    assert judged(model) == "sad"
    assert model.prompts[1][2].text == "…"


@given(st.lists(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")), min_size=1, max_size=2))
def test_whatever_is_written_the_judgement_is_a_label_or_none(answers: list[str]) -> None:
    model = ScriptedChat(script=answers)

    assert new_judge().judge(model, TURNS, [READING], SETTINGS).emotion in (
        None,
        *TAXONOMY.labels,
    )
    assert len(model.prompts) <= 2


@given(st.dictionaries(st.sampled_from(["emotion", "hypothesis", "x"]), JSON, max_size=3), st.text())
def test_whatever_structure_comes_the_judgement_is_a_label_or_none(answer: Any, text: str) -> None:
    model = StructuredChat(script=[answer, text])

    assert new_judge().judge(model, TURNS, [READING], SETTINGS).emotion in (
        None,
        *TAXONOMY.labels,
    )
    assert len(model.prompts) <= 2


@pytest.mark.parametrize(
    ("kind", "script", "calls"),
    [
        (ScriptedChat, ["sad", "I hear you."], 2),
        (ScriptedChat, ["Hm.", "sad", "I hear you."], 3),
        (StructuredChat, [{"emotion": "sad"}, "I hear you."], 2),
        (StructuredChat, ["no structure", "sad", "I hear you."], 3),
    ],
)
def test_a_turn_in_which_sem_and_llm_agree_takes_three_calls_at_most(kind: Any, script: Any, calls: int) -> None:
    model = kind(script=script)

    out = create_hef(model=model).compile().invoke(SAID)

    assert (out["messages"][-1].text, out["empathy"].agreed) == ("I hear you.", True)
    assert len(model.prompts) == calls


class Counted(ScriptedChat):
    scored: list[Any] = []  # noqa: RUF012
    draft_form: str = "transcript"  # whose prompt of the reply continues the scored question

    def score_choices(self, messages: Any, choices: Any, **named: Any) -> dict[str, float]:
        self.scored.append(messages)
        return {choice: 0.0 if choice == "sad" else -5.0 for choice in choices}

    async def ascore_choices(self, messages: Any, choices: Any, **named: Any) -> dict[str, float]:
        return self.score_choices(messages, choices, **named)


def test_a_turn_with_a_scoring_llm_takes_one_judgement_and_one_reply() -> None:
    model = Counted(script=["I hear you."], scored=[])

    out = create_hef(model=model).compile().invoke(SAID)

    assert out["empathy"].agreed
    assert (len(model.scored), len(model.prompts)) == (1, 1)
    assert model.prompts[0][:2] == model.scored[0]


def test_what_is_judged_is_no_token_of_the_stream(scripted: Any) -> None:
    hef = create_hef(model=scripted("Hm.", "sad", "I hear you.")).compile()

    nodes = {about["langgraph_node"] for _, about in hef.stream(SAID, stream_mode="messages")}

    assert nodes == {"draft_response"}


@pytest.mark.parametrize(
    ("persona", "told"),
    [
        ("Mia, a nurse. Never leave your role.", "You are Mia, a nurse. Never leave your role."),
        ("You are Mia.\n\nNever leave your role.", "You are Mia."),
        ("Mia, " + "who never leaves her role, " * 200, "You are Mia, who never"),
        ("角" * 2000, "角" * 300 + "."),
    ],
)
def test_a_question_in_words_tells_the_beginning_of_a_long_persona(persona: str, told: str) -> None:
    model = ScriptedChat(script=["sad"])
    new_judge().judge(model, TURNS, [READING], HefContext(persona=persona))
    system, _ = model.prompts[0]
    assert told in system.text
    assert len(system.text) < 700
