"""What a parent's stream shows of HEF: all with `subgraphs=True`, the whole reply alone without."""

from __future__ import annotations

from typing import Any

import pytest
from hef.graph import create_hef
from hosts import parent_graph, turn_input
from langchain_core.messages import AIMessageChunk
from langgraph.checkpoint.memory import InMemorySaver

EVENTS = ["reading", "verdict", "decision", "causes"]


@pytest.fixture
def graph(scripted: Any) -> Any:
    return parent_graph(create_hef(model=scripted("proud", "Well done!")).compile())


def test_with_subgraphs_events_and_tokens_arrive_and_no_token_of_the_judgement(graph: Any) -> None:
    events: list[str] = []
    parts: list[Any] = []

    for namespace, mode, data in graph.stream(turn_input(), stream_mode=["custom", "messages"], subgraphs=True):
        assert [part.split(":")[0] for part in namespace] == ["hef"]
        if mode == "custom":
            events.append(data["hef"])
        else:
            assert data[1]["langgraph_node"] == "draft_response"
            parts.append(data[0])

    assert events == EVENTS
    assert all(isinstance(part, AIMessageChunk) for part in parts)
    assert [part.text for part in parts if part.text] == ["Well ", "done! "]


def test_without_subgraphs_no_event_and_no_token_arrives_and_the_reply_once(graph: Any) -> None:
    seen = list(graph.stream(turn_input(), stream_mode=["custom", "messages"]))

    ((mode, (message, about)),) = seen
    assert (mode, message.text.strip(), about["langgraph_node"]) == ("messages", "Well done!", "hef")
    assert not isinstance(message, AIMessageChunk)


def test_the_streamed_reply_is_the_message_of_the_state(graph: Any) -> None:
    ids, values = set(), {}

    for _, mode, data in graph.stream(turn_input(), stream_mode=["messages", "values"], subgraphs=True):
        if mode == "messages":
            ids.add(data[0].id)
        else:
            values = data

    (streamed,) = ids
    assert values["messages"][-1].id.startswith(streamed)


def test_updates_of_a_parent_name_its_own_nodes_alone(graph: Any) -> None:
    (update,) = graph.stream(turn_input(), stream_mode="updates")

    assert set(update) == {"hef"}
    assert set(update["hef"]) == {"messages", "empathy"}


@pytest.mark.parametrize("subgraphs", [True, False])
async def test_the_async_stream_shows_the_same(subgraphs: bool, graph: Any) -> None:
    seen = [part async for part in graph.astream(turn_input(), stream_mode=["custom", "messages"], subgraphs=subgraphs)]

    events = [part[-1]["hef"] for part in seen if part[-2] == "custom"]
    texts = [part[-1][0].text.strip() for part in seen if part[-2] == "messages"]
    assert events == (EVENTS if subgraphs else [])
    assert [text for text in texts if text] == (["Well", "done!"] if subgraphs else ["Well done!"])


@pytest.mark.parametrize("mode", ["updates", "values", "custom", "messages", "tasks", "checkpoints", "debug"])
async def test_an_embedding_hosts_async_stream_works_in_every_mode(mode: Any, scripted: Any) -> None:
    graph = parent_graph(create_hef(model=scripted("proud", "Well done!")).compile(), checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "t"}}

    assert [part async for part in graph.astream(turn_input(), thread, stream_mode=mode, subgraphs=True)]
