"""The state of a parent: its own keys, its messages, and extra keys that HEF shares with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired

import pytest
from hef.contract import InputError, SetupError
from hef.graph import Empathy, HefOutput, HefState, create_hef
from hef.sem import LexiconSem, shipped_sem
from hosts import message_texts, parent_graph, turn_input
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from pydantic import BaseModel
from typing_extensions import TypedDict


class Desk(HefOutput):
    ticket: str
    memories: list[str]
    readings: int
    verdict: str
    faults: str


class PydanticDesk(BaseModel):
    messages: Annotated[list[AnyMessage], add_messages] = []
    empathy: Empathy | None = None
    ticket: str = ""


@dataclass
class DataDesk:
    messages: Annotated[list[AnyMessage], add_messages] = field(default_factory=list)
    empathy: Empathy | None = None
    ticket: str = ""


@pytest.fixture
def hef(scripted: Any) -> Any:
    return create_hef(model=scripted("proud", "Well done!")).compile()


def test_a_parents_keys_survive_even_those_that_are_named_as_hefs_own(hef: Any) -> None:
    own = {"ticket": "T-1", "memories": ["a"], "readings": 3, "verdict": "mine", "faults": "none"}

    out = parent_graph(hef, Desk).invoke({**turn_input(), **own})

    assert {name: held for name, held in out.items() if name not in ("messages", "empathy")} == own
    assert out["empathy"].emotion


@pytest.mark.parametrize("state", [PydanticDesk, DataDesk])
def test_a_parent_may_hold_its_state_in_a_class(state: Any, hef: Any) -> None:
    out = parent_graph(hef, state).invoke({**turn_input(), "ticket": "T-1"})

    assert message_texts(out) == [("human", "I won the race today!"), ("ai", "Well done!")]
    assert (out["ticket"], type(out["empathy"])) == ("T-1", Empathy)


def test_a_parent_without_messages_is_told_what_is_missing(hef: Any) -> None:
    with pytest.raises(InputError, match="`messages` holds no human message"):
        parent_graph(hef, TypedDict("Question", {"question": str})).invoke({"question": "How are you?"})


def test_no_message_is_doubled_lost_or_reordered_over_three_turns(hef: Any) -> None:
    graph = parent_graph(hef, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "t"}}
    before = [SystemMessage("Be kind."), HumanMessage("one", id="1")]

    graph.invoke({"messages": before}, thread)
    graph.invoke({"messages": [HumanMessage("one", id="1"), HumanMessage("two", id="2")]}, thread)
    out = graph.invoke({"messages": [HumanMessage("three", id="3")]}, thread)

    assert message_texts(out) == [
        ("system", "Be kind."),
        *[("human", "one"), ("ai", "Well done!"), ("human", "two"), ("ai", "Well done!")],
        *[("human", "three"), ("ai", "Well done!")],
    ]
    assert len({message.id for message in out["messages"]}) == 7


def test_messages_with_ids_are_handed_back_as_they_were(hef: Any) -> None:
    call = {"name": "clock", "args": {}, "id": "c", "type": "tool_call"}
    given = [
        HumanMessage("What time is it?", id="a", additional_kwargs={"from": "web"}),
        AIMessage("", id="b", tool_calls=[call]),  # type: ignore[list-item]
        ToolMessage("noon", id="c", tool_call_id="c"),
        AIMessage("It is noon.", id="d", name="clerk"),
        HumanMessage("I won the race today!", id="e"),
    ]

    out = parent_graph(hef).invoke({"messages": given})

    assert out["messages"][:-1] == given
    assert (out["messages"][-1].text, out["messages"][-1].name) == ("Well done!", "hef")


def test_a_reply_in_a_graph_of_its_own_bears_no_name(hef: Any) -> None:
    assert hef.invoke(turn_input())["messages"][-1].name is None


@pytest.mark.parametrize(("node", "name"), [("warm voice", "warm_voice"), ("hef", "hef")])
def test_the_name_of_a_reply_is_one_that_providers_take(node: str, name: str, hef: Any) -> None:
    graph: Any = StateGraph(MessagesState).add_node(node, hef).add_edge(START, node).compile()

    assert graph.invoke(turn_input())["messages"][-1].name == name


def test_a_parents_checkpoint_holds_the_empathy_without_a_warning(hef: Any, caplog: pytest.LogCaptureFixture) -> None:
    graph = parent_graph(hef, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "t"}}
    graph.invoke(turn_input(), thread)

    assert isinstance(graph.get_state(thread).values["empathy"], Empathy)
    assert caplog.messages == []


def test_hef_nodes_with_different_sems_speak_one_after_the_other(scripted: Any) -> None:
    class Two(HefOutput):
        first: str

    graph: Any = StateGraph(Two)
    graph.add_sequence(
        [
            ("words", create_hef(model=scripted("proud", "Great."), sem=LexiconSem()).compile()),
            ("note", lambda state: {"first": state["empathy"].sem}),
            ("trained", create_hef(model=scripted("proud", "Well done!")).compile()),
        ]
    ).add_edge(START, "words")

    out = graph.compile().invoke(turn_input())

    assert (out["first"], out["empathy"].sem) == ("lexicon", shipped_sem().description.name)
    assert [(message.name, message.text) for message in out["messages"][1:]] == [
        ("words", "Great."),
        ("trained", "Well done!"),
    ]


def test_hef_nodes_side_by_side_add_a_reply_each(scripted: Any) -> None:
    graph: Any = StateGraph(MessagesState)
    for name, sem in (("words", LexiconSem()), ("trained", shipped_sem())):
        graph.add_node(name, create_hef(model=scripted("proud", f"From {name}."), sem=sem).compile())
        graph.add_edge(START, name)

    out = graph.compile().invoke(turn_input())

    assert sorted(message_texts(out)) == [
        ("ai", "From trained."),
        ("ai", "From words."),
        ("human", "I won the race today!"),
    ]


class Journal(HefState):
    mood: str
    place: NotRequired[str]


def journal(scripted: Any) -> Any:
    builder = create_hef(model=scripted("proud", "Well done!"), state_schema=Journal)
    builder.add_node("note", lambda state: {"mood": f"{state['empathy'].emotion} at {state['place']}"})
    return builder.add_edge("remember", "note").compile()


def test_extra_keys_come_in_and_go_out(scripted: Any) -> None:
    out = journal(scripted).invoke({**turn_input(), "place": "the track"})

    assert set(out) == {"messages", "empathy", "mood", "place"}
    assert out["mood"] == f"{out['empathy'].emotion} at the track"


def test_extra_keys_are_shared_with_a_parent_that_has_them(scripted: Any) -> None:
    class Parent(MessagesState):
        mood: str
        place: str
        ticket: str

    out = parent_graph(journal(scripted), Parent).invoke(
        {**turn_input(), "place": "the track", "mood": "", "ticket": "T-1"}
    )

    assert out["mood"].endswith(" at the track")
    assert (out["place"], out["ticket"]) == ("the track", "T-1")


class WithoutThree(MessagesState):
    readings: list[Any]
    safety_pending: bool
    memories: list[Any]
    faults: dict[str, str]
    explanations: dict[str, str]


class Class(BaseModel):
    messages: Annotated[list[AnyMessage], add_messages]
    readings: Any = None
    verdict: Any = None
    memories: Any = None
    empathy: Any = None
    safety: Any = None
    safety_pending: Any = None
    faults: Any = None
    explanations: Any = None


class Forgetful(HefState):
    messages: list[AnyMessage]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (WithoutThree, r"WithoutThree lacks \['empathy', 'safety', 'verdict'\]; derive it from hef.graph.HefState"),
        (Class, "Class is not a TypedDict"),
        (Forgetful, "Forgetful has `messages` without a reducer"),
    ],
)
def test_a_state_schema_that_will_not_do_is_told_what_is_missing(schema: Any, said: str, scripted: Any) -> None:
    with pytest.raises(SetupError, match=said):
        create_hef(model=scripted("x"), state_schema=schema)
