"""A reply that is begun before the decision: streamed as any other."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hef.contract import ModelError, PoolingWeights
from hef.graph import HefContext, create_hef
from hef.nodes.drafting.early_reply import UNUSED
from hef.sem import shipped_sem
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from two_calls import FEELING_LINE, USAGE, Gate, HostedChat, TwoCallChat

SAID: Any = {"messages": [HumanMessage("My dog died last night.")]}
EARLY_ON = HefContext(early_reply=True, ask="always")
VOTES = ("vote_first", "vote_primary", "vote_outside")
OFF = HefContext(early_reply=False)
IGNORED = PoolingWeights(
    sem=shipped_sem().description.name, model="two calls", form="generated", llm_weight=0, **dict.fromkeys(VOTES, 0.0)
)
"""The SEM decides."""
MODES = ["sync", "async"]


class Told(BaseCallbackHandler):
    """What a host's callbacks are told of calls of chat models."""

    def __init__(self) -> None:
        self.replies: dict[Any, dict[str, Any]] = {}

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: Any, **kwargs: Any) -> None:
        if "<dialogue>" not in str(messages) and FEELING_LINE not in str(messages):
            node = kwargs["metadata"]["langgraph_node"]
            self.replies[run_id] = {"tags": set(kwargs["tags"] or []), "node": node, "class": serialized["id"][-1]}

    def on_llm_end(self, response: Any, *, run_id: Any, **kwargs: Any) -> None:
        if run_id in self.replies:
            message = response.generations[0][0].message
            self.replies[run_id] |= {"text": message.text, "usage": message.usage_metadata, "id": message.id}


async def run(mode: str, hef: Any, config: Any = None, context: HefContext = EARLY_ON) -> list[Any]:
    """Return the stream of messages and values of a turn."""
    modes: Any = ["messages", "values"]
    if mode == "sync":
        return await asyncio.to_thread(lambda: list(hef.stream(SAID, config, context=context, stream_mode=modes)))
    return [part async for part in hef.astream(SAID, config, context=context, stream_mode=modes)]


def tokens(parts: list[Any]) -> list[tuple[Any, Any]]:
    return [part for mode, part in parts if mode == "messages"]


@pytest.mark.parametrize("mode", MODES)
async def test_the_llm_judges_in_a_line_while_it_replies(mode: str) -> None:
    model = TwoCallChat(line="sad: dog died")
    model.judging = model.began  # the judgement waits until a reply was begun

    parts = await run(mode, create_hef(model=model).compile())

    turn = parts[-1][1]
    assert turn["messages"][-1].content == "I hear you."
    assert (turn["empathy"].emotion, turn["empathy"].degraded) == ("sad", None)
    assert (turn["verdict"].answer, turn["verdict"].form) == ("sad", "generated")
    assert (len(model.prompts), model.lines, model.judgements, model.ended) == (1, 1, 1, ["written"])


async def test_a_reply_outlives_another_round_of_the_sem() -> None:
    model = HostedChat(judgement="apprehensive")
    hef = create_hef(model=model, safety=None).compile()
    said: Any = {"messages": [HumanMessage("They put my name on the door.")]}

    *_, turn = [values async for values in hef.astream(said, stream_mode="values")]

    assert turn["verdict"].requeries == 1
    assert (turn["empathy"].emotion, len(model.prompts), model.judgements) == ("apprehensive", 1, 1)
    assert turn["messages"][-1].content == "I hear you."


@pytest.mark.parametrize("mode", MODES)
async def test_it_streams_as_a_reply_that_was_not_drafted_early(mode: str) -> None:
    def shape(parts: list[Any]) -> list[Any]:
        ignored = ("langgraph_checkpoint_ns", "checkpoint_ns")
        return [
            (type(part), part.text, part.chunk_position, part.usage_metadata,
             {name: value for name, value in metadata.items() if name not in ignored})
            for part, metadata in tokens(parts)
        ]  # fmt: skip

    early = await run(mode, create_hef(model=TwoCallChat()).compile())
    late = await run(mode, create_hef(model=TwoCallChat()).compile(), context=OFF)

    assert shape(early) == shape(late)
    assert {metadata["langgraph_node"] for _, metadata in tokens(early)} == {"draft_response"}
    assert len({part.id for part, _ in tokens(early)}) == 1
    reply = early[-1][1]["messages"][-1]
    assert (reply.usage_metadata, reply.id) == (USAGE, tokens(early)[0][0].id)


@pytest.mark.parametrize("mode", MODES)
async def test_its_tokens_reach_the_stream_while_it_is_still_written(mode: str) -> None:
    model = TwoCallChat(writing=Gate(is_open=False))
    hef = create_hef(model=model).compile()
    seen: list[str] = []

    def take(part: Any) -> None:
        seen.append(str(part.text))
        model.writing.open()  # the rest is written only after the first token was streamed

    if mode == "sync":
        await asyncio.to_thread(
            lambda: [take(part) for part, _ in hef.stream(SAID, context=EARLY_ON, stream_mode="messages")]
        )
    else:
        async for part, _ in hef.astream(SAID, context=EARLY_ON, stream_mode="messages"):
            take(part)

    assert "".join(seen) == "I hear you."
    assert model.ended == ["written"]


