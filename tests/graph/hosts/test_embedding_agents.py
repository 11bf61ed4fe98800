"""HEF as one agent of several: under a supervisor, in a swarm, behind a router."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hef.contract.state import JsonValue
from hef.graph import Empathy, HefContext, HefState, create_hef
from hef.memory import list_turns
from hef.sem import LexiconSem, shipped_sem
from hosts import ToolCallingChat, message_texts, thread_config, tool_call, turn_input
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt.chat_agent_executor import AgentState
from langgraph.store.memory import InMemoryStore
from langgraph_supervisor import create_supervisor
from langgraph_supervisor.handoff import create_forward_message_tool
from langgraph_swarm import SwarmState, create_handoff_tool, create_swarm

pytestmark = pytest.mark.filterwarnings("ignore:create_react_agent has been moved")

ANA = HefContext(user_id="ana")


def spoken(messages: list[BaseMessage]) -> list[tuple[str | None, str]]:
    """Return who said what, without tool calls and their results."""
    spoken = [message for message in messages if message.type != "tool" and not getattr(message, "tool_calls", [])]
    return [(message.name or message.type, message.text) for message in spoken]


def supervisor(hef: Any, *script: AIMessage, tools: Any = None, **kwargs: Any) -> Any:
    return create_supervisor([hef], model=ToolCallingChat(responses=list(script)), tools=tools, **kwargs)


def routed(scripted: Any) -> tuple[Any, Any]:
    model = scripted("proud", "Well done!")
    return create_hef(model=model).compile(name="hef"), model


@pytest.mark.parametrize("mode", ["last_message", "full_history"])
def test_a_supervisor_hands_over_and_gets_hefs_reply_once(mode: Any, scripted: Any) -> None:
    hef, model = routed(scripted)
    script = [tool_call("transfer_to_hef", "I pass you on."), AIMessage("Anything else?")]
    graph = supervisor(hef, *script, output_mode=mode).compile(checkpointer=InMemorySaver())

    graph.invoke(turn_input(), thread_config("monday"))
    out = graph.invoke(turn_input("And a medal."), thread_config("monday"))

    turn = [("hef", "Well done!"), ("supervisor", "Anything else?")]
    assert spoken(out["messages"]) == [
        *[("human", "I won the race today!"), *turn],
        *[("human", "And a medal."), *turn],
    ]
    assert len({message.id for message in out["messages"]}) == len(out["messages"])
    assert [(message.type, message.text) for message in model.prompts[-1][1:]] == [
        *[("human", "I won the race today!"), ("ai", "Well done!"), ("ai", "Anything else?"), ("human", "And a medal.")]
    ]


async def test_a_supervisor_that_is_awaited_gives_context_store_and_thread_to_hef(scripted: Any) -> None:
    store = InMemoryStore()
    hef, _ = routed(scripted)
    script = [tool_call("transfer_to_hef"), AIMessage("Bye.")]
    graph = supervisor(hef, *script).compile(checkpointer=InMemorySaver(), store=store)

    await graph.ainvoke(turn_input(), thread_config("monday"), context=ANA)

    assert [(turn.thread, turn.reply) for turn in list_turns(store, "ana")] == [("monday", "Well done!")]


@pytest.mark.parametrize("thread", [thread_config("monday"), {}], ids=["thread", "no thread"])
@pytest.mark.parametrize("mode", ["last_message", "full_history"])
def test_a_supervisor_that_visits_hef_twice_in_a_turn_has_it_stored_once(mode: Any, thread: Any, scripted: Any) -> None:
    store = InMemoryStore()
    hef, model = routed(scripted)
    script = [tool_call("transfer_to_hef"), AIMessage("", tool_calls=tool_call("transfer_to_hef").tool_calls)]
    graph = supervisor(hef, *script, AIMessage("Bye."), output_mode=mode).compile(store=store)

    graph.invoke(turn_input(), thread, context=ANA)

    assert len(model.prompts) == 4
    assert [turn.text for turn in list_turns(store, "ana")] == ["I won the race today!"]


def test_a_supervisor_whose_state_has_the_empathy_keeps_it(scripted: Any) -> None:
    class Team(AgentState):
        empathy: Annotated[Empathy | None, JsonValue]

    hef, _ = routed(scripted)
    graph = supervisor(
        hef, tool_call("transfer_to_hef", "I pass you on."), AIMessage("Bye."), state_schema=Team
    ).compile()

    out = graph.invoke({**turn_input(), "empathy": None})

    assert isinstance(out["empathy"], Empathy)
    assert out["empathy"].degraded is None


def test_a_supervisor_finds_hefs_reply_by_its_name_and_forwards_it(scripted: Any) -> None:
    hef, _ = routed(scripted)
    script = [
        tool_call("transfer_to_hef"),
        tool_call("forward_message", from_agent="hef"),
        AIMessage("Nobody said it."),
    ]
    graph = supervisor(hef, *script, tools=[create_forward_message_tool()]).compile()

    out = graph.invoke(turn_input())

    assert spoken(out["messages"])[-2:] == [("hef", "Well done!"), ("supervisor", "Well done!")]


def test_a_supervisors_stream_shows_hefs_tokens_and_events(scripted: Any) -> None:
    hef, _ = routed(scripted)
    graph = supervisor(hef, tool_call("transfer_to_hef"), AIMessage("Bye.")).compile()
    events: list[str] = []
    tokens: list[str] = []

    for _, mode, data in graph.stream(turn_input(), stream_mode=["custom", "messages"], subgraphs=True):
        if mode == "custom":
            events.append(data["hef"])
        elif data[1]["langgraph_node"] == "draft_response":
            tokens.append(data[0].text)

    assert events == ["reading", "verdict", "decision", "causes"]
    assert [token for token in tokens if token] == ["Well ", "done! "]


def test_a_supervisor_asks_two_hefs_with_different_sems(scripted: Any) -> None:
    agents = [
        create_hef(model=scripted("proud", f"From {sem.description.name}."), sem=sem).compile(name=name)
        for name, sem in (("words", LexiconSem()), ("trained", shipped_sem()))
    ]
    script = [tool_call("transfer_to_words"), tool_call("transfer_to_trained"), AIMessage("Bye.")]
    graph = create_supervisor(agents, model=ToolCallingChat(responses=script)).compile()

    out = graph.invoke(turn_input())

    assert spoken(out["messages"])[1:] == [
        ("words", "From lexicon."),
        ("trained", "From minilm."),
        ("supervisor", "Bye."),
    ]


class Seat(HefState):
    active_agent: str


def swarm(scripted: Any, *script: AIMessage) -> tuple[Any, Any]:
    """Return a clerk who hands over to HEF, which answers and hands the seat back."""
    model = scripted("proud", "Well done!")
    builder = create_hef(model=model, state_schema=Seat)
    builder.add_node("hand_back", lambda state: {"active_agent": "clerk"}).add_edge("remember", "hand_back")
    clerk = create_agent(
        ToolCallingChat(responses=list(script)), tools=[create_handoff_tool(agent_name="hef")], name="clerk"
    )
    agents = [clerk, builder.compile(name="hef")]
    return create_swarm(agents, default_active_agent="clerk").compile(checkpointer=InMemorySaver()), model


def test_a_swarm_hands_over_to_hef_and_gets_the_seat_back(scripted: Any) -> None:
    graph, model = swarm(scripted, tool_call("transfer_to_hef", "One moment."), AIMessage("It is noon."))

    first = graph.invoke(turn_input(), thread_config("monday"))
    out = graph.invoke(turn_input("What time is it?"), thread_config("monday"))

    assert (first["active_agent"], out["active_agent"]) == ("clerk", "clerk")
    assert spoken(out["messages"]) == [
        ("human", "I won the race today!"),
        ("hef", "Well done!"),
        ("human", "What time is it?"),
        ("clerk", "It is noon."),
    ]
    assert [message.text for message in model.prompts[-1][1:]] == ["I won the race today!"]


def test_hef_keeps_the_seat_of_a_swarm_where_nothing_hands_it_back(scripted: Any) -> None:
    hef, _ = routed(scripted)
    clerk = create_agent(
        ToolCallingChat(responses=[tool_call("transfer_to_hef")]),
        tools=[create_handoff_tool(agent_name="hef")],
        name="clerk",
    )
    graph = create_swarm([clerk, hef], default_active_agent="clerk").compile(checkpointer=InMemorySaver())

    graph.invoke(turn_input(), thread_config("monday"))
    out = graph.invoke(turn_input("And a medal."), thread_config("monday"))

    assert out["active_agent"] == "hef"
    assert spoken(out["messages"])[-2:] == [("human", "And a medal."), ("hef", "Well done!")]
    assert SwarmState.__annotations__.keys() <= set(out)


def test_a_router_sends_each_message_where_it_belongs(scripted: Any) -> None:
    def route(state: MessagesState) -> Literal["clock", "hef"]:
        return "clock" if "time" in state["messages"][-1].text else "hef"

    hef, model = routed(scripted)
    builder = StateGraph(MessagesState).add_node("hef", hef)
    builder.add_node("clock", lambda state: {"messages": [AIMessage("It is noon.")]})
    graph: Any = builder.add_conditional_edges(START, route).compile(checkpointer=InMemorySaver())

    graph.invoke(turn_input("What time is it?"), thread_config("monday"))
    out = graph.invoke(turn_input(), thread_config("monday"))

    assert message_texts(out) == [
        ("human", "What time is it?"),
        ("ai", "It is noon."),
        ("human", "I won the race today!"),
        ("ai", "Well done!"),
    ]
    assert len(model.prompts) == 2
    assert ("ai", "It is noon.") in [(message.type, message.text) for message in model.prompts[-1][1:]]
