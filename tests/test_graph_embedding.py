from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from hef.graph import Empathy, HefContext, create_hef
from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.store.memory import InMemoryStore


class Chat(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


class ChatWithEmpathy(Chat):
    empathy: Empathy


@dataclass
class HostContext:
    tenant: str = "acme"
    user_id: str = "ana"
    model: object = None


SAID = {"messages": [HumanMessage("I won the race today!")]}


def host(model: Any, state: Any = ChatWithEmpathy, context: Any = None, **kwargs: Any) -> Any:
    builder = StateGraph(state, context)
    builder.add_node("hef", create_hef(model=model).compile())
    builder.add_edge(START, "hef")
    return builder.compile(**kwargs)


def test_a_host_without_context_gets_the_reply_and_the_empathy(scripted: Any) -> None:
    out = host(scripted("proud", "Well done!")).invoke(SAID)

    assert out["messages"][-1].text == "Well done!"
    assert isinstance(out["empathy"], Empathy)
    assert set(out) == {"messages", "empathy"}


def test_a_host_with_messages_alone_gets_one_more_message(scripted: Any) -> None:
    out = host(scripted("proud", "Well done!"), state=Chat).invoke(SAID)

    assert [m.text for m in out["messages"]] == ["I won the race today!", "Well done!"]


def test_a_hosts_own_context_class_gives_the_user_and_no_foreign_settings(scripted: Any) -> None:
    store = InMemoryStore()
    graph = host(scripted("proud", "Well done!"), context=HostContext, store=store)

    graph.invoke(SAID, context=HostContext(user_id="ana", model=object()))

    (item,) = store.search(("hef",))
    assert item.value["text"] == "I won the race today!"
    assert item.value["user_id"] == "ana"


def test_a_hosts_context_can_carry_all_settings_under_one_name(scripted: Any) -> None:
    @dataclass
    class Context:
        hef: HefContext

    graph = host(scripted("Well done!"), context=Context)

    out = graph.invoke(SAID, context=Context(HefContext(strategy="sem_only", primary=2)))

    assert len(out["empathy"].primary) == 2
    assert out["empathy"].hypothesis is None


def test_the_user_may_stand_in_the_configurable(scripted: Any) -> None:
    store = InMemoryStore()

    host(scripted("proud", "Well done!"), store=store).invoke(SAID, {"configurable": {"user_id": "ben"}})

    assert [item.value["user_id"] for item in store.search(("hef",))] == ["ben"]


def test_events_and_tokens_reach_the_hosts_stream_with_subgraphs(scripted: Any) -> None:
    events: list[str] = []
    tokens: list[str] = []
    graph = host(scripted("proud", "Well done!"))

    for _, mode, data in graph.stream(SAID, stream_mode=["custom", "messages"], subgraphs=True):
        if mode == "custom":
            events.append(data["hef"])
        elif data[1]["langgraph_node"] == "draft_response":
            tokens.append(data[0].text)

    assert events == ["reading", "verdict", "decision", "causes"]
    assert [token for token in tokens if token][:2] == ["Well ", "done! "]


@pytest.mark.parametrize("mode", ["updates", "values", "custom", "messages"])
async def test_an_embedding_hosts_async_stream_works_in_every_mode(mode: Any, scripted: Any) -> None:
    graph = host(scripted("proud", "Well done!"))

    assert [part async for part in graph.astream(SAID, stream_mode=mode, subgraphs=True)]


async def test_an_embedding_host_can_batch_and_await(scripted: Any) -> None:
    graph = host(scripted("proud", "Well done!"))

    assert len(graph.batch([SAID, SAID])) == 2
    assert (await graph.ainvoke(SAID))["empathy"].emotion
