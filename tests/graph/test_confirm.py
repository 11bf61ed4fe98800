"""A person settles what SEM and LLM disagree about."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from hef.graph import HefContext, create_hef
from hef.memory import list_turns
from hef.sem import EMPATHETIC_DIALOGUES
from langchain.agents.middleware.human_in_the_loop import HITLRequest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command
from pydantic import ConfigDict, TypeAdapter, with_config

SAID = {"messages": [HumanMessage("My dog died last night.")]}
CONFIG: Any = {"configurable": {"thread_id": "t"}}
ASKED = HefContext(user_id="ana", confirm_emotion=True, max_requeries=1)
STUBBORN = ("none, proud", "none, proud", "I hear you.")
"""An LLM that disagrees, disagrees again after the re-query, and drafts."""


def edit(label: object) -> dict[str, Any]:
    return {"decisions": [{"type": "edit", "edited_action": {"name": "confirm_emotion", "args": {"emotion": label}}}]}


def paused(scripted: Any, context: HefContext = ASKED, saver: Any = None) -> tuple[Any, Any, Any, InMemoryStore]:
    """Run a turn on which SEM and LLM disagree, up to the question."""
    store, model = InMemoryStore(), scripted(*STUBBORN)
    hef = create_hef(model=model).compile(checkpointer=saver or InMemorySaver(), store=store)
    return hef, hef.invoke(SAID, CONFIG, context=context), model, store


def test_the_question_has_the_shape_of_agent_inboxes(scripted: Any) -> None:
    _, out, _, _ = paused(scripted)

    (asked,) = out["__interrupt__"]
    strict = with_config(ConfigDict(extra="forbid"))(HITLRequest)
    TypeAdapter(strict).validate_python(asked.value)
    (action,), (config,) = asked.value["action_requests"], asked.value["review_configs"]
    assert action["name"] == config["action_name"] == "confirm_emotion"
    assert action["args"] == {"emotion": out["empathy"].emotion}
    assert "My dog died last night." in action["description"]
    assert "the LLM finds proud" in action["description"]
    assert config["allowed_decisions"] == ["approve", "edit", "reject"]
    assert config["args_schema"]["properties"]["emotion"]["enum"] == list(EMPATHETIC_DIALOGUES.labels)
    assert asked.response_schema["properties"]["decisions"]["maxItems"] == 1


def test_approving_keeps_the_emotion_and_says_who_settled_it(scripted: Any) -> None:
    hef, before, model, _ = paused(scripted)

    out = hef.invoke(Command(resume={"decisions": [{"type": "approve"}]}), CONFIG, context=ASKED)

    assert out["empathy"].emotion == before["empathy"].emotion
    assert out["empathy"].confirmed
    assert not before["empathy"].confirmed
    assert out["empathy"].distribution[out["empathy"].emotion] == sum(out["empathy"].distribution.values()) == 1
    assert out["messages"][-1].text == "I hear you."
    assert len(model.prompts) == 3  # two judgements and the draft: resuming asked for nothing a second time


@pytest.mark.parametrize("answer", [edit("devastated"), edit("Devastated."), edit("heartbroken"), "devastated"])
def test_another_label_or_a_word_for_it_can_be_chosen(answer: Any, scripted: Any) -> None:
    hef, before, model, store = paused(scripted)

    out = hef.invoke(Command(resume=answer), CONFIG, context=ASKED)

    empathy = out["empathy"]
    assert before["empathy"].emotion != empathy.emotion == "devastated"
    assert (empathy.confirmed, empathy.agreed, empathy.hypothesis) == (True, False, "proud")
    assert empathy.distribution == {label: float(label == "devastated") for label in EMPATHETIC_DIALOGUES.labels}
    assert "devastated" in model.prompts[-1][-2].text
    (turn,) = list_turns(store, "ana")
    assert (turn.emotion, turn.probability) == ("devastated", 1.0)


def test_the_stage_says_whether_the_chosen_label_was_a_primary_one(scripted: Any) -> None:
    hef, before, _, _ = paused(scripted)
    primary = before["empathy"].primary
    out = hef.invoke(Command(resume=edit(primary[-1])), CONFIG, context=ASKED)
    assert out["empathy"].stage == "coarse"

    hef, before, _, _ = paused(scripted)
    other = next(label for label in EMPATHETIC_DIALOGUES.labels if label not in primary)
    out = hef.invoke(Command(resume=edit(other)), CONFIG, context=ASKED)
    assert out["empathy"].stage == "fine"


def test_rejecting_takes_the_next_most_probable_emotion(scripted: Any) -> None:
    hef, before, _, _ = paused(scripted)
    distribution = before["empathy"].distribution

    out = hef.invoke(Command(resume={"decisions": [{"type": "reject", "message": "no"}]}), CONFIG, context=ASKED)

    empathy, rejected = out["empathy"], before["empathy"].emotion
    rest = {label: share for label, share in distribution.items() if label != rejected}
    assert empathy.emotion == max(rest, key=lambda label: rest[label])
    assert not empathy.confirmed
    assert empathy.distribution[rejected] == 0
    assert sum(empathy.distribution.values()) == pytest.approx(1)
    assert empathy.distribution[empathy.emotion] == pytest.approx(
        distribution[empathy.emotion] / (1 - distribution[rejected])
    )


@pytest.mark.parametrize(
    "wrong",
    [
        edit("zebra"),
        edit("not sad"),
        edit(None),
        {"decisions": []},
        {"decisions": [{"type": "respond"}]},
        7,
        "x" * 9999,
    ],
)
def test_a_wrong_answer_is_asked_for_again_and_the_thread_goes_on(wrong: Any, scripted: Any) -> None:
    hef, _, model, _ = paused(scripted)

    again = hef.invoke(Command(resume=wrong), CONFIG, context=ASKED)
    (asked,) = again["__interrupt__"]
    description = asked.value["action_requests"][0]["description"]
    out = hef.invoke(Command(resume=edit("devastated")), CONFIG, context=ASKED)

    assert "choose one of the set" in description.partition("?")[0]
    assert len(description) < 600
    assert out["empathy"].emotion == "devastated"
    assert len(model.prompts) == 3


@pytest.mark.parametrize(
    ("answers", "settings"),
    [
        (("sad", "I hear you."), {"confirm_emotion": True}),
        (("none, proud", "sad", "I hear you."), {"confirm_emotion": True}),
        (STUBBORN, {}),
        (("I hear you.",), {"confirm_emotion": True, "strategy": "sem_only"}),
    ],
    ids=["agree", "agree after the re-query", "not wanted", "no LLM asked"],
)
def test_nobody_is_asked_without_need(answers: Any, settings: Any, scripted: Any) -> None:
    hef = create_hef(model=scripted(*answers)).compile(checkpointer=InMemorySaver())

    out = hef.invoke(SAID, CONFIG, context=HefContext(**settings))

    assert "__interrupt__" not in out
    assert out["messages"][-1].text == "I hear you."


def test_without_a_checkpointer_the_turn_goes_on_and_says_so(scripted: Any) -> None:
    out = create_hef(model=scripted(*STUBBORN)).compile().invoke(SAID, context=ASKED)

    assert out["messages"][-1].text == "I hear you."
    assert not out["empathy"].confirmed
    assert "a pause needs a checkpointer" in out["empathy"].degraded


def test_the_answer_can_come_after_a_restart(tmp_path: Path, scripted: Any) -> None:
    file = str(tmp_path / "threads.db")
    with SqliteSaver.from_conn_string(file) as saver:
        paused(scripted, saver=saver)
    with SqliteSaver.from_conn_string(file) as saver:
        hef = create_hef(model=scripted("I hear you.")).compile(checkpointer=saver)
        hef.invoke(Command(resume=edit("devastated")), CONFIG, context=ASKED)
    with SqliteSaver.from_conn_string(file) as saver:
        values = create_hef(model=scripted("x")).compile(checkpointer=saver).get_state(CONFIG).values

    assert (values["empathy"].emotion, values["empathy"].confirmed) == ("devastated", True)


def test_a_question_that_nobody_answers_is_left_with_the_next_message(scripted: Any) -> None:
    hef, _, model, _ = paused(scripted)
    model.script, model.prompts = ["sad", "I hear you."], []

    out = hef.invoke({"messages": [HumanMessage("I miss him.")]}, CONFIG, context=ASKED)

    assert "__interrupt__" not in out
    assert [message.text for message in out["messages"]][-2:] == ["I miss him.", "I hear you."]


def test_the_evidence_says_who_settled_the_emotion_in_this_turn_alone(scripted: Any) -> None:
    hef, _, model, _ = paused(scripted)
    hef.invoke(Command(resume="devastated"), CONFIG, context=ASKED)
    explanation = hef.get_state(CONFIG).values["explanations"]["confirm_emotion"]
    model.script, model.prompts = ["sad", "I hear you."], []

    hef.invoke({"messages": [HumanMessage("I miss him.")]}, CONFIG, context=ASKED)

    assert explanation == "a person chose devastated for sad"
    assert "confirm_emotion" not in hef.get_state(CONFIG).values["explanations"]


def test_it_pauses_and_resumes_without_blocking(scripted: Any) -> None:
    async def turn() -> Any:
        hef = create_hef(model=scripted(*STUBBORN)).compile(checkpointer=InMemorySaver())
        first = await hef.ainvoke(SAID, CONFIG, context=ASKED)
        assert first["__interrupt__"]
        return await hef.ainvoke(Command(resume=edit("devastated")), CONFIG, context=ASKED)

    assert asyncio.run(turn())["empathy"].emotion == "devastated"


def test_a_parent_is_paused_and_resumed_with_its_own_checkpointer(scripted: Any) -> None:
    class Chat(TypedDict):
        messages: Annotated[list[Any], add_messages]
        empathy: Any

    model = scripted(*STUBBORN)
    parent = StateGraph(Chat, context_schema=HefContext).add_node("hef", create_hef(model=model).compile())
    bot: Any = parent.add_edge(START, "hef").compile(checkpointer=InMemorySaver())

    first = bot.invoke(SAID, CONFIG, context=ASKED)
    out = bot.invoke(Command(resume=edit("devastated")), CONFIG, context=ASKED)

    assert first["__interrupt__"][0].value["action_requests"][0]["name"] == "confirm_emotion"
    assert out["empathy"].emotion == "devastated"
    assert len(model.prompts) == 3


@pytest.mark.parametrize(
    ("answer", "uncertain"),
    [
        (edit("lonely"), False),
        ({"decisions": [{"type": "approve"}]}, False),
        ({"decisions": [{"type": "reject"}]}, True),
    ],
)
def test_what_a_person_confirmed_is_told_also_where_it_was_uncertain(
    answer: Any, uncertain: bool, scripted: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("hef.nodes.fine_emotion.UNCERTAIN_BELOW", 1.1)
    hef, _, model, _ = paused(scripted)

    empathy = hef.invoke(Command(resume=answer), CONFIG, context=ASKED)["empathy"]

    assert empathy.uncertain is uncertain
    assert ("most likely first" in model.prompts[-1][0].text) is not uncertain
