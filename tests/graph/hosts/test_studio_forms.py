"""Each setting stands on the form of the nodes that read it, and prompts are edited there."""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import Any

import pytest
from hef.contract import Safety
from hef.contract.chat_model import ChoiceScorer
from hef.contract.context import TEMPLATE
from hef.graph import HefContext, create_hef
from hef.graph.studio import context_with
from hef.prompts import NAMES, Prompts
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config
from langgraph.store.memory import InMemoryStore
from scripted_chat import ScriptedChat

SAID = {"messages": [HumanMessage("My dog died last night.")]}
READ: defaultdict[str, set[str]] = defaultdict(set)
FORMS = {
    name: set(extra["langgraph_nodes"])
    for name, field in HefContext.model_fields.items()
    if isinstance(extra := field.json_schema_extra, dict) and isinstance(extra["langgraph_nodes"], list)
}


class Transcribed(ScriptedChat):
    """A scripted chat model that was trained on HEF's transcript."""

    draft_form: str = "transcript"


class Watched(HefContext):
    """Settings that note which node reads which."""

    def __getattribute__(self, name: str) -> Any:
        # `run_settings` looks for a user in every node, to find one in the config, and telemetry reports settings.
        reader = sys._getframe(1).f_code
        if (
            name in FORMS
            and reader.co_name not in ("run_settings", "user_of_run")
            and "telemetry" not in reader.co_filename
        ):
            READ[name].add(get_config()["metadata"]["langgraph_node"])
        return super().__getattribute__(name)


def test_every_setting_is_on_the_form_of_each_node_that_reads_it(scripted: Any) -> None:
    READ.clear()
    for strategy in ("two_stage", "one_prompt", "sem_only", "llm_only"):
        model = scripted("none, proud", "none, proud", "I hear you.") if strategy == "two_stage" else scripted("sad")
        hef = create_hef(model=model).compile(store=InMemoryStore(), checkpointer=InMemorySaver())
        context = Watched(user_id="ana", confirm_emotion=True, strategy=strategy)  # type: ignore[arg-type]
        hef.invoke(SAID, {"configurable": {"thread_id": "t"}}, context=context)
        hef.invoke(
            SAID, {"configurable": {"thread_id": "u"}}, context=context.model_copy(update={"confirm_emotion": False})
        )
    for level in ("danger", "concern"):
        found = Safety(level=level, kind="suicide")  # type: ignore[arg-type]
        hef = create_hef(model=scripted("sad"), safety=lambda _, found=found: found).compile(store=InMemoryStore())
        hef.invoke(SAID, context=Watched(user_id="ana", strategy="sem_only"))

    # The pause is decided on the way to the node that pauses.
    READ["confirm_emotion"].add("confirm_emotion")
    READ["safety_handoff"].add("human_takeover")
    assert {name: nodes for name, nodes in FORMS.items() if not name.startswith(TEMPLATE)} == dict(READ)


@pytest.mark.parametrize(
    ("name", "strategy", "answers"),
    [
        ("system", "two_stage", ["sad", "I hear you."]),
        ("coarse", "two_stage", ["trusting", "sad", "I hear you."]),
        ("repair", "two_stage", ["zebra", "sad", "I hear you."]),
        ("one_prompt", "one_prompt", ["sad", "I hear you."]),
        ("all_labels", "two_stage", ["sad", "I hear you."]),
        ("all_labels", "llm_only", ["sad", "I hear you."]),
        ("draft", "two_stage", ["sad", "I hear you."]),
        ("score", "sem_only", ["I hear you."]),
    ],
)
def test_a_prompt_of_the_run_takes_the_place_of_the_graphs_where_its_form_says(
    name: str, strategy: str, answers: list[str]
) -> None:
    model = (Transcribed if name == "score" else ScriptedChat)(script=answers)
    context = HefContext.model_validate({"strategy": strategy, f"prompt_{name}": "MARK, said at your own wish"})

    create_hef(model=model, prompts={name: "of the graph"}).compile().invoke(SAID, context=context)

    texts = ["\n".join(message.text for message in prompt) for prompt in model.prompts]
    held = {"draft_response" if text == texts[-1] else "coarse_emotion" for text in texts if "MARK" in text}
    assert held == FORMS[f"prompt_{name}"] - ({"coarse_emotion"} if name == "score" else set())
    assert "of the graph" not in "".join(texts)


def test_a_blank_prompt_is_the_graphs_own(scripted: Any) -> None:
    model = scripted("sad", "I hear you.")

    hef = create_hef(model=model, prompts={"draft": "Answer as the graph wants."}).compile()
    hef.invoke(SAID, context=HefContext(prompt_draft=" \n"))

    assert model.prompts[-1][0].text.endswith("\n\nAnswer as the graph wants.")


def test_a_prompt_with_a_placeholder_that_is_never_given_is_told(scripted: Any) -> None:
    with pytest.raises(ValueError, match=r"prompt 'draft' may only name .*'causes', 'dialogue'"):
        create_hef(model=scripted("sad")).compile().invoke(SAID, context=HefContext(prompt_draft="$mood"))


def test_what_an_llm_scores_about_nothing_is_asked_with_the_prompt_of_the_run(
    embedded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(embedded, ChoiceScorer)
    asked: list[tuple[str, list[str]]] = []

    def score(self: Any, messages: Any, choices: Any, *, prefix: str = "", content_free: Any = ()) -> dict[str, float]:
        asked.append((messages[-1].text, [empty[-1].text for empty in content_free]))
        return {choice: -3.0 for choice in choices}

    monkeypatch.setattr(type(embedded), "score_choices", score)
    monkeypatch.setattr(
        "hef.nodes.deciding.fit_registry.FitRegistry.get",
        lambda *_, **named: type("Fit", (), {"content_free": True, "form": "", "ask_below": None}),
    )
    hef = create_hef(model=embedded).compile(interrupt_after=["coarse_emotion"])
    hef.invoke(SAID, context=HefContext(prompt_score="MARK $dialogue", max_requeries=0))

    ((question, neutral),) = asked
    assert question.startswith("MARK")
    assert len(neutral) == 3
    assert all(text.startswith("MARK") for text in neutral)


def test_each_template_is_a_setting_and_a_form_shows_its_text() -> None:
    schema = context_with(Prompts({"draft": "Answer at length."}))().model_dump()

    sent = set(NAMES) - {"note", "danger_note"}  # which the middleware gives to an agent's own model
    assert HefContext().templates == dict.fromkeys(sent, "")
    assert {name for name in schema if name.startswith(TEMPLATE)} == {f"{TEMPLATE}{name}" for name in sent}
    assert schema["prompt_draft"] == "Answer at length."
    assert schema["prompt_score"] == Prompts().templates["score"]


def test_the_settings_of_a_form_are_the_settings_of_a_run(scripted: Any) -> None:
    form = context_with(Prompts())
    model = scripted("sad", "I hear you.")

    create_hef(model=model, context_schema=form).compile().invoke(SAID, context={"persona": "a nurse"})  # type: ignore[arg-type]

    assert model.prompts[-1][0].text.startswith("You are a nurse.")


def test_every_node_has_one_sentence_of_description(scripted: Any) -> None:
    drawn = create_hef(model=scripted("x")).compile().get_graph().nodes

    descriptions = {name: node.metadata["description"] for name, node in drawn.items() if node.metadata}
    assert set(descriptions) == set(drawn) - {"__start__", "__end__"}
    assert all(text.endswith(".") and len(text) < 120 for text in descriptions.values())
    assert len(set(descriptions.values())) == len(descriptions)
