from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hef.contract import Cause, Dialogue, Reading, View
from hef.graph import HefContext, create_hef
from hef.graph.default_store import open_store
from hef.sem import EnsembleSem, LexiconSem, SemDescription, Taxonomy
from langchain_core.messages import HumanMessage

TINY = Taxonomy("tiny", ("sad", "happy", "scared"))
SAID = {"messages": [HumanMessage("My dog died last night.")]}


class AcmeSem:
    """A SEM of somebody else, which gives whatever it is told to."""

    description = SemDescription(name="acme", taxonomy=TINY)
    dimensions = 2

    def __init__(self, reading: Any = None, causes: Any = (), vectors: Any = None) -> None:
        self.reading, self.broken_causes, self.vectors = reading, causes, vectors

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        if self.reading is None:
            return [Reading(distribution={"sad": 0.6, "happy": 0.2, "scared": 0.2}, sem="acme") for _ in dialogues]
        return given(self.reading)

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        return [given(self.broken_causes) for _ in dialogues]

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return given(self.vectors)


def given(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


def reading(**shares: float) -> list[Reading]:
    return [Reading(distribution=shares, sem="acme")]


@pytest.mark.parametrize(
    ("returned", "complaint"),
    [
        (reading(sad=0.4, happy=0.1, scared=0.1), "'acme' returned a distribution that sums to 0.600"),
        (reading(sad=0.5, glad=0.5), "'acme' returned other labels"),
        (reading(sad=0.5, happy=0.5), "'acme' returned other labels"),
        (reading(sad=float("nan"), happy=0.5, scared=0.5), "'acme' returned something that is not a probability"),
        (reading(sad=1.5, happy=-0.5, scared=0.0), "'acme' returned something that is not a probability"),
        (RuntimeError("no such GPU"), "RuntimeError"),
        ([], "could not read"),
        ([{"distribution": {"sad": 1.0}}], "could not read"),
        (None, ""),
    ],
)
def test_a_sem_that_reads_nonsense_leaves_the_decision_to_the_llm(returned: Any, complaint: str, scripted: Any) -> None:
    out = create_hef(model=scripted("scared", "I hear you."), sem=AcmeSem(returned)).compile().invoke(SAID)

    assert out["messages"][-1].text == "I hear you."
    if returned is None:  # the same SEM, intact: the test sees a difference
        assert (out["empathy"].sem, out["empathy"].degraded) == ("acme", None)
    else:
        assert (out["empathy"].emotion, out["empathy"].sem) == ("scared", None)
        assert "the SEM could not read the emotion" in out["empathy"].degraded
        assert complaint in out["empathy"].degraded


@pytest.mark.parametrize(
    "causes",
    [
        RuntimeError("no gradients"),
        None,
        ["dog"],
        [{"text": "dog"}],
        (Cause(text="cat", turn=0, start=0, end=3, weight=1.0),),
    ],
)
def test_a_sem_whose_causes_are_nonsense_still_gives_a_reply(causes: Any, scripted: Any) -> None:
    out = create_hef(model=scripted("sad", "I hear you."), sem=AcmeSem(causes=causes)).compile().invoke(SAID)

    assert out["messages"][-1].text == "I hear you."
    assert (out["empathy"].emotion, out["empathy"].causes) == ("sad", ())
    assert "no cause words: " in out["empathy"].degraded


def test_a_sem_that_fails_at_the_second_look_keeps_the_first(scripted: Any) -> None:
    sem = AcmeSem(causes=RuntimeError("no gradients"))
    hef = create_hef(model=scripted("happy", "happy", "I hear you."), sem=sem).compile()

    empathy = hef.invoke(SAID, context=HefContext(primary=1))["empathy"]

    assert (empathy.sem, empathy.primary, empathy.requeries) == ("acme", ("sad",), 1)
    assert "RuntimeError" in empathy.degraded


@pytest.mark.parametrize("vectors", [RuntimeError("no vectors"), [], [[1.0, 0.0, 0.0]]])
def test_a_sem_that_cannot_embed_costs_the_memory_not_the_reply(vectors: Any, scripted: Any) -> None:
    sem = AcmeSem(vectors=vectors)
    hef = create_hef(model=scripted("sad", "I hear you."), sem=sem).compile(store=open_store(sem=sem))

    out = hef.invoke(SAID, context=HefContext(user_id="ana"))

    assert out["messages"][-1].text == "I hear you."
    assert "the memory could not be searched" in out["empathy"].degraded
    assert "the turn could not be remembered" in out["empathy"].degraded


def test_the_broken_member_of_an_ensemble_is_named(scripted: Any) -> None:
    lexicon = LexiconSem({"sad": ["died"]}, TINY)
    sem = EnsembleSem([lexicon, AcmeSem(RuntimeError("no such GPU"))])

    empathy = create_hef(model=scripted("sad", "I hear you."), sem=sem).compile().invoke(SAID)["empathy"]

    assert "SEM 'acme' of 'ensemble(lexicon, acme)' failed: RuntimeError" in empathy.degraded
