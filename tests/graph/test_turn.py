from __future__ import annotations

from typing import Any

import pytest
from hef.graph import Empathy, HefContext, create_hef
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage

SAID = "My best friend moved abroad last week and I have nobody to talk to."
ALWAYS = HefContext(ask="always")
"""The SEM is sure of what is said here."""
NODES = [
    *("safety", "recall", "sem_emotion", "coarse_emotion", "fine_emotion", "cause_words", "draft_response", "remember")
]


def ask(text: str = SAID) -> dict[str, Any]:
    return {"messages": [HumanMessage(text)]}


def test_a_turn_with_the_real_models_reads_the_emotion_and_replies(embedded: Any) -> None:
    out = create_hef(model=embedded).compile().invoke(ask())

    empathy = out["empathy"]
    assert isinstance(empathy, Empathy)
    assert empathy.emotion in {"lonely", "sad", "devastated"}
    assert sum(empathy.distribution.values()) == pytest.approx(1)
    assert empathy.distribution[empathy.emotion] == max(empathy.distribution[label] for label in empathy.primary)
    assert {cause.text for cause in empathy.causes} & {"nobody", "friend", "abroad", "moved", "talk"}
    assert all(SAID[cause.start : cause.end] == cause.text for cause in empathy.causes)
    assert empathy.hypothesis in empathy.distribution
    assert (empathy.sem, empathy.degraded) == ("minilm", None)
    assert isinstance(out["messages"][-1], AIMessage)
    assert out["messages"][-1].text.strip()
    assert set(out) == {"messages", "empathy"}


async def test_async_gives_what_sync_gives(embedded: Any) -> None:
    hef = create_hef(model=embedded).compile()

    one, other = (await hef.ainvoke(ask()))["empathy"], hef.invoke(ask())["empathy"]

    assert one.model_copy(update={"distribution": {}}) == other.model_copy(update={"distribution": {}})
    assert one.distribution == pytest.approx(other.distribution, abs=0.02)


def test_the_stream_carries_nodes_events_and_tokens(embedded: Any) -> None:
    hef = create_hef(model=embedded).compile()
    seen: dict[str, list[Any]] = {"updates": [], "custom": [], "messages": [], "values": []}

    for mode, data in hef.stream(ask(), stream_mode=["updates", "custom", "messages", "values"]):
        seen[mode].append(data)

    assert sorted(name for update in seen["updates"] for name in update) == sorted(NODES)
    assert [event["hef"] for event in seen["custom"]] == ["reading", "verdict", "decision", "causes"]
    assert all(event["round"] == 0 for event in seen["custom"])
    tokens = [m for m, meta in seen["messages"] if isinstance(m, AIMessageChunk)]
    assert {meta["langgraph_node"] for _, meta in seen["messages"]} == {"draft_response"}
    assert len(tokens) > 3
    assert "".join(token.text for token in tokens) == seen["values"][-1]["messages"][-1].text


async def test_the_async_stream_carries_tokens_one_by_one(scripted: Any) -> None:
    hef = create_hef(model=scripted("lonely", "That sounds hard.")).compile()

    parts = [
        m.text
        async for m, meta in hef.astream(ask(), context=ALWAYS, stream_mode="messages")
        if meta["langgraph_node"] == "draft_response"
    ]

    assert [part for part in parts if part][:3] == ["That ", "sounds ", "hard. "]


def test_batch_answers_each_conversation(scripted: Any) -> None:
    hef = create_hef(model=scripted("lonely", "I hear you.")).compile()

    outs = hef.batch([ask("I won the race!"), ask("I lost my keys again.")], context=HefContext(strategy="sem_only"))

    assert [out["messages"][0].text for out in outs] == ["I won the race!", "I lost my keys again."]
    assert outs[0]["empathy"].emotion != outs[1]["empathy"].emotion


def test_trace_mode_adds_the_tool_calls_and_their_results(scripted: Any) -> None:
    out = create_hef(model=scripted("lonely", "I hear you."), output_mode="trace").compile().invoke(ask())

    kinds = [type(message) for message in out["messages"]]
    assert kinds == [HumanMessage, AIMessage, ToolMessage, AIMessage, ToolMessage, AIMessage]
    assert [m.name for m in out["messages"] if isinstance(m, ToolMessage)] == ["sem_emotion", "sem_causes"]


def test_the_reply_is_drafted_from_emotion_cause_words_and_the_whole_dialogue(scripted: Any) -> None:
    model = scripted("lonely", "I hear you.")
    conversation = [HumanMessage("I moved to a new city."), AIMessage("How is it there?"), HumanMessage(SAID)]

    out = create_hef(model=model).compile().invoke({"messages": conversation}, context=ALWAYS)

    judged, drafted = model.prompts
    assert "Listener: How is it there?" in judged[-1].text
    assert [message.text for message in drafted[1:]] == [message.text for message in conversation]
    assert f"most likely first: {out['empathy'].emotion} " in drafted[0].text
    (word, *_) = (cause.text for cause in out["empathy"].causes if cause.turn == 2)
    assert f'"{word}"' in drafted[0].text


@pytest.mark.parametrize("strategy", ["two_stage", "one_prompt", "sem_only", "llm_only"])
def test_each_strategy_decides_an_emotion_of_the_set(strategy: Any, scripted: Any) -> None:
    hef = create_hef(model=scripted("Probably *lonely*.", "I hear you.")).compile()

    empathy = hef.invoke(ask(), context=HefContext(strategy=strategy, ask="always"))["empathy"]

    assert empathy.emotion == "lonely"
    assert sum(empathy.distribution.values()) == pytest.approx(1)
    assert (empathy.sem is None) == (strategy == "llm_only")
    assert (empathy.hypothesis is None) == (strategy == "sem_only")


def test_primary_emotions_follow_a_count_or_a_coverage(scripted: Any) -> None:
    hef = create_hef(model=scripted("lonely", "I hear you.")).compile()

    two = hef.invoke(ask(), context=HefContext(primary=2))["empathy"]
    few = hef.invoke(ask(), context=HefContext(primary=0.5))["empathy"]
    most = hef.invoke(ask(), context=HefContext(primary=0.99))["empathy"]

    assert len(two.primary) == 2
    assert len(most.primary) > len(few.primary) >= 1
    assert two.primary == most.primary[:2]


def test_the_settings_can_name_another_model_for_one_run(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = scripted("lonely", "From the other one.")
    monkeypatch.setattr("hef.nodes.calling.llm_calls.resolve_model", lambda spec: other)

    context = HefContext(model="openai:other", ask="always")
    out = create_hef(model=scripted("sad", "no")).compile().invoke(ask(), context=context)

    assert out["messages"][-1].text == "From the other one."
    assert out["empathy"].model == "openai:other"
