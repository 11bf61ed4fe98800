"""Forks and replays of a past checkpoint: with another setting, and without a second memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import nan
from pathlib import Path
from typing import Any

import pytest
from hef.contract import SetupError
from hef.graph import HefContext, create_hef, open_store
from hef.memory import ChromaStore, list_turns
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from pydantic import ValidationError

CONFIG: Any = {"configurable": {"thread_id": "t"}}
ANA = HefContext(user_id="ana")


@pytest.fixture
def store() -> Iterator[ChromaStore]:
    with open_store() as store:
        yield store


@pytest.fixture
def hef(store: ChromaStore, scripted: Any, tmp_path: Path) -> Iterator[Any]:
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        yield create_hef(model=scripted("sad", "I hear you.")).compile(store=store, checkpointer=saver)


def say(hef: Any, text: str) -> Any:
    return hef.invoke({"messages": [HumanMessage(text)]}, CONFIG, context=ANA)


def before(hef: Any, node: str) -> Any:
    """Return the newest checkpoint from which a node runs."""
    return next(snapshot for snapshot in hef.get_state_history(CONFIG) if node in snapshot.next)


def test_a_replay_from_any_checkpoint_stores_no_second_memory(hef: Any, store: ChromaStore) -> None:
    said = ["My dog died last night.", "I cannot sleep since then."]
    for text in said:
        say(hef, text)
    first = {turn.id: turn.time for turn in list_turns(store, "ana")}
    past = [snapshot for snapshot in hef.get_state_history(CONFIG) if snapshot.next]

    for snapshot in past:
        out = hef.invoke(
            None, snapshot.config, context=HefContext(user_id="ana", strategy="sem_only", persona="a nurse")
        )
        assert out["messages"][-1].text

    assert len(past) > 10
    assert "__start__" in {node for snapshot in past for node in snapshot.next}
    assert {turn.id: turn.time for turn in list_turns(store, "ana")} == pytest.approx(first, abs=60)
    assert sorted(turn.text for turn in list_turns(store, "ana")) == sorted(said)


@pytest.mark.parametrize(
    ("node", "setting", "read"),
    [
        ("sem_emotion", {"primary": 2}, lambda values: len(values["empathy"].primary) == 2),
        ("coarse_emotion", {"strategy": "sem_only"}, lambda values: values["verdict"].model is None),
        ("recall", {"strategy": "llm_only"}, lambda values: values["readings"] == []),
    ],
)
def test_a_fork_takes_another_setting_from_the_node_on_that_reads_it(
    node: str, setting: dict[str, Any], read: Any, hef: Any
) -> None:
    first = say(hef, "My dog died last night.")
    assert not read({**hef.get_state(CONFIG).values, "empathy": first["empathy"]})

    hef.invoke(None, before(hef, node).config, context=HefContext(user_id="ana", **setting))

    assert read(hef.get_state(CONFIG).values)


def test_a_fork_with_other_words_or_without_remembering_leaves_one_memory(hef: Any, store: ChromaStore) -> None:
    say(hef, "My dog died last night.")
    second = say(hef, "I cannot sleep since then.")
    point, message = before(hef, "sem_emotion"), second["messages"][-2]

    forked = hef.update_state(point.config, {"messages": [HumanMessage("I am fine.", id=message.id)]})
    hef.invoke(None, forked, context=ANA)
    hef.invoke(None, point.config, context=HefContext(user_id="ana", remember=False))

    assert {turn.text for turn in list_turns(store, "ana")} == {"My dog died last night.", "I am fine."}


@pytest.mark.parametrize("form", [lambda empathy: empathy, lambda empathy: empathy.model_dump(mode="json")])
def test_an_emotion_that_was_edited_in_the_state_is_replied_to_and_remembered(
    form: Any, hef: Any, store: ChromaStore
) -> None:
    out = say(hef, "My dog died last night.")
    edited = form(out["empathy"].model_copy(update={"emotion": "lonely"}))

    forked = hef.update_state(before(hef, "cause_words").config, {"empathy": edited}, as_node="fine_emotion")
    again = hef.invoke(None, forked, context=ANA)

    assert again["empathy"].emotion == "lonely"
    assert [turn.emotion for turn in list_turns(store, "ana")] == ["lonely"]


def test_an_edit_that_is_no_decision_is_refused_and_leaves_the_thread_whole(hef: Any) -> None:
    say(hef, "My dog died last night.")

    with pytest.raises(ValidationError, match="distribution"):
        hef.update_state(CONFIG, {"empathy": {"emotion": "lonely"}}, as_node="fine_emotion")

    assert hef.get_state(CONFIG).values["empathy"].emotion == "sad"


@pytest.mark.parametrize("node", ["fine_emotion", "cause_words", "remember"])
@pytest.mark.parametrize("emotion", ["gloomy", "", "Sad"])
def test_a_fork_to_an_emotion_that_is_no_label_is_refused_and_leaves_the_thread_whole(
    emotion: str, node: str, hef: Any
) -> None:
    empathy = say(hef, "My dog died last night.")["empathy"]
    edited = {**empathy.model_dump(mode="json"), "emotion": emotion, "distribution": {emotion: 1.0}}

    with pytest.raises(SetupError, match=f"`empathy` names the emotion '{emotion}'; the SEM knows afraid, "):
        hef.update_state(CONFIG, {"empathy": edited}, as_node=node)

    assert hef.get_state(CONFIG).values["empathy"] == empathy


def test_a_judgement_is_edited_to_a_label_alone(hef: Any) -> None:
    say(hef, "My dog died last night.")
    point, verdict = before(hef, "fine_emotion"), hef.get_state(CONFIG).values["verdict"]

    with pytest.raises(SetupError, match="`verdict` names the emotion 'gloomy'"):
        hef.update_state(point.config, {"verdict": verdict.model_copy(update={"emotion": "gloomy"})})
    forked = hef.update_state(point.config, {"verdict": verdict.model_copy(update={"emotion": None})})

    assert hef.invoke(None, forked, context=ANA)["empathy"].hypothesis is None


def with_label(numbers: Any, label: str) -> dict[str, float]:
    """Return numbers per label with one more label."""
    return {**numbers, label: 0.1}


EDITS: list[tuple[str, str, Any, str]] = [
    ("fine_emotion", "empathy", lambda e: {"distribution": with_label(e.distribution, "gloomy")}, "emotion 'gloomy'"),
    ("fine_emotion", "empathy", lambda e: {"primary": ("sad", "blue")}, "emotion 'blue'"),
    ("fine_emotion", "empathy", lambda e: {"hypothesis": "Sad"}, "emotion 'Sad'"),
    ("fine_emotion", "empathy", lambda e: {"distribution": {"sad": 1.0}}, "distribution of `empathy` has no number"),
    ("fine_emotion", "empathy", lambda e: {"distribution": dict.fromkeys(e.distribution, 0.0)}, "not a distribution"),
    ("coarse_emotion", "verdict", lambda v: {"scores": {"gloomy": -1.0}}, "emotion 'gloomy'"),
    ("coarse_emotion", "verdict", lambda v: {"scores": {"sad": -1.0}}, "scores of `verdict` has no number for afraid"),
    ("sem_emotion", "readings", lambda r: {"distribution": with_label(r.distribution, "gloomy")}, "emotion 'gloomy'"),
    ("sem_emotion", "readings", lambda r: {"distribution": dict.fromkeys(r.distribution, nan)}, "not a distribution"),
    ("sem_emotion", "readings", lambda r: {"distribution": {"sad": 0.6}}, "has no number for afraid"),
    ("sem_emotion", "readings", lambda r: {"primary": ("happyish",)}, "emotion 'happyish'"),
    (
        "sem_emotion",
        "readings",
        lambda r: {"evidence": {"hypothesis": "x", "probability": 0, "rank": 1}},
        "emotion 'x'",
    ),
]


@pytest.mark.parametrize(("node", "key", "edit", "said"), EDITS)
def test_every_emotion_of_an_edited_state_is_a_label_and_every_distribution_is_whole(
    node: str, key: str, edit: Any, said: str, hef: Any
) -> None:
    say(hef, "My dog died last night.")
    values = hef.get_state(CONFIG).values
    (part,) = values[key] if key == "readings" else [values[key]]
    edited = {**part.model_dump(), **edit(part)}

    with pytest.raises(SetupError, match=said):
        hef.update_state(CONFIG, {key: [edited] if key == "readings" else edited}, as_node=node)

    assert hef.get_state(CONFIG).values[key] == values[key]


def test_an_edited_reading_decides(hef: Any) -> None:
    say(hef, "My dog died last night.")
    (reading,) = hef.get_state(CONFIG).values["readings"]
    others = {label: 0.001 for label in reading.distribution}
    edited = {**reading.model_dump(), "distribution": {**others, "proud": 0.969}, "primary": ["proud"]}

    forked = hef.update_state(before(hef, "coarse_emotion").config, {"readings": [edited]}, as_node="sem_emotion")
    out = hef.invoke(None, forked, context=HefContext(strategy="sem_only"))

    assert out["empathy"].emotion == "proud"


def test_a_turn_that_is_replayed_does_not_recall_itself(hef: Any) -> None:
    say(hef, "My dog died last night.")

    hef.invoke(None, before(hef, "recall").config, context=ANA)

    assert hef.get_state(CONFIG).values["memories"] == []


def test_the_explanation_of_a_turn_is_one_line_per_node(hef: Any) -> None:
    say(hef, "My dog died last night.")
    explanations = hef.get_state(CONFIG).values["explanations"]

    assert set(explanations) == {"sem_emotion", "coarse_emotion", "fine_emotion", "cause_words"}
    assert all(isinstance(text, str) and len(text) < 200 for text in explanations.values())
    assert "sad" in explanations["sem_emotion"]
    assert explanations["coarse_emotion"] == "scripted agrees, names sad"
    assert "%; sad is among the primary emotions" in explanations["fine_emotion"]
    assert "died" in explanations["cause_words"]

    hef.invoke(
        {"messages": [HumanMessage("My dog Bello, I miss him.")]}, {"configurable": {"thread_id": "u"}}, context=ANA
    )
    later = hef.get_state({"configurable": {"thread_id": "u"}}).values["explanations"]
    assert re.fullmatch(r'"My dog died last night\." \(sad\) \(similar meaning \d+%\)', later["recall"])


@pytest.mark.parametrize("said", ["My dog died last night and I cannot stop crying.", "What time is it in Tokyo?"])
def test_an_emotion_that_was_edited_in_counts_where_the_llm_named_none_or_was_not_asked(
    said: str, scripted: Any
) -> None:
    saver = InMemorySaver()
    hef = create_hef(model=scripted("none", "I hear you.")).compile(checkpointer=saver)
    before_edit = say(hef, said)["empathy"]
    verdict = hef.get_state(CONFIG).values["verdict"]
    assert (verdict.emotion, verdict.form) == (None, "none")
    label = sorted(before_edit.distribution, key=lambda name: before_edit.distribution[name])[-2]

    forked = hef.update_state(
        before(hef, "fine_emotion").config, {"verdict": verdict.model_copy(update={"emotion": label})}
    )
    empathy = hef.invoke(None, forked, context=ANA)["empathy"]

    assert empathy.hypothesis == label
    assert empathy.distribution[label] > 1.3 * before_edit.distribution[label]
