"""An LLM that is slow, busy, silent, endless, refuses or breaks off."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hef.contract import InputError, ModelError, SetupError
from hef.graph import Empathy, create_hef
from hef.nodes import RETRY, to_dialogue
from hef.nodes.calling.llm_calls import is_transient
from hef.nodes.draft_response import REPLY_LIMIT
from hef.sem import shipped_sem
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphInterrupt
from langgraph.store.memory import InMemoryStore
from scripted_chat import Broken, ScriptedChat

SAID: Any = {"messages": [HumanMessage("My dog died last night.")]}
THREAD: Any = {"configurable": {"thread_id": "t"}}
REQUEST = httpx.Request("POST", "http://127.0.0.1")
DOWN = ValueError("down")


def answered(status: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError(f"{status}", request=REQUEST, response=httpx.Response(status, request=REQUEST))


class CodedError(Exception):
    """An SDK's error that carries its status code."""

    def __init__(self, status_code: Any) -> None:
        self.status_code = status_code


def caused(error: Exception) -> Exception:
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = error
    return wrapped


BUSY = [
    TimeoutError(),
    ConnectionResetError("reset"),
    answered(429),
    answered(503),
    CodedError(429),
    CodedError(500),
    httpx.ReadTimeout("slow", request=REQUEST),
    httpx.RemoteProtocolError("peer closed connection", request=REQUEST),
    caused(TimeoutError()),
]
FINAL = [ValueError("down"), answered(400), answered(401), CodedError(404), CodedError("none"), RuntimeError("x")]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again without waiting."""
    monkeypatch.setattr("hef.graph.build.RETRY", RETRY._replace(initial_interval=0, jitter=False))


def hef(*script: Any, **compiled: Any) -> tuple[Any, ScriptedChat]:
    model = ScriptedChat(script=list(script))
    return create_hef(model=model).compile(**compiled), model


@pytest.mark.parametrize("error", BUSY, ids=repr)
def test_what_may_pass_is_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [*FINAL, ModelError("x"), SetupError("x"), InputError("x"), GraphInterrupt(), caused(ValueError())],
    ids=repr,
)
def test_what_will_not_pass_is_not_transient(error: Exception) -> None:
    assert not is_transient(error)


def test_errors_of_the_openai_sdk_are_told_apart() -> None:
    openai = pytest.importorskip("openai")
    reply = {status: httpx.Response(status, request=REQUEST) for status in (400, 429, 500)}

    assert is_transient(openai.RateLimitError("busy", response=reply[429], body=None))
    assert is_transient(openai.InternalServerError("broken", response=reply[500], body=None))
    assert is_transient(openai.APITimeoutError(request=REQUEST))
    assert is_transient(openai.APIConnectionError(request=REQUEST))
    assert not is_transient(openai.BadRequestError("no", response=reply[400], body=None))


@pytest.mark.parametrize("error", BUSY, ids=repr)
def test_a_transient_error_is_tried_again_wherever_it_comes(error: Exception) -> None:
    graph, model = hef(error, "sad", error, error, "I hear you.")

    out = graph.invoke(SAID)

    assert (out["messages"][-1].text, out["empathy"].degraded) == ("I hear you.", None)
    assert len(model.prompts) == 5


async def test_a_transient_error_is_tried_again_without_blocking() -> None:
    graph, _ = hef(answered(429), "sad", TimeoutError(), "I hear you.")

    assert (await graph.ainvoke(SAID))["messages"][-1].text == "I hear you."


def test_a_judgement_that_never_comes_leaves_the_decision_to_the_sem() -> None:
    graph, model = hef(*[TimeoutError()] * 3, "I hear you.")

    out = graph.invoke(SAID)

    assert out["empathy"].emotion == shipped_sem().read([to_dialogue(SAID["messages"])])[0].ranked[0]
    assert out["empathy"].degraded == "the LLM could not judge the emotion: TimeoutError"
    assert out["messages"][-1].text == "I hear you."
    assert len(model.prompts) == 4


@pytest.mark.parametrize(
    "answers",
    [
        ["", ""],
        ["I'm sorry, but I can't help with that."] * 2,
        ['{"emotion": ', "{"],
        ["word " * 2_000_000, "\x00" * 100],
        ["None of them.", "None fits."],
    ],
    ids=["empty", "refusal", "invalid JSON", "10 MB", "escape"],
)
def test_a_judgement_that_holds_no_label_leaves_the_decision_to_the_sem(answers: list[str]) -> None:
    graph, _ = hef(*answers, "I hear you.")

    out = graph.invoke(SAID)

    assert out["empathy"].hypothesis is None
    assert "the SEM decided" in out["empathy"].degraded
    assert out["messages"][-1].text == "I hear you."


@pytest.mark.parametrize("silence", ["", " \n\t "])
def test_an_empty_reply_is_asked_for_once_more(silence: str) -> None:
    graph, model = hef("sad", silence, "I hear you.")

    assert graph.invoke(SAID)["messages"][-1].text == "I hear you."
    assert len(model.prompts) == 3


@pytest.mark.parametrize(
    ("script", "calls", "said"),
    [
        (["sad", "", " "], 3, "what it wrote was empty"),
        (["sad", DOWN], 2, type(DOWN).__name__),
        (["sad", *[answered(503)] * 3], 4, "503"),
        (["sad", *[Broken("I am", httpx.ReadError("broken off", request=REQUEST))] * 3], 4, "ReadError"),
        (["sad", ValueError("x" * 10_000_000)], 2, "ValueError"),
    ],
    ids=["empty", "error", "busy", "broken", "long"],
)
async def test_no_reply_is_an_error_that_holds_what_was_understood(script: list[Any], calls: int, said: str) -> None:
    for asynchronous in (False, True):
        graph, model = hef(*script)
        with pytest.raises(ModelError, match="could not draft a reply") as caught:
            await graph.ainvoke(SAID) if asynchronous else graph.invoke(SAID)

        empathy = caught.value.empathy
        assert isinstance(empathy, Empathy)
        assert (empathy.emotion, empathy.hypothesis) == ("sad", "sad")
        assert empathy.causes
        assert said in (empathy.degraded or "")
        assert len(str(caught.value)) < 400
        assert len(model.prompts) == calls


async def test_a_turn_without_a_reply_goes_on_at_the_draft() -> None:
    for asynchronous in (False, True):
        graph, model = hef("sad", DOWN, "I hear you.", checkpointer=InMemorySaver())
        with pytest.raises(ModelError):
            await graph.ainvoke(SAID, THREAD) if asynchronous else graph.invoke(SAID, THREAD)
        assert graph.get_state(THREAD).next == ("draft_response",)

        out = await graph.ainvoke(None, THREAD) if asynchronous else graph.invoke(None, THREAD)

        assert [message.text for message in out["messages"]] == [SAID["messages"][0].text, "I hear you."]
        assert (out["empathy"].emotion, out["empathy"].degraded) == ("sad", None)
        assert len(model.prompts) == 3
        assert graph.get_state(THREAD).next == ()


def test_a_turn_without_a_reply_may_be_followed_by_another() -> None:
    graph, _ = hef("sad", DOWN, "lonely", "I hear you.", checkpointer=InMemorySaver())
    with pytest.raises(ModelError):
        graph.invoke(SAID, THREAD)

    out = graph.invoke({"messages": [HumanMessage("Nobody is here.")]}, THREAD)

    assert [message.type for message in out["messages"]] == ["human", "human", "ai"]
    assert out["empathy"].degraded is None


def test_a_reply_that_breaks_off_is_begun_anew() -> None:
    graph, _ = hef("sad", Broken("I am", httpx.ReadError("broken off", request=REQUEST)), "I hear you.")
    tokens: dict[str | None, str] = {}
    out: Any = None

    for mode, data in graph.stream(SAID, stream_mode=["messages", "values"]):
        if mode == "values":
            out = data
        elif isinstance(data[0], AIMessageChunk):
            tokens[data[0].id] = tokens.get(data[0].id, "") + data[0].text

    assert [text.strip() for text in tokens.values()] == ["I am", "I hear you."]
    assert [message.text.strip() for message in out["messages"][1:]] == ["I hear you."]


@pytest.mark.parametrize(
    ("reply", "kept"),
    [
        ("I hear you. " * 1_000_000, ("I hear you. " * (REPLY_LIMIT // 12)).strip()),
        ("word " * 2_000_000, "word " * (REPLY_LIMIT // 5 - 1) + "word…"),
        ("x" * 10_000_000, "x" * (REPLY_LIMIT - 1) + "…"),
        ("y" * (REPLY_LIMIT - 1) + ". And so on.", "y" * (REPLY_LIMIT - 1) + "."),
    ],
    ids=["sentences", "words", "letters", "to the limit"],
)
def test_a_reply_of_ten_megabytes_is_cut_and_the_cut_is_said(reply: str, kept: str) -> None:
    out = hef("sad", reply)[0].invoke(SAID)

    assert out["messages"][-1].text == kept
    assert len(kept) <= REPLY_LIMIT
    assert f"the reply had {len(reply)} characters: only its first {len(kept)} were kept" in out["empathy"].degraded


def test_a_reply_within_the_limit_is_left_as_it_is() -> None:
    out = hef("sad", "z" * REPLY_LIMIT)[0].invoke(SAID)

    assert out["messages"][-1] == AIMessage("z" * REPLY_LIMIT, id=out["messages"][-1].id)
    assert out["empathy"].degraded is None


def test_what_a_failed_run_explains_and_left_out_is_of_its_own_turn() -> None:
    store = InMemoryStore()
    graph, _ = hef("sad", "I hear you.", checkpointer=InMemorySaver(), store=store)
    graph.invoke({"messages": [HumanMessage("I won the race!"), AIMessage("Great!"), *SAID["messages"]]}, THREAD)
    before = graph.get_state(THREAD).values["explanations"]
    graph.update_state(THREAD, {"faults": {"remember": "the disk was full"}}, as_node="remember")

    with pytest.raises(SetupError):
        graph.invoke({"messages": [HumanMessage("I passed!")]}, THREAD, context={"model": "nobody:nothing"})

    failed = graph.get_state(THREAD).values
    assert set(before) == {"sem_emotion", "coarse_emotion", "fine_emotion", "cause_words"}
    assert set(failed["explanations"]) == {"sem_emotion"}
    assert failed["explanations"]["sem_emotion"] != before["sem_emotion"]
    assert not any(failed["faults"].values())


def test_an_error_of_a_turn_does_not_name_what_an_earlier_one_left_out() -> None:
    graph, _ = hef("sad", "I hear you.", "sad", DOWN, checkpointer=InMemorySaver())
    graph.invoke(SAID, THREAD)
    faults = {"remember": "the disk was full", "confirm_emotion": "nobody was asked"}
    graph.update_state(THREAD, {"faults": faults}, as_node="remember")

    with pytest.raises(ModelError) as caught:
        graph.invoke({"messages": [HumanMessage("My cat died, too.")]}, THREAD)

    assert caught.value.empathy is not None
    assert caught.value.empathy.degraded == f"the LLM could not draft a reply: {type(DOWN).__name__}"


@pytest.mark.parametrize(
    ("judgement", "again", "requeries"), [(["sad"], ["sad"], 0), (["none, proud"] * 2, ["none, proud"] * 2, 1)]
)
def test_a_failed_run_leaves_nothing_for_the_same_message_sent_again(
    judgement: list[Any], again: list[Any], requeries: int
) -> None:
    graph, model = hef(*judgement, DOWN, *again, "I hear you.", checkpointer=InMemorySaver())
    said = {"messages": [HumanMessage("My dog died last night.", id="1")]}
    with pytest.raises(ModelError):
        graph.invoke(said, THREAD)

    out = graph.invoke(said, THREAD)

    assert out["empathy"].requeries == requeries
    assert [reading.round for reading in graph.get_state(THREAD).values["readings"]] == [*range(requeries + 1)]
    assert len(model.prompts) == 2 * len(judgement) + 2
