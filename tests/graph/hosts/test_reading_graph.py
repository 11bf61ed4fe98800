"""The graph that reads the person and leaves the reply to the host's own agent."""

from __future__ import annotations

from typing import Any

import pytest
from hef.contract import Memory, SetupError
from hef.graph import HefContext, HefMiddleware, HefOutput, create_reading_graph, empathy_note
from hef.llm import resolve
from hef.memory import list_turns, remember_turn
from langchain_core.messages import HumanMessage
from langgraph.graph import START, StateGraph
from langgraph.store.memory import InMemoryStore
from scripted_chat import ScriptedChat

SAID: Any = {"messages": [HumanMessage("My dog Bello died last night.")]}
SEM_ONLY = HefContext(strategy="sem_only", user_id="ana")


@pytest.fixture
def no_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(spec: str) -> None:
        raise SetupError("the embedded model is not installed")

    monkeypatch.setattr(resolve, "check_embedded", missing)


def test_it_ends_at_the_cause_words_and_needs_no_llm(no_embedded: None) -> None:
    graph = create_reading_graph().compile()

    out = graph.invoke(SAID, context=SEM_ONLY)

    assert set(out) == {"empathy", "memories"}
    assert out["empathy"].emotion in {"sad", "devastated"}
    assert {"died", "dog"} & {cause.text for cause in out["empathy"].causes}
    assert list(graph.get_graph().nodes)[-2] == "cause_words"


def test_where_an_llm_is_asked_after_all_what_is_missing_is_said(no_embedded: None) -> None:
    with pytest.raises(SetupError, match=r"not installed; or give a model, or read with strategy 'sem_only'"):
        create_reading_graph().compile().invoke(SAID)
    with pytest.raises(SetupError, match="not installed"):
        create_reading_graph(model="embedded")
    with pytest.raises(SetupError, match="not installed"):
        HefMiddleware()
    assert HefMiddleware(settings=HefContext(strategy="sem_only"))


def test_the_note_is_made_of_what_it_returns() -> None:
    store = InMemoryStore()
    remember_turn(store, "ana", Memory(id="1", text="Bello is ill.", emotion="anxious", reply="Poor Bello."))

    out = create_reading_graph().compile(store=store).invoke(SAID, context=SEM_ONLY)
    note = empathy_note(out["empathy"], out["memories"])

    assert note.startswith(f"How the person feels in their last message, most likely first: {out['empathy'].emotion} ")
    assert 'they said: "Bello is ill." (felt anxious); you answered: "Poor Bello."' in note
    assert [memory.id for memory in list_turns(store, "ana")] == ["1"]


def test_a_parent_gets_it_and_replies_with_its_own_model() -> None:
    class Chat(HefOutput):
        memories: list[Memory]

    model = ScriptedChat(script=["I am so sorry about Bello."])

    def answer(state: Chat) -> dict[str, Any]:
        note = empathy_note(state["empathy"], state["memories"])
        return {"messages": [model.invoke([("system", note), *state["messages"]])]}

    builder = StateGraph(Chat).add_node("read", create_reading_graph().compile()).add_node("answer", answer)
    bot: Any = builder.add_edge(START, "read").add_edge("read", "answer").compile()

    out = bot.invoke(SAID, context=SEM_ONLY)

    assert [message.text for message in out["messages"]] == [SAID["messages"][0].text, "I am so sorry about Bello."]
    assert "most likely first" in model.prompts[0][0].text


@pytest.mark.parametrize("part", ["coarse_emotion", "cause_words"])
def test_what_was_left_out_is_in_what_it_returns(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ScriptedChat(script=[ValueError("down")] if part == "coarse_emotion" else ["sad"])
    if part == "cause_words":
        monkeypatch.setattr("hef.nodes.cause_words.call_tool", lambda *_: 1 / 0)

    empathy = create_reading_graph(model=model).compile().invoke(SAID)["empathy"]

    assert {"coarse_emotion": "could not judge", "cause_words": "no cause words"}[part] in str(empathy.degraded)
