"""What an operator sees of a turn: log lines without a word of it, spans, and no connection to anywhere."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hef.contract import ModelError
from hef.graph import HefContext, create_emotion_graph, create_hef
from hef.graph.middleware import HefMiddleware
from hef.nodes import RETRY
from hef.safety import LlmSafetyCheck
from hef.sem import OnnxSem
from hef.sem.registry import SHIPPED
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.store.memory import InMemoryStore
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from scripted_chat import AgentChat, ScriptedChat

SAID = "My grandmother Wilhelmina collapsed yesterday."
REPLY = "Collapsing must have frightened everybody."
ASK = {"messages": [HumanMessage(SAID)]}
ANA = HefContext(user_id="ana")
NODES = [
    *("safety", "recall", "sem_emotion", "coarse_emotion", "fine_emotion", "cause_words", "draft_response", "remember")
]
WORDS = {word.strip(".").lower() for word in f"{SAID} {REPLY}".split() if len(word) > 4}


class CountingChat(ScriptedChat):
    """A scripted chat model that says how many tokens it used, 11 read and 7 written a call."""

    def _message(self, answer: Any, tools: Any) -> AIMessage:
        usage: Any = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
        return AIMessage(answer, usage_metadata=usage, response_metadata={"model_name": "counting"})

    _stream = property()  # type: ignore[assignment]


class BrokenStore(InMemoryStore):
    def batch(self, ops: Any) -> Any:
        raise OSError(f"disk on fire while searching for {SAID}")


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """Return where all spans of this process go; OpenTelemetry takes one provider a process."""
    exporter_in_memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter_in_memory))
    trace.set_tracer_provider(provider)
    return exporter_in_memory


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Callable[[], list[ReadableSpan]]:
    exporter.clear()
    return lambda: list(exporter.get_finished_spans())


def words_in(text: str) -> set[str]:
    return {word for word in WORDS if word in text.lower()}


def test_a_turn_is_one_line_at_info_without_a_word_of_it(scripted: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    hef = create_hef(model=scripted("sad", REPLY)).compile(store=InMemoryStore())
    out = hef.invoke(ASK, context=ANA)

    lines = [record.getMessage() for record in caplog.records if record.name.startswith("hef")]
    assert len(lines) == 1
    empathy = out["empathy"]
    assert lines[0].startswith(f"turn: emotion={empathy.emotion} stage={empathy.stage} requeries={empathy.requeries}")
    assert "sem=minilm model=scripted degraded=- ms=" in lines[0]
    assert lines[0].rpartition("=")[2].isdigit()
    assert "ana" not in lines[0].split("=")
    assert words_in(caplog.text) == set()


def test_what_is_left_out_warns_by_its_class(scripted: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    create_hef(model=scripted(ValueError(SAID), REPLY)).compile(store=BrokenStore()).invoke(ASK, context=ANA)

    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert sorted(warned) == [
        "coarse_emotion left something out (ValueError)",
        "recall left something out (OSError)",
        "remember left something out (OSError)",
    ]
    assert "degraded=coarse_emotion,recall,remember" in caplog.text
    assert words_in(caplog.text) == set()


def test_a_turn_without_a_reply_warns_by_its_class(scripted: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    with pytest.raises(ModelError):
        create_hef(model=scripted("sad", ValueError(SAID))).compile().invoke(ASK)

    assert "draft_response raised ModelError" in caplog.messages
    assert words_in(caplog.text) == set()


@pytest.mark.parametrize("chat", [ScriptedChat, CountingChat])
def test_answers_from_langchains_cache_are_counted_without_an_error(
    chat: type[ScriptedChat], caplog: pytest.LogCaptureFixture
) -> None:
    hef = create_hef(model=chat(script=["sad", REPLY])).compile()
    # Beside a SEM the second decision, and so the prompt of its reply, knows more of the LLM's reliability.
    alone = HefContext(strategy="llm_only")
    set_llm_cache(InMemoryCache())
    try:
        replies = [hef.invoke(ASK, context=alone)["messages"][-1].text for _ in range(2)]
    finally:
        set_llm_cache(None)

    assert replies == [REPLY, REPLY]
    assert "KeyError" not in caplog.text


def test_debug_tells_what_was_asked(scripted: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="hef")

    create_hef(model=scripted("sad", REPLY)).compile().invoke(ASK)

    asked = [message for message in caplog.messages if message.startswith("asked")]
    assert len(asked) == 2
    assert all("Wilhelmina" in message for message in asked)
    assert [message.split()[0] for message in caplog.messages if " took " in message] == NODES


def test_perception_ends_with_the_same_line(scripted: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    create_emotion_graph(model=scripted("sad")).compile().invoke(ASK)

    assert [message.split()[0] for message in caplog.messages] == ["turn:"]


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_the_middlewares_turn_is_logged_once_after_its_last_node(
    form: str, spans: Callable[[], list[ReadableSpan]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="hef")
    agent: Any = create_agent(AgentChat(script=[REPLY]), middleware=[HefMiddleware(model=ScriptedChat(script=["sad"]))])

    _ = agent.invoke(ASK) if form == "sync" else await agent.ainvoke(ASK)

    logged = [message for message in caplog.messages if message.startswith("turn:") or " took " in message]
    assert {message.split()[0] for message in logged[:5]} == set(NODES[:5])
    assert [message.split()[0] for message in logged[5:]] == ["cause_words", "turn:", "remember"]
    assert logged[-2].rpartition("=")[2].isdigit()
    assert {span.name for span in spans()} >= {f"hef.{node}" for node in NODES if node != "draft_response"}


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_cause_words_that_fail_warn_in_the_middleware_and_the_turn_is_logged(
    form: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(SAID)

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(OnnxSem, "causes", fail)
    agent: Any = create_agent(AgentChat(script=[REPLY]), middleware=[HefMiddleware(model=ScriptedChat(script=["sad"]))])

    _ = agent.invoke(ASK) if form == "sync" else await agent.ainvoke(ASK)

    logged = [message for record in caplog.records if record.name.startswith("hef") for message in [record.message]]
    assert logged[0] == "cause_words left something out (ValueError)"
    assert [message.split()[0] for message in logged[1:]] == ["turn:"]
    assert "degraded=cause_words" in logged[1]
    assert words_in(caplog.text) == set()


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_a_store_that_fails_warns_in_the_middleware_before_the_turn_is_logged(
    form: str, spans: Callable[[], list[ReadableSpan]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    middleware = HefMiddleware(model=ScriptedChat(script=["sad"]))
    agent: Any = create_agent(
        AgentChat(script=[REPLY]), middleware=[middleware], context_schema=HefContext, store=BrokenStore()
    )

    _ = agent.invoke(ASK, context=ANA) if form == "sync" else await agent.ainvoke(ASK, context=ANA)

    logged = [message for record in caplog.records if record.name.startswith("hef") for message in [record.message]]
    assert logged[:2] == ["recall left something out (OSError)", "remember left something out (OSError)"]
    assert [message.split()[0] for message in logged[2:]] == ["turn:"]
    assert "degraded=recall,remember" in logged[2]
    remember = next(span for span in spans() if span.name == "hef.remember")
    assert (remember.attributes or {})["error.type"] == "OSError"
    assert words_in(caplog.text) == set()


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_a_human_who_takes_over_in_the_middleware_is_a_span_and_the_turn_is_logged_after_them(
    form: str, spans: Callable[[], list[ReadableSpan]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="hef")
    middleware = HefMiddleware(model=ScriptedChat(script=["sad"]), settings=HefContext(safety_handoff=True))
    agent: Any = create_agent(AgentChat(script=[REPLY]), middleware=[middleware])
    danger = {"messages": [HumanMessage("I am going to kill myself tonight.")]}

    _ = agent.invoke(danger) if form == "sync" else await agent.ainvoke(danger)

    assert "human_takeover left something out (its input)" in caplog.messages  # nobody is asked without a checkpointer
    logged = [message for message in caplog.messages if message.startswith("turn:") or " took " in message]
    assert [message.split()[0] for message in logged[-3:]] == ["human_takeover", "turn:", "remember"]
    assert "safety=danger" in logged[-2]
    assert "degraded=human_takeover" in logged[-2]
    assert {"hef.human_takeover", "hef.remember"} <= {span.name for span in spans()}


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_each_node_is_a_span_below_the_host_s(form: str, spans: Callable[[], list[ReadableSpan]]) -> None:
    hef = create_hef(model=CountingChat(script=["sad", REPLY])).compile()

    with trace.get_tracer("host").start_as_current_span("request") as request:
        _ = hef.invoke(ASK) if form == "sync" else await hef.ainvoke(ASK)

    by_name = {span.name: span for span in spans()}
    assert sorted(by_name) == sorted(["request", *(f"hef.{node}" for node in NODES)])
    assert all(
        span.parent and span.parent.span_id == request.get_span_context().span_id
        for name, span in by_name.items()
        if name != "request"
    )
    coarse, draft = (dict(by_name[f"hef.{node}"].attributes or {}) for node in ("coarse_emotion", "draft_response"))
    assert coarse.items() >= {"hef.node": "coarse_emotion", "hef.strategy": "two_stage", "hef.requeries": 0}.items()
    for attributes in (coarse, draft):
        assert attributes["gen_ai.usage.input_tokens"] == 11
        assert attributes["gen_ai.usage.output_tokens"] == 7
        assert attributes["gen_ai.request.model"] == "scripted"
        assert attributes["hef.degraded"] is False
    assert (by_name["hef.sem_emotion"].attributes or {})["hef.sem"] == "minilm"
    assert "gen_ai.request.model" not in (by_name["hef.recall"].attributes or {})


def test_spans_say_what_was_left_out_and_nothing_that_was_said(spans: Callable[[], list[ReadableSpan]]) -> None:
    hef = create_hef(model=ScriptedChat(script=[ValueError(SAID), OSError(SAID)])).compile(store=BrokenStore())

    with pytest.raises(ModelError):
        hef.invoke(ASK, context=ANA)

    by_name = {span.name: span for span in spans()}
    recall, coarse, draft = (by_name[f"hef.{node}"] for node in ("recall", "coarse_emotion", "draft_response"))
    assert ((recall.attributes or {})["hef.degraded"], (recall.attributes or {})["error.type"]) == (True, "OSError")
    assert (coarse.attributes or {})["error.type"] == "ValueError"
    assert (draft.attributes or {})["error.type"] == "ModelError"
    assert draft.status.status_code is trace.StatusCode.ERROR
    assert words_in("".join(span.to_json() for span in by_name.values())) == set()


def test_a_check_of_danger_that_failed_is_told_by_the_node_that_asked_it(
    spans: Callable[[], list[ReadableSpan]], caplog: pytest.LogCaptureFixture
) -> None:
    check = LlmSafetyCheck(ScriptedChat(script=["I cannot discuss this."]))
    hef = create_hef(model=CountingChat(script=["sad", REPLY]), safety=check).compile()

    _ = hef.invoke(ASK)

    coarse = next(span for span in spans() if span.name == "hef.coarse_emotion")
    assert dict(coarse.attributes or {})["hef.degraded"] is True
    assert "coarse_emotion left something out (ModelError)" in caplog.messages


def test_where_the_host_does_not_trace_a_turn_is_the_same(
    scripted: Any, spans: Callable[[], list[ReadableSpan]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", trace.NoOpTracerProvider)

    out = create_hef(model=scripted("sad", REPLY)).compile().invoke(ASK)

    assert out["messages"][-1].text == REPLY
    assert spans() == []


def test_the_command_line_logs_where_it_is_asked_to() -> None:
    command = [sys.executable, "-m", "hef.cli", "--log", "info", "reply", SAID, "--no-memory", "--json"]
    done = subprocess.run([*command, "--strategy", "sem_only"], capture_output=True, text=True, check=True)

    assert "INFO hef.graph.node_telemetry: turn: emotion=" in done.stderr
    assert words_in(done.stderr) == set()
    assert done.stdout.startswith("{")


QUOTING = 'Error code: {status} - {"error": {"message": "content policy", "input": "' + SAID + '"}}'


class ProviderError(Exception):
    """A provider's error that quotes what was sent to it."""

    def __init__(self, status: int) -> None:
        super().__init__(QUOTING.replace("{status}", str(status)))
        self.status_code = status


