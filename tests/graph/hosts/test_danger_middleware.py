"""Danger and concern in an agent: answered by HEF's text, or told to the agent's model."""

from __future__ import annotations

from typing import Any

import pytest
from hef.graph import HefContext, HefMiddleware
from hef.memory import list_turns
from hef.safety import help_line
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command
from safety_judges import CONCERN, DANGER, FOUND, judge
from scripted_chat import AgentChat, calling

US = HefContext(region="US", user_id="ana")
THREAD: Any = {"configurable": {"thread_id": "t"}}
MODES = ["sync", "async"]


@tool
def look_up(topic: str) -> str:
    """Look something up."""
    return f"about {topic}"


def said(text: str) -> Any:
    return {"messages": [HumanMessage(text)]}


def built(model: AgentChat, *, checkpointer: Any = None, store: Any = None, **arguments: Any) -> Any:
    middleware = HefMiddleware(model=model, safety=judge, settings=HefContext(strategy="sem_only"), **arguments)
    return create_agent(
        model, middleware=[middleware], context_schema=HefContext, checkpointer=checkpointer, store=store
    )


async def invoke(mode: str, agent: Any, *arguments: Any, **named: Any) -> Any:
    return agent.invoke(*arguments, **named) if mode == "sync" else await agent.ainvoke(*arguments, **named)


@pytest.mark.parametrize("mode", MODES)
async def test_danger_is_answered_without_the_agents_model_and_the_next_turn_is_ordinary(mode: str) -> None:
    model, store = AgentChat(script=["I am the agent."]), InMemoryStore()
    agent = built(model, checkpointer=InMemorySaver(), store=store)

    out = await invoke(mode, agent, said(DANGER), THREAD, context=US)
    assert model.prompts == []
    assert "988" in out["messages"][-1].text
    assert out["messages"][-1].name is None
    assert out["empathy"].safety.level == "danger"
    assert list_turns(store, "ana") == []

    again = await invoke(mode, agent, said(DANGER), THREAD, context=US)
    assert again["messages"][-1].text != out["messages"][-1].text
    later = await invoke(mode, agent, said("I bought a bicycle."), THREAD, context=US)
    assert later["messages"][-1].text == "I am the agent."
    assert [turn.text for turn in list_turns(store, "ana")] == ["I bought a bicycle."]


def test_a_run_without_a_new_message_does_not_ask_the_model_after_all() -> None:
    model = AgentChat(script=["I am the agent."])
    agent = built(model, checkpointer=InMemorySaver())
    out = agent.invoke(said(DANGER), THREAD, context=US)

    agent.invoke({"messages": []}, THREAD, context=US)

    assert model.prompts == []
    assert len(agent.get_state(THREAD).values["messages"]) == len(out["messages"])


@pytest.mark.parametrize("mode", MODES)
async def test_the_text_is_streamed(mode: str) -> None:
    agent = built(AgentChat(script=["I am the agent."]))

    if mode == "sync":
        parts = list(agent.stream(said(DANGER), context=US, stream_mode="messages"))
    else:
        parts = [part async for part in agent.astream(said(DANGER), context=US, stream_mode="messages")]

    assert "988" in "".join(message.text for message, _ in parts)


def test_a_human_takes_over_in_an_agent_as_in_the_graph() -> None:
    model = AgentChat(script=["I am the agent."])
    agent = built(model, checkpointer=InMemorySaver())
    context = US.model_copy(update={"safety_handoff": True})

    (pause,) = agent.invoke(said(DANGER), THREAD, context=context)["__interrupt__"]
    out = agent.invoke(Command(resume="This is Ben."), THREAD, context=context)

    assert "988" in pause.value["action_requests"][0]["args"]["text"]
    texts = [message.text for message in out["messages"]]
    assert texts[0] == DANGER
    assert "988" in texts[1]
    assert texts[2:] == ["This is Ben."]
    assert model.prompts == []


def test_a_host_may_let_its_model_answer_and_the_note_says_whom_to_name() -> None:
    model = AgentChat(script=["I am the agent."])

    out = built(model, crisis_reply=False).invoke(said(DANGER), context=US)

    assert out["messages"][-1].text == "I am the agent."
    note = model.prompts[-1][0].text
    assert "988" in note
    assert '"end my life"' in note
    assert "most likely first" not in note


def test_a_concern_is_told_with_the_line_to_end_with() -> None:
    model = AgentChat(script=["I am the agent."])

    out = built(model).invoke(said(CONCERN), context=US)

    assert out["messages"][-1].text == "I am the agent."
    note = model.prompts[-1][0].text
    assert help_line(FOUND[CONCERN], "US") in note
    assert "most likely first" in note


def test_hooks_are_told_and_the_check_can_be_switched_off() -> None:
    told: list[Any] = []
    built(AgentChat(script=["x"]), on_safety=told.append).invoke(said(DANGER), context=US)
    middleware = HefMiddleware(model=AgentChat(script=["sad"]), safety=None)
    agent = create_agent(AgentChat(script=["I am the agent."]), middleware=[middleware])

    assert [event.safety.level for event in told] == ["danger"]
    assert agent.invoke(said(DANGER))["messages"][-1].text == "I am the agent."


