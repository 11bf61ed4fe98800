from __future__ import annotations

from typing import Any

import pytest
from hef.graph import HefContext, create_hef
from hef.nodes import to_dialogue
from hef.sem import shipped_sem
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

SAID = [
    HumanMessage("My dog died last night."),
    AIMessage("Oh no. How are you?"),
    HumanMessage("I cry all the time and I miss him so much."),
]


def run(model: Any, **settings: Any) -> tuple[dict[str, Any], list[str], list[dict[str, Any]]]:
    nodes: list[str] = []
    events: list[dict[str, Any]] = []
    out: dict[str, Any] = {}
    hef = create_hef(model=model).compile()
    for mode, data in hef.stream(
        {"messages": SAID}, context=HefContext(**settings), stream_mode=["updates", "custom", "values"]
    ):
        if mode == "updates":
            nodes += data
        elif mode == "custom":
            events.append(data)
        else:
            out = data
    return out, nodes, events


def test_agreement_asks_the_sem_once(scripted: Any) -> None:
    out, nodes, _ = run(scripted("sad", "I am sorry."))

    assert nodes.count("sem_emotion") == nodes.count("coarse_emotion") == 1
    assert (out["empathy"].agreed, out["empathy"].requeries, out["empathy"].stage) == (True, 0, "coarse")


@pytest.mark.parametrize("budget", [0, 1, 3])
def test_disagreement_asks_the_sem_again_within_the_budget(budget: int, scripted: Any) -> None:
    stubborn = scripted(*["none, proud"] * (budget + 1), "I am sorry.")

    out, nodes, events = run(stubborn, max_requeries=budget)

    assert nodes.count("sem_emotion") == nodes.count("coarse_emotion") == budget + 1
    assert nodes.count("recall") == nodes.count("draft_response") == 1
    assert (out["empathy"].agreed, out["empathy"].requeries, out["empathy"].hypothesis) == (False, budget, "proud")
    assert [event["round"] for event in events if event["hef"] == "reading"] == list(range(budget + 1))


def test_one_prompt_asks_once_whatever_the_llm_says(scripted: Any) -> None:
    out, nodes, _ = run(scripted("proud", "Well done!"), strategy="one_prompt", max_requeries=3)

    assert nodes.count("sem_emotion") == nodes.count("coarse_emotion") == 1
    assert (out["empathy"].emotion, out["empathy"].stage) == ("proud", "fine")


class Scoring(FakeListChatModel):
    """A chat model that scores one label far above, or a little above, all others."""

    favourite: str
    lead: float

    def score_choices(
        self, messages: Any, choices: Any, *, prefix: str = "", content_free: Any = ()
    ) -> dict[str, float]:
        return {choice: self.lead if choice == self.favourite else 0.0 for choice in choices}

    async def ascore_choices(self, *arguments: Any, **named: Any) -> dict[str, float]:
        return self.score_choices(*arguments, **named)


def test_a_scoring_llm_that_is_unsure_is_taken_to_agree_with_its_best_primary_emotion() -> None:
    out, nodes, _ = run(Scoring(responses=["I am sorry."], favourite="proud", lead=0.5))

    assert nodes.count("sem_emotion") == 1
    assert out["empathy"].agreed
    assert out["empathy"].hypothesis in out["empathy"].primary


def test_a_scoring_llm_that_is_sure_of_another_emotion_has_the_sem_look_again_without_another_call() -> None:
    out, nodes, _ = run(Scoring(responses=["I am sorry."], favourite="proud", lead=5.0))

    assert nodes.count("sem_emotion") == 2
    assert (out["empathy"].agreed, out["empathy"].hypothesis, out["empathy"].requeries) == (False, "proud", 1)


def test_the_second_look_takes_another_view_and_brings_evidence(scripted: Any) -> None:
    model = scripted("none, proud", "sad", "I am sorry.")

    out, _, events = run(model)

    first, second = (event for event in events if event["hef"] == "reading")
    assert (first["view"], first["evidence"]) == ("dialogue", None)
    assert second["view"] == "speaker"
    assert second["evidence"]["hypothesis"] == "proud"
    assert second["evidence"]["rank"] > 5
    assert "Before, you thought of proud" in model.prompts[1][-1].text
    assert (out["empathy"].agreed, out["empathy"].requeries) == (True, 1)


def test_a_stubborn_weak_llm_does_not_overrule_a_sure_sem(scripted: Any) -> None:
    alone = shipped_sem().read([to_dialogue(SAID)])[0].ranked[0]

    out, _, _ = run(scripted("none, proud", "none, proud", "Well done!"))

    assert out["empathy"].emotion == alone


def test_a_verdict_of_an_earlier_turn_is_not_taken_for_this_one(scripted: Any) -> None:
    hef = create_hef(model=scripted("none, proud", "none, proud", "First.", "joyful", "Second.")).compile(
        checkpointer=InMemorySaver()
    )
    config: Any = {"configurable": {"thread_id": "t"}}
    hef.invoke({"messages": SAID}, config)

    out = hef.invoke(
        {"messages": [HumanMessage("But today I got a new puppy and I am so happy!")]},
        config,
        context=HefContext(primary=15),
    )

    assert (out["empathy"].requeries, out["empathy"].agreed) == (0, True)
    assert out["messages"][-1].text == "Second."