class QuotingSem(OnnxSem):
    def read(self, *_: Any, **__: Any) -> Any:
        raise ProviderError(400)

    def causes(self, *_: Any, **__: Any) -> Any:
        raise ProviderError(400)


@pytest.mark.parametrize("status", [400, 429, 503])
def test_no_error_of_a_provider_quotes_the_person(
    status: int,
    scripted: Any,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("hef.graph.build.RETRY", RETRY._replace(initial_interval=0, jitter=False))
    tries = [ProviderError(status)] * (1 if status == 400 else 3)
    with_sem = create_hef(model=scripted(*tries, REPLY)).compile(store=BrokenStore())
    with_llm = create_hef(model=scripted("sad", REPLY), sem=QuotingSem(SHIPPED)).compile()
    without_reply = create_hef(model=scripted("sad", *tries)).compile()

    degraded = f"{with_sem.invoke(ASK, context=ANA)['empathy'].degraded} {with_llm.invoke(ASK)['empathy'].degraded}"
    with pytest.raises(ModelError, match=rf"could not draft a reply: ProviderError \(status {status}\)") as raised:
        without_reply.invoke(ASK)
    logging.getLogger("hef.test").error("run failed", exc_info=raised.value)

    assert f"judge the emotion: ProviderError (status {status})" in degraded
    assert "could not read the emotion: " in degraded
    assert "no cause words: " in degraded
    assert "could not be searched: OSError" in degraded
    said = degraded + caplog.text + "".join(capsys.readouterr())
    assert words_in(said) - words_in(REPLY) == set()