async def test_the_events_are_those_of_one_reply_in_its_node() -> None:
    hef = create_hef(model=TwoCallChat()).compile()
    events = [event async for event in hef.astream_events(SAID, context=EARLY_ON, version="v2")]

    streamed = [event for event in events if event["event"] == "on_chat_model_stream"]
    replies = [event for event in streamed if event["metadata"]["langgraph_node"] == "draft_response"]
    assert "".join(event["data"]["chunk"].text for event in replies) == "I hear you."
    assert {event["name"] for event in replies} == {"TwoCallChat"}
    assert not any(UNUSED in event["tags"] for event in events)


@pytest.mark.parametrize("mode", MODES)
async def test_it_serves_whatever_is_decided(mode: str) -> None:
    model = TwoCallChat(judgement="joyful", replies=[["I ", "hear ", "you."], ["How ", "sad."]])

    parts = await run(mode, create_hef(model=model, fit=IGNORED).compile())

    assert (parts[-1][1]["empathy"].emotion, parts[-1][1]["messages"][-1].content) == ("sad", "I hear you.")
    assert (len(model.prompts), model.ended) == (1, ["written"])
    assert "sad" not in str(model.prompts[0][0].text)


async def test_a_reply_serves_where_the_sem_does_not_read_the_language() -> None:
    model = TwoCallChat()
    said: Any = {"messages": [HumanMessage("Mi perro murió anoche y no puedo dejar de llorar.")]}

    *_, turn = [
        part async for part in create_hef(model=model).compile().astream(said, context=EARLY_ON, stream_mode="values")
    ]

    assert (turn["readings"], turn["empathy"].emotion) == ([], "sad")
    assert (len(model.prompts), model.judgements) == (1, 1)


async def test_a_reply_to_no_feeling_serves_where_none_is_decided() -> None:
    model = TwoCallChat(judgement="none", replies=[["All ", "right."]])
    said: Any = {"messages": [HumanMessage("She came back after a year.")]}

    turn = await create_hef(model=model).compile().ainvoke(said, context=EARLY_ON)

    assert turn["empathy"].uncertain
    assert turn["messages"][-1].content == "All right."
    assert (len(model.prompts), model.judgements) == (1, 1)


@pytest.mark.parametrize("mode", MODES)
async def test_callbacks_and_counters_are_told_of_one_reply_with_its_tokens(mode: str) -> None:
    told = Told()
    model = TwoCallChat(callbacks=[told])
    with get_usage_metadata_callback() as counter:
        await run(mode, create_hef(model=model.bind(stop=["x"])).compile(), {"callbacks": [told]})

    assert counter.usage_metadata["two"]["output_tokens"] == USAGE["output_tokens"]
    ((run_id, reply),) = told.replies.items()
    assert str(run_id) in reply["id"]
    assert reply["text"] == "I hear you."
    assert (reply["node"], reply["class"], reply["usage"]) == ("draft_response", "TwoCallChat", USAGE)
    assert UNUSED not in reply["tags"]


@pytest.mark.parametrize("mode", MODES)
async def test_one_that_failed_is_drafted_anew(mode: str) -> None:
    model = TwoCallChat(replies=[[RuntimeError("no")], ["I ", "hear ", "you."]])

    parts = await run(mode, create_hef(model=model).compile())

    assert parts[-1][1]["messages"][-1].content == "I hear you."
    assert parts[-1][1]["empathy"].degraded is None


@pytest.mark.parametrize("mode", MODES)
async def test_one_that_breaks_while_it_is_said_is_tried_again_as_any_reply(mode: str) -> None:
    model = TwoCallChat(replies=[["Oh ", ConnectionError("broken")], ["I ", "hear ", "you."]])
    model.writing = Gate(is_open=False)
    hef = create_hef(model=model).compile()

    async def turn() -> list[Any]:
        return await run(mode, hef)

    task = asyncio.create_task(turn())
    await model.began.await_()
    model.writing.open()
    parts = await task

    assert parts[-1][1]["messages"][-1].content == "I hear you."
    assert len(model.prompts) == 2


@pytest.mark.parametrize("mode", MODES)
async def test_a_turn_in_which_every_draft_fails_raises_what_was_understood(mode: str) -> None:
    model = TwoCallChat(replies=[[RuntimeError("no")]])

    with pytest.raises(ModelError, match="could not draft") as raised:
        await run(mode, create_hef(model=model).compile())

    assert raised.value.empathy is not None


