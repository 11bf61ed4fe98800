"""HEF as a node of a parent: what comes in, what comes out, and which settings hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hef.graph import Empathy, HefContext, create_hef
from hosts import message_texts, parent_graph, thread_config, turn_input
from langgraph.graph import MessagesState
from langgraph.store.memory import InMemoryStore
from pydantic import BaseModel
from typing_extensions import TypedDict


@dataclass
class HostContext:
    tenant: str = "acme"
    user_id: str = "ana"
    memory_limit: int = 7
    model: str = "anthropic/claude-x"


class PydanticContext(BaseModel):
    tenant: str = "acme"
    user_id: str = "ana"


class MappingContext(TypedDict):
    tenant: str
    user_id: str


def a_host(scripted: Any, context: Any = None, **kwargs: Any) -> Any:
    return parent_graph(create_hef(model=scripted("proud", "Well done!")).compile(), context=context, **kwargs)


def test_a_host_without_context_gets_the_reply_and_the_empathy(scripted: Any) -> None:
    out = a_host(scripted).invoke(turn_input())

    assert message_texts(out) == [("human", "I won the race today!"), ("ai", "Well done!")]
    assert isinstance(out["empathy"], Empathy)
    assert set(out) == {"messages", "empathy"}


def test_a_host_with_messages_alone_gets_one_more_message(scripted: Any) -> None:
    out = parent_graph(create_hef(model=scripted("proud", "Well done!")).compile(), MessagesState).invoke(turn_input())

    assert message_texts(out) == [("human", "I won the race today!"), ("ai", "Well done!")]


async def test_an_embedding_host_can_batch_and_await(scripted: Any) -> None:
    graph = a_host(scripted)

    assert len(graph.batch([turn_input(), turn_input()])) == 2
    assert (await graph.ainvoke(turn_input()))["empathy"].emotion


@pytest.mark.parametrize(
    ("schema", "context"),
    [
        (HostContext, HostContext()),
        (HostContext, {"user_id": "ana"}),
        (PydanticContext, PydanticContext()),
        (MappingContext, {"tenant": "acme", "user_id": "ana"}),
        (None, {"tenant": "acme", "user_id": "ana"}),
        (HefContext, HefContext(user_id="ana")),
    ],
)
def test_a_context_of_any_kind_gives_the_user(schema: Any, context: Any, scripted: Any) -> None:
    store = InMemoryStore()

    a_host(scripted, schema, store=store).invoke(turn_input(), context=context)

    assert [item.value["user_id"] for item in store.search(("hef",))] == ["ana"]


@pytest.mark.parametrize("context", [None, {}])
def test_no_context_means_the_defaults_and_no_user(context: Any, scripted: Any) -> None:
    store = InMemoryStore()

    out = a_host(scripted, store=store).invoke(turn_input(), context=context)

    assert len(out["empathy"].primary) == HefContext().primary
    assert store.search(("hef",)) == []


def test_a_hosts_model_is_the_hosts_and_hef_keeps_its_own(scripted: Any) -> None:
    out = a_host(scripted, HostContext).invoke(turn_input(), context=HostContext())

    assert (out["messages"][-1].text, out["empathy"].model) == ("Well done!", "scripted")


@pytest.mark.parametrize("kind", [HefContext, dict])
def test_a_hosts_context_can_carry_all_settings_under_one_name(kind: Any, scripted: Any) -> None:
    @dataclass
    class Context:
        hef: Any
        primary: int = 9

    settings = kind(strategy="sem_only", primary=2)
    out = a_host(scripted, Context).invoke(turn_input(), context=Context(settings))

    assert len(out["empathy"].primary) == 2
    assert out["empathy"].hypothesis is None


def test_the_user_may_stand_in_the_configurable(scripted: Any) -> None:
    store = InMemoryStore()

    a_host(scripted, store=store).invoke(turn_input(), thread_config("monday", user_id="ben"))

    assert [item.value["user_id"] for item in store.search(("hef",))] == ["ben"]


def test_the_user_of_the_context_comes_before_the_one_in_the_configurable(scripted: Any) -> None:
    store = InMemoryStore()

    a_host(scripted, store=store).invoke(
        turn_input(), thread_config("monday", user_id="ben"), context={"user_id": "ana"}
    )

    assert [item.value["user_id"] for item in store.search(("hef",))] == ["ana"]
