from __future__ import annotations

from typing import Any

import pytest
from hef.contract import Empathy, HefContext, Reading, Verdict
from hef.graph import create_hef
from hef.graph.routing import after_coarse, after_fine, after_verdict
from hef.sem import shipped_sem
from hypothesis import given
from hypothesis import strategies as st
from two_calls import HostedChat, TwoCallChat

AGREES, DISAGREES = (Verdict(turn="t", agreed=agreed, emotion="proud") for agreed in (True, False))


@pytest.mark.parametrize(
    ("verdict", "rounds", "budget", "expected"),
    [
        (None, 1, 1, "fine_emotion"),
        (AGREES, 1, 1, "fine_emotion"),
        (DISAGREES, 1, 1, "sem_emotion"),
        (DISAGREES, 2, 1, "fine_emotion"),
        (DISAGREES, 1, 0, "fine_emotion"),
        (DISAGREES, 0, 5, "fine_emotion"),  # there is no SEM to ask
    ],
)
def test_sem_is_asked_again_only_on_disagreement_within_the_budget(
    verdict: Verdict | None, rounds: int, budget: int, expected: str
) -> None:
    assert after_verdict(verdict, rounds, budget) == expected


@given(st.integers(0, 5), st.lists(st.booleans(), min_size=8, max_size=8))
def test_rounds_are_bounded_whatever_the_verdicts(budget: int, agreed: list[bool]) -> None:
    rounds = 1
    while after_verdict(Verdict(turn="t", agreed=agreed[rounds - 1]), rounds, budget) == "sem_emotion":
        rounds += 1

    assert rounds <= budget + 1
    assert rounds == budget + 1 or agreed[rounds - 1]


@given(st.integers(0, 5), st.integers(0, 5), st.integers(1, 3))
def test_requeries_that_brought_no_reading_count(requeries: int, budget: int, readings: int) -> None:
    verdict = DISAGREES.model_copy(update={"requeries": requeries})
    state: Any = {"verdict": verdict, "readings": [Reading(distribution={"sad": 1.0})] * readings}

    goes = after_coarse(state, HefContext(max_requeries=budget))

    assert goes == ("sem_emotion" if requeries < budget else "fine_emotion")


def test_without_readings_the_decision_follows() -> None:
    assert after_coarse({"verdict": DISAGREES, "readings": []}, HefContext(max_requeries=5)) == "fine_emotion"
    assert after_coarse({}, HefContext()) == "fine_emotion"


@pytest.mark.parametrize("agreed", [True, False])
@pytest.mark.parametrize("confirm", [True, False])
def test_a_person_is_asked_only_where_it_is_wanted_and_there_is_disagreement(agreed: bool, confirm: bool) -> None:
    empathy = Empathy(emotion="sad", distribution={"sad": 1.0}, agreed=agreed)

    goes = after_fine({"empathy": empathy}, HefContext(confirm_emotion=confirm))

    assert goes == ("confirm_emotion" if confirm and not agreed else "cause_words")


@pytest.mark.parametrize(
    ("model", "first_question", "asked"),
    [
        (HostedChat, "open", 1),  # it reads: the SEM's second reading is joined with its answer
        (HostedChat, "primary", 2),
        (TwoCallChat, "open", 2),  # nobody knows yet whether it does
    ],
)
@pytest.mark.parametrize("emotion", ["jealous", "prepared"])
def test_an_llm_that_is_trusted_is_asked_once_and_the_sem_again(
    model: type[TwoCallChat], first_question: Any, asked: int, emotion: str
) -> None:
    llm = model(judgement=emotion)
    hef = create_hef(model=llm, safety=None).compile()

    out = hef.invoke(
        {"messages": [("user", "My dog died last night and I cannot stop crying.")]},
        context=HefContext(first_question=first_question, ask="always", early_reply=False),
        output_keys=["readings", "verdict"],
    )

    assert llm.judgements == asked
    assert [len(out["readings"]), out["verdict"].requeries] == [2, 1]
    assert out["verdict"].emotion == emotion


class TiredSem:
    """The shipped SEM, which fails from its second reading on."""

    def __init__(self) -> None:
        self._sem = shipped_sem()
        self.description, self.causes = self._sem.description, self._sem.causes
        self.calls = 0

    def read(self, dialogues: Any, *, views: Any = None) -> list[Reading]:
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("out of memory")
        return self._sem.read(dialogues, views=views)


@pytest.mark.parametrize("budget", [1, 3])
def test_sem_that_fails_on_a_requery_does_not_keep_the_turn_going(budget: int, scripted: Any) -> None:
    sem = TiredSem()
    model = scripted(*["none, proud"] * (budget + 1), "I am sorry.")
    hef = create_hef(model=model, sem=sem).compile()

    out = hef.invoke(
        {"messages": [("user", "My dog died last night.")]},
        {"recursion_limit": 30},
        context=HefContext(max_requeries=budget),
    )

    assert sem.calls == budget + 1
    assert out["messages"][-1].text == "I am sorry."
    assert out["empathy"].requeries == budget
    assert "could not read the emotion: RuntimeError" in out["empathy"].degraded
