from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from hef.contract import ModelError
from hef.graph import HefContext, create_hef
from hef.memory import ChromaStore
from hef.memory.chroma.client import location
from hef.nodes import to_dialogue
from hef.sem import shipped_sem
from langchain_core.messages import HumanMessage
from langgraph.store.memory import InMemoryStore

SAID = {"messages": [HumanMessage("My dog died last night.")]}
ANA = HefContext(user_id="ana")


class BrokenStore(InMemoryStore):
    def batch(self, ops: Any) -> Any:
        raise OSError("disk on fire")


class BrokenSem:
    def __init__(self, *, reads: bool) -> None:
        self.reads, self.sem = reads, shipped_sem()
        self.description = self.sem.description

    def read(self, dialogues: Any, *, views: Any = None) -> Any:
        if not self.reads:
            raise RuntimeError("no weights")
        return self.sem.read(dialogues, views=views)

    def causes(self, dialogues: Any, emotions: Any) -> Any:
        raise RuntimeError("no causes")


def test_a_store_that_fails_is_said_and_the_turn_answers(scripted: Any) -> None:
    out = create_hef(model=scripted("sad", "I hear you.")).compile(store=BrokenStore()).invoke(SAID, context=ANA)

    assert out["messages"][-1].text == "I hear you."
    assert "could not be searched" in out["empathy"].degraded
    assert "could not be remembered" in out["empathy"].degraded


def test_a_memory_folder_that_cannot_be_written_is_said_and_the_turn_answers(tmp_path: Path, scripted: Any) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")

    out = (
        create_hef(model=scripted("sad", "I hear you."))
        .compile(store=ChromaStore(tmp_path / "file" / "memory"))
        .invoke(SAID, context=ANA)
    )

    assert out["messages"][-1].text == "I hear you."
    assert "memory" in out["empathy"].degraded


def test_a_memory_server_that_never_answers_is_said_and_the_turn_answers(
    scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(location, "SERVER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = ChromaStore(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        out = create_hef(model=scripted("sad", "I hear you.")).compile(store=store).invoke(SAID, context=ANA)

    assert out["messages"][-1].text == "I hear you."
    assert "the server gave no answer within 0.2 s" in out["empathy"].degraded
    assert out["empathy"].degraded.endswith("not be remembered either: the memory was not waited for again")


class SlowStore(InMemoryStore):
    """A store that gives no answer in time, and counts how often it was asked."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.asked = 0

    def batch(self, ops: Any) -> Any:
        self.asked += 1
        raise self.error


class PoolTimeout(Exception):
    """What a database client raises."""


@pytest.mark.parametrize("error", [TimeoutError("slow"), PoolTimeout("slow")])
def test_a_turn_waits_for_a_silent_memory_once(error: Exception, scripted: Any) -> None:
    store = SlowStore(error)

    out = create_hef(model=scripted("sad", "I hear you.")).compile(store=store).invoke(SAID, context=ANA)

    assert store.asked == 1
    assert "the memory could not be searched, it gave no answer in time: " in out["empathy"].degraded


def test_a_memory_that_fails_at_once_is_written_to_nevertheless(scripted: Any) -> None:
    store = SlowStore(ValueError("broken"))

    create_hef(model=scripted("sad", "I hear you.")).compile(store=store).invoke(SAID, context=ANA)

    assert store.asked == 2


def test_an_llm_that_cannot_judge_leaves_the_decision_to_the_sem(scripted: Any) -> None:
    out = create_hef(model=scripted(ValueError("bad request"), "I hear you.")).compile().invoke(SAID)

    assert out["empathy"].emotion == shipped_sem().read([to_dialogue(SAID["messages"])])[0].ranked[0]
    assert "could not judge the emotion: ValueError" in out["empathy"].degraded


def test_an_llm_that_names_no_label_abstains(scripted: Any) -> None:
    out = create_hef(model=scripted("I cannot say.", "Still not.", "I hear you.")).compile().invoke(SAID)

    assert out["messages"][-1].text == "I hear you."
    assert "named no emotion of the set" in out["empathy"].degraded
    assert out["empathy"].hypothesis is None


def test_a_sem_that_raises_leaves_the_decision_to_the_llm(scripted: Any) -> None:
    out = create_hef(model=scripted("lonely", "I hear you."), sem=BrokenSem(reads=False)).compile().invoke(SAID)

    assert (out["empathy"].emotion, out["empathy"].sem) == ("lonely", None)
    assert "the SEM could not read the emotion: " in out["empathy"].degraded


def test_a_sem_without_causes_still_gives_a_reply(scripted: Any) -> None:
    out = create_hef(model=scripted("sad", "I hear you."), sem=BrokenSem(reads=True)).compile().invoke(SAID)

    assert out["empathy"].causes == ()
    assert "no cause words: " in out["empathy"].degraded


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (["I must decline.", "I refuse.", "I hear you."], "the LLM named no emotion of the set: the SEM decided"),
        ([ValueError("bad request"), "I hear you."], "the LLM could not judge the emotion: ValueError"),
    ],
)
def test_an_llm_that_was_to_decide_alone_and_did_not_leaves_the_decision_to_the_sem(
    script: list[Any], fault: str, scripted: Any
) -> None:
    out = create_hef(model=scripted(*script)).compile().invoke(SAID, context=HefContext(strategy="llm_only"))

    empathy = out["empathy"]
    assert out["messages"][-1].text == "I hear you."
    assert (empathy.emotion, empathy.sem) == (
        shipped_sem().read([to_dialogue(SAID["messages"])])[0].ranked[0],
        "minilm",
    )
    assert (empathy.hypothesis, empathy.degraded) == (None, fault)


def test_where_the_sem_fails_too_the_error_says_so(scripted: Any) -> None:
    hef = create_hef(model=scripted("no idea"), sem=BrokenSem(reads=False)).compile()

    with pytest.raises(ModelError, match="neither the SEM nor the LLM"):
        hef.invoke(SAID, context=HefContext(strategy="llm_only"))


def test_without_sem_and_llm_the_error_says_so(scripted: Any) -> None:
    hef = create_hef(model=scripted("no idea"), sem=BrokenSem(reads=False)).compile()

    with pytest.raises(ModelError, match="neither the SEM nor the LLM"):
        hef.invoke(SAID)