@pytest.mark.parametrize("mode", MODES)
async def test_thoughts_are_neither_streamed_nor_kept(mode: str) -> None:
    model = TwoCallChat(replies=[["<think>joyful", "</think>", "I ", "hear you."]])

    parts = await run(mode, create_hef(model=model).compile())

    assert "".join(str(part.text) for part, _ in tokens(parts)) == "I hear you."
    assert parts[-1][1]["messages"][-1].content == "I hear you."


async def test_a_turn_that_is_cancelled_while_the_llm_judges_leaves_no_task() -> None:
    model = TwoCallChat(judging=Gate(is_open=False), writing=Gate(is_open=False))
    others = asyncio.all_tasks()
    turn = asyncio.create_task(run("async", create_hef(model=model).compile()))
    await model.began.await_()

    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn

    assert asyncio.all_tasks() == others
    assert model.ended == ["stopped"]


async def test_a_stream_that_is_closed_while_the_reply_is_said_leaves_no_task() -> None:
    model = TwoCallChat(writing=Gate(is_open=False))
    others = asyncio.all_tasks()
    stream: Any = create_hef(model=model).compile().astream(SAID, context=EARLY_ON, stream_mode="messages")
    async for part, _ in stream:
        assert part.text == "I "
        break

    await asyncio.wait_for(stream.aclose(), 10)

    assert asyncio.all_tasks() == others
    assert model.ended == ["stopped"]


@pytest.mark.parametrize("mode", MODES)
async def test_a_run_that_ends_before_the_reply_ends_the_reply_and_one_that_is_resumed_drafts_anew(mode: str) -> None:
    model = TwoCallChat(writing=Gate(is_open=False), replies=[["Oh ", "no."], ["I ", "hear ", "you."]])
    model.judging = model.began
    hef = create_hef(model=model).compile(checkpointer=InMemorySaver(), interrupt_before=["draft_response"])
    config: Any = {"configurable": {"thread_id": "1"}}
    others = asyncio.all_tasks()
    await run(mode, hef, config)
    if drafts := asyncio.all_tasks() - others:  # one in a thread ends at its next chunk
        await asyncio.wait(drafts)
        assert all(draft.cancelled() for draft in drafts)
    model.writing.open()

    resumed: Any = await hef.ainvoke(None, config, context=EARLY_ON)

    assert resumed["messages"][-1].content == "I hear you."
    assert len(model.prompts) == 2
    if mode == "async":
        assert model.ended == ["stopped", "written"]
    for thread in threading.enumerate():
        if thread.name == "hef-early-reply":
            thread.join(10)
            assert not thread.is_alive()


async def test_turns_at_once_have_each_their_own_reply() -> None:
    class Echo(TwoCallChat):
        def _begin(self, messages: Any) -> Any:
            chunks = super()._begin(messages)
            return chunks and ["You ", "said: ", str(messages[-1].text)]

    hef = create_hef(model=Echo()).compile()
    said = [f"My dog number {number} died last night." for number in range(6)]
    turns = [hef.ainvoke({"messages": [HumanMessage(text)]}, context=EARLY_ON) for text in said]

    replies = [turn["messages"][-1].content for turn in await asyncio.gather(*turns)]

    assert replies == [f"You said: {text}" for text in said]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wrap", ["bind", "retry", "fallbacks"])
async def test_wrappers_around_the_llm_work_as_before(wrap: str, mode: str) -> None:
    broken = TwoCallChat(replies=[[ConnectionError("no")]])
    model = TwoCallChat()
    wrapped: Any = {
        "bind": model.bind(stop=["x"]),
        "retry": model.with_retry(wait_exponential_jitter=False),
        "fallbacks": broken.with_fallbacks([model]),
    }[wrap]

    parts = await run(mode, create_hef(model=wrapped).compile())

    assert parts[-1][1]["messages"][-1].content == "I hear you."
    assert "".join(str(part.text) for part, _ in tokens(parts)) == "I hear you."
    assert len(model.prompts) == 1


@pytest.mark.parametrize(
    ("kind", "context", "calls"),
    [
        (HostedChat, HefContext(), 1),
        (HostedChat, OFF, 0),
        (TwoCallChat, HefContext(), 0),
        (TwoCallChat, EARLY_ON, 1),
        (HostedChat, HefContext(strategy="one_prompt"), 0),
        (HostedChat, HefContext(confirm_emotion=True), 0),
    ],
)
async def test_who_is_drafted_for_early(kind: type[TwoCallChat], context: HefContext, calls: int) -> None:
    model = kind()
    if calls:
        model.judging = model.began  # the judgement waits until a reply was begun

    reply = await create_hef(model=model, safety=None).compile().ainvoke(SAID, context=context)

    assert reply["messages"][-1].content == "I hear you."
    assert reply["empathy"].degraded is None
    assert len(model.prompts) == 1
    assert ("private note" in str(model.prompts[0][0].text)) == (not calls)