@pytest.mark.parametrize("mode", MODES)
async def test_whoever_writes_on_instead_of_waiting_for_the_human_was_answered_and_is_again(mode: str) -> None:
    model = AgentChat(script=["I am the agent."])
    agent = built(model, checkpointer=InMemorySaver())
    context = US.model_copy(update={"safety_handoff": True})

    paused = await invoke(mode, agent, said(DANGER), THREAD, context=context)
    assert "988" in paused["messages"][-1].text
    out = await invoke(mode, agent, said("I'm safe now."), THREAD, context=context)

    assert [message.type for message in out["messages"]] == ["human", "ai", "human", "ai"]
    assert out["messages"][-1].text == "I am the agent."
    assert "__interrupt__" not in out


@pytest.mark.parametrize("mode", MODES)
async def test_a_human_is_asked_once_for_each_turn_in_danger(mode: str) -> None:
    agent = built(AgentChat(script=["I am the agent."]), checkpointer=InMemorySaver())
    context = US.model_copy(update={"safety_handoff": True})

    await invoke(mode, agent, said(DANGER), THREAD, context=context)
    done = await invoke(mode, agent, Command(resume="This is Ben."), THREAD, context=context)
    assert (done["messages"][-1].text, done["messages"][-1].name) == ("This is Ben.", None)
    assert "__interrupt__" not in await invoke(mode, agent, {"messages": []}, THREAD, context=context)
    assert "__interrupt__" in await invoke(mode, agent, said(DANGER), THREAD, context=context)


def test_an_agent_without_a_checkpointer_says_that_no_human_was_asked() -> None:
    out = built(AgentChat(script=["x"])).invoke(said(DANGER), context=US.model_copy(update={"safety_handoff": True}))

    assert "988" in out["messages"][-1].text
    assert out["hef_degraded"] == "no human was asked to take over: a pause needs a checkpointer"


def resumable(model: AgentChat, *tools: Any, **settings: Any) -> Any:
    middleware = HefMiddleware(settings=HefContext(strategy="sem_only"), **settings)
    return create_agent(
        model,
        list(tools),
        middleware=[middleware],
        context_schema=HefContext,
        checkpointer=InMemorySaver(),
        store=InMemoryStore(),
        interrupt_before=["tools"] if tools else None,
    )


@pytest.mark.parametrize("awaited", [False, True])
async def test_a_message_that_is_sent_again_with_other_words_is_read_again(awaited: bool) -> None:
    agent = resumable(AgentChat(script=["Well done.", "never"]))
    ana = HefContext(user_id="ana")
    glad, danger = (HumanMessage(text, id="m1") for text in ("I passed my exam!", "I want to kill myself tonight."))
    out: Any = agent.invoke({"messages": [glad]}, THREAD, context=ana)
    assert out["empathy"].safety.level == "none"

    again = {"messages": [danger]}
    out = await agent.ainvoke(again, THREAD, context=ana) if awaited else agent.invoke(again, THREAD, context=ana)

    assert out["empathy"].safety.level == "danger"
    assert "988" in out["messages"][-1].text or "findahelpline" in out["messages"][-1].text
    assert [item.value["text"] for item in agent.store.search(("hef",))] != [danger.text]


@pytest.mark.parametrize("awaited", [False, True])
async def test_danger_that_is_said_while_an_agent_is_paused_is_answered(awaited: bool) -> None:
    model = AgentChat(script=[calling("look_up", topic="refunds"), "never"])
    agent = resumable(model, look_up)
    agent.invoke({"messages": [HumanMessage("Refund order 7, please.", id="m1")]}, THREAD)
    resume: Any = Command(resume=True, update={"messages": [HumanMessage("I want to kill myself tonight.")]})

    out = await agent.ainvoke(resume, THREAD) if awaited else agent.invoke(resume, THREAD)

    assert out["empathy"].safety.level == "danger"
    assert "never" not in out["messages"][-1].text


def test_what_is_added_for_an_agents_model_in_a_tool_loop_is_not_read_anew() -> None:
    model = AgentChat(script=[calling("look_up", topic="refunds"), "Done."])
    agent = resumable(model, look_up)
    first = agent.invoke({"messages": [HumanMessage("I am so sad, my dog died.", id="m1")]}, THREAD)
    resume: Any = Command(resume=True, update={"messages": [HumanMessage("Here is the page that was asked for.")]})
    out = agent.invoke(resume, THREAD)
    assert out["messages"][-1].text == "Done."
    assert out["empathy"].emotion == first["empathy"].emotion


def test_without_a_check_nothing_is_looked_for_in_a_pause() -> None:
    model = AgentChat(script=[calling("look_up", topic="refunds"), "Done."])
    agent = resumable(model, look_up, safety=None)
    agent.invoke({"messages": [HumanMessage("Refund order 7, please.", id="m1")]}, THREAD)
    resume: Any = Command(resume=True, update={"messages": [HumanMessage("I want to kill myself tonight.")]})
    assert agent.invoke(resume, THREAD)["messages"][-1].text == "Done."
