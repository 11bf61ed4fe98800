"""LocalChat over the embedded model: what `ChatHuggingFace` gets wrong, held right."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from hef.contract import ModelError, SetupError
from hef.llm import LocalChat, resolve_model
from hef.llm.engine.torch_backend import TorchBackend
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.graph import START, MessagesState, StateGraph

STORY = "Tell me a story about a small boat."


@pytest.fixture(scope="module")
def chat() -> LocalChat:
    os.environ.setdefault("HEF_THREADS", "1")
    embedded = resolve_model("embedded")
    assert isinstance(embedded, LocalChat)
    return embedded.model_copy(update={"temperature": 0, "max_tokens": 8, "repetition_penalty": 1.0})


@pytest.fixture(scope="module")
def told(chat: LocalChat) -> AIMessage:
    return chat.invoke(STORY)


class Tokens(BaseCallbackHandler):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
        self.seen.append(token)


@pytest.fixture(scope="module")
def imported() -> list[set[str]]:
    """Return the modules of a fresh process: once a model is constructed, and once it has replied."""
    code = (
        "import sys, hef.llm; model = hef.llm.LocalChat(max_tokens=1); print(*sys.modules);"
        "model.invoke('Hi.'); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return [set(line.split()) for line in done.stdout.splitlines()]


def test_importing_and_constructing_load_no_torch(imported: list[set[str]]) -> None:
    constructed, _ = imported
    assert "hef.llm" in constructed
    assert not {"torch", "transformers"} & constructed


def test_reply_holds_only_new_text(told: AIMessage) -> None:
    assert told.content
    assert STORY not in told.content
    assert "user" not in told.content
    assert "<|" not in told.content


def test_stream_yields_the_invoked_text_in_several_chunks(chat: LocalChat, told: AIMessage) -> None:
    chunks = list(chat.stream(STORY))
    assert sum(bool(chunk.content) for chunk in chunks) > 3
    assert "".join(str(chunk.content) for chunk in chunks) == told.content
    assert chunks[-1].usage_metadata == told.usage_metadata


def test_streamed_tokens_reach_callbacks(chat: LocalChat, told: AIMessage) -> None:
    tokens = Tokens()
    list(chat.stream(STORY, config={"callbacks": [tokens]}))
    assert "".join(tokens.seen) == told.content


def test_usage_and_finish_are_reported(chat: LocalChat, told: AIMessage) -> None:
    usage = told.usage_metadata
    assert usage is not None
    assert 1 < usage["output_tokens"] <= 8
    assert usage["input_tokens"] == chat.get_num_tokens_from_messages([HumanMessage(STORY)])
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert told.response_metadata["finish_reason"] == ("length" if usage["output_tokens"] == 8 else "stop")
    assert told.response_metadata["model_name"] == "SmolLM2-135M-HEF"


@pytest.mark.parametrize("name", ["max_tokens", "max_new_tokens", "max_completion_tokens"])
def test_length_given_with_the_call_holds(chat: LocalChat, name: str) -> None:
    usage = chat.invoke(STORY, **{name: 3}).usage_metadata
    assert usage is not None
    assert usage["output_tokens"] == 3


def test_reply_that_ends_by_itself_says_stop(chat: LocalChat) -> None:
    reply = chat.invoke([("system", "Answer with one word."), ("human", "Say yes.")], max_tokens=64)
    assert reply.response_metadata["finish_reason"] == "stop"


def test_seed_repeats_a_sampled_reply_and_another_seed_does_not(chat: LocalChat) -> None:
    def sampled(seed: int) -> object:
        return chat.invoke(STORY, max_tokens=8, temperature=1.5, top_p=0.95, top_k=50, seed=seed).content

    assert sampled(1) == sampled(1)
    assert sampled(1) != sampled(2)


def test_repetition_penalty_changes_a_repeating_reply(chat: LocalChat) -> None:
    prompt = "Say no ten times: no no no no"
    plain, penalised = (chat.invoke(prompt, repetition_penalty=penalty) for penalty in (1.0, 2.0))
    assert plain.content != penalised.content


@pytest.mark.parametrize("setting", [{"tools": []}, {"temperature": -1}, {"top_p": 2}, {"stop": [""]}])
def test_setting_that_cannot_be_used_is_refused(chat: LocalChat, setting: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match=next(iter(setting))):
        chat.invoke(STORY, **setting)


@pytest.mark.parametrize("setting", ["temperatur", "n", "logprobs"])
def test_constructor_refuses_what_it_would_ignore(setting: str) -> None:
    with pytest.raises(SetupError, match=setting):
        LocalChat(**{setting: 1})


def test_tools_and_schemas_are_refused_rather_than_dropped(chat: LocalChat) -> None:
    with pytest.raises(NotImplementedError):
        chat.bind_tools([])
    with pytest.raises(NotImplementedError):
        chat.with_structured_output({"title": "x", "type": "object"})


def test_stop_word_cuts_exactly(chat: LocalChat, told: AIMessage) -> None:
    text = str(told.content)
    stop = text[5:9]
    reply = chat.invoke(STORY, stop=[stop])
    assert reply.content == text[: text.index(stop)]
    assert reply.response_metadata["finish_reason"] == "stop"


def test_stop_word_that_spans_chunks_never_shows_in_a_stream(chat: LocalChat, told: AIMessage) -> None:
    text = str(told.content)
    stop = text[3:12]
    pieces = [str(chunk.content) for chunk in chat.stream(STORY)]
    assert not any(stop in piece for piece in pieces)
    cut = [str(chunk.content) for chunk in chat.stream(STORY, stop=["never", stop])]
    assert "".join(cut) == text[: text.index(stop)]


def test_stop_words_of_the_constructor_hold(chat: LocalChat, told: AIMessage) -> None:
    stopped = chat.model_copy(update={"stop": [" b"]})
    assert " b" in str(told.content)
    assert stopped.invoke(STORY).content == str(told.content).split(" b")[0]


async def test_async_calls_work_in_an_async_node(chat: LocalChat, told: AIMessage) -> None:
    async def reply(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await chat.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node(reply).add_edge(START, "reply").compile()
    tokens = []
    async for chunk, _ in graph.astream({"messages": [HumanMessage(STORY)]}, stream_mode="messages"):
        tokens.append(chunk.content)
    assert len(tokens) > 3
    assert "".join(tokens) == told.content


async def test_async_call_leaves_the_event_loop_free(chat: LocalChat) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await chat.ainvoke(STORY)
    ticking.cancel()
    assert ticks > 16


async def test_async_stream_equals_the_sync_one(chat: LocalChat, told: AIMessage) -> None:
    chunks = [str(chunk.content) async for chunk in chat.astream(STORY)]
    assert "".join(chunks) == told.content


def test_batch_in_threads_equals_single_calls(chat: LocalChat) -> None:
    prompts = [STORY, "Say hello.", "Name a colour."]
    one_by_one = [chat.invoke(prompt, max_tokens=5).content for prompt in prompts]
    assert [reply.content for reply in chat.batch(prompts, max_tokens=5)] == one_by_one


def test_two_streams_may_be_read_in_turns(chat: LocalChat, told: AIMessage) -> None:
    first, second = chat.stream(STORY), chat.stream(STORY)
    pairs = list(zip(first, second, strict=True))
    assert "".join(str(one.content) for one, _ in pairs) == told.content
    assert "".join(str(other.content) for _, other in pairs) == told.content


def test_abandoned_stream_stops_generating(chat: LocalChat, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, steps = chat._engine, []
    advance = engine.advance
    monkeypatch.setattr(engine, "advance", lambda state, token: (steps.append(token), advance(state, token)))
    threads = threading.active_count()
    stream = chat.stream(STORY)
    next(stream)
    del stream
    assert len(steps) < 3
    assert threading.active_count() <= threads


def test_error_of_the_model_reaches_the_caller(chat: LocalChat, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("out of memory")

    list(chat.stream(STORY, max_tokens=2))
    network: Any = chat._engine.backend
    session = SimpleNamespace(io_binding=network._session.io_binding, run_with_iobinding=broken)
    monkeypatch.setattr(network, "_session", session)
    with pytest.raises(ModelError, match="out of memory"):
        list(chat.stream(STORY))
    with ThreadPoolExecutor() as pool, pytest.raises(ModelError, match="out of memory"):
        pool.submit(chat.invoke, STORY).result()


def test_reply_is_the_same_with_and_without_kept_caches(chat: LocalChat, monkeypatch: pytest.MonkeyPatch) -> None:
    system = SystemMessage("You are a warm friend who listens and answers in one short sentence, never two.")
    history = [system, HumanMessage("I lost my keys."), AIMessage("Oh no, where did you last see them?")]
    asked = [*history, HumanMessage("In the park, I think.")]
    chat.invoke(history[:2])
    reused = chat.invoke(asked).content
    monkeypatch.setattr(chat._engine, "_caches", [])
    assert chat.invoke(asked).content == reused


def test_kept_cache_spares_the_shared_beginning(chat: LocalChat, monkeypatch: pytest.MonkeyPatch) -> None:
    network, sizes = chat._engine.backend, []
    read = network.forward
    prompt = "Please think about this sentence for a while, and then tell me what you make of it."
    chat.invoke(prompt, max_tokens=2)

    def counting(ids: list[int], cache: Any) -> Any:
        sizes.append(len(ids))
        return read(ids, cache)

    monkeypatch.setattr(network, "forward", counting)
    chat.invoke(prompt, max_tokens=2)
    assert sizes == [1, 1]


def test_messages_may_stand_in_any_order(chat: LocalChat) -> None:
    call = {"name": "weather", "args": {"city": "Bonn"}, "id": "1"}
    strange = [
        AIMessage("Hello, I am here."),
        SystemMessage("Be brief."),
        AIMessage("", tool_calls=[call]),
        ToolMessage("rain", tool_call_id="1", name="weather"),
        SystemMessage("Be kind."),
    ]
    assert chat.invoke(strange, max_tokens=2).content


def test_trailing_assistant_message_is_continued(chat: LocalChat, told: AIMessage) -> None:
    text = str(told.content)
    begun = text[: text.index(" ", 12)]
    reply = chat.invoke([HumanMessage(STORY), AIMessage(begun)], max_tokens=4)
    assert (begun + str(reply.content))[: len(begun) + 5] == text[: len(begun) + 5]


def test_conversation_beyond_the_window_still_gets_a_reply(chat: LocalChat) -> None:
    small = LocalChat(llm=None, context_window=128, max_tokens=8, temperature=0, threads=1)
    small._engine._loaded = chat._engine.backend
    turns = [("system", "Be kind."), *[("human", f"This is sentence number {n}.") for n in range(60)]]
    usage = small.invoke([*turns, ("human", "word " * 300)]).usage_metadata
    assert usage is not None
    assert 64 <= usage["input_tokens"] <= 120


def test_ready_pipeline_is_used_as_it_is(told: AIMessage) -> None:
    from langchain_huggingface import HuggingFacePipeline
    from transformers import pipeline

    settings = {"temperature": 0, "max_tokens": 8, "threads": 1}
    unwrapped = LocalChat(precision="float32", **settings)
    read = unwrapped._engine.backend
    assert isinstance(read, TorchBackend)
    made = pipeline("text-generation", model=read.model, tokenizer=read.tokenizer)
    wrapped = LocalChat(llm=HuggingFacePipeline(pipeline=made), **settings)
    assert wrapped.invoke(STORY).content == unwrapped.invoke(STORY).content


def test_threads_of_the_host_are_left_alone() -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        LocalChat(precision="float32", threads=1).invoke(STORY, max_tokens=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_default_reply_needs_neither_torch_nor_transformers(imported: list[set[str]]) -> None:
    _, replied = imported
    assert "onnxruntime" in replied
    assert not {"torch", "transformers"} & replied


def test_threads_of_the_environment_must_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEF_THREADS", "many")
    with pytest.raises(SetupError, match="many"):
        LocalChat()


def test_a_reply_is_held_to_a_length(chat: LocalChat) -> None:
    asked = [("system", "Answer with one word."), ("human", "Say yes.")]
    free = chat.invoke(asked, max_tokens=16).usage_metadata
    held = chat.model_copy(update={"min_tokens": 16, "max_tokens": 16}).invoke(asked).usage_metadata
    assert free
    assert held
    assert free["output_tokens"] < held["output_tokens"] == 16


def test_prompt_tokens_that_a_kept_text_began_with_are_not_computed_again() -> None:
    chat = LocalChat(max_tokens=2, threads=1)
    chat.invoke(STORY)
    first = chat.usage
    chat.invoke(STORY)
    second = chat.usage
    assert first.prompt_tokens == first.prefilled_tokens == chat.get_num_tokens_from_messages([HumanMessage(STORY)])
    assert (second.prompts, second.prompt_tokens) == (2, 2 * first.prompt_tokens)
    assert second.prefilled_tokens == first.prefilled_tokens + 1
