"""The linear model may raise a level, never lowers it, and reads the parts of a long turn."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hef.contract import Turn
from hef.safety import assess
from hef.safety.assess import read_rules
from hef.safety.risk_features import BUCKETS, RiskEvidence, turn_features
from hef.safety.risk_model import KINDS, LEVEL_COLUMNS, RiskModel, load_risk_model


def said(text: str, *before: tuple[str, str]) -> tuple[Turn, ...]:
    return (*(Turn(role, words) for role, words in before), Turn("speaker", text))  # type: ignore[arg-type]


def evidence(text: str) -> RiskEvidence:
    return read_rules(said(text), 0).evidence


def model_that_knows(text: str, level: int, kind: str = "violence") -> RiskModel:
    """Return a model that gives a level to every turn with the words of a text, and none to others."""
    weights = np.zeros((BUCKETS, LEVEL_COLUMNS + len(KINDS)), np.float32)
    buckets, _ = turn_features(evidence(text))
    weights[buckets, level] = 5
    bias = np.zeros(LEVEL_COLUMNS + len(KINDS), np.float32)
    bias[0], bias[LEVEL_COLUMNS + KINDS.index(kind)] = 20, 1  # type: ignore[arg-type]
    return RiskModel(weights, bias, concern_from=0.5, danger_from=0.5)


@pytest.fixture
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the linear model decide alone."""
    monkeypatch.setattr(import_module("hef.safety.risk_head"), "load_risk_head", lambda: None)


@pytest.mark.usefixtures("without_network")
def test_a_turn_that_no_rule_knows_is_raised_by_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_that_knows("the heron left the pond at noon", level=2)
    monkeypatch.setattr(import_module("hef.safety.risk_head"), "load_risk_model", lambda: model)

    safety = assess(said("The heron left the pond at noon"))

    assert (safety.level, safety.kind) == ("danger", "violence")
    assert safety.words == ("The heron left the pond at noon",)
    assert assess(said("My brother called twice today.")).level == "none"


def test_the_model_never_lowers_what_the_rules_found(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = RiskModel(
        np.zeros((BUCKETS, LEVEL_COLUMNS + len(KINDS)), np.float32),
        np.array([99, 0, 0, *(0 for _ in KINDS)], np.float32),
        concern_from=0.5,
        danger_from=0.5,
    )
    monkeypatch.setattr(import_module("hef.safety.risk_head"), "load_risk_model", lambda: silent)

    assert assess(said("I want to kill myself.")).level == "danger"


def test_the_model_does_not_raise_who_says_that_they_are_safe_now(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_that_knows("I'm safe now, my sister is with me.", level=2)
    monkeypatch.setattr(import_module("hef.safety.risk_head"), "load_risk_model", lambda: model)
    before = (("speaker", "I want to kill myself."), ("listener", "Are you safe right now?"))

    assert assess(said("I'm safe now, my sister is with me.", *before)).level != "danger"


def test_a_sentence_in_a_long_turn_is_read_by_itself() -> None:
    model = model_that_knows("the heron left the pond at noon", level=2)
    around = "We had soup. It rained. My brother called. The bus was late. "

    risk = model.read(evidence(around + "The heron left the pond at noon. " + around))

    assert risk.level == "danger"
    assert any("heron" in sentence.text for sentence in risk.sentences)


@pytest.mark.parametrize("text", ["Hm. " * 1000, "ha " * 500, "哈哈哈。" * 300, "No! " * 200])
def test_the_same_said_again_and_again_is_not_raised(text: str) -> None:
    assert assess(said(text)).level == "none"


def test_the_shipped_model_has_a_row_for_each_bucket_and_a_column_for_each_level_and_kind() -> None:
    model = load_risk_model()

    assert model.weights.shape == (BUCKETS, LEVEL_COLUMNS + len(KINDS))
    assert 0 < model.danger_from < 1
    assert 0 < model.concern_from < 1


@pytest.mark.parametrize("unit", ["a ", "我", "die ", "!", "want to die. ", "​"])
def test_a_long_turn_of_anything_is_read_in_a_second(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    started = time.process_time()

    assess(said(text))

    assert time.process_time() - started < 1


def test_a_saved_model_reads_as_the_one_that_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    from hef.training.safety.risk_samples import RiskSample
    from hef.training.safety.risk_training import save_risk_model, train_risk_model

    danger = ["the heron left", "a heron is leaving", "herons leave tonight"]
    harmless = ["we had soup", "it rained", "the bus was late"]
    samples = [RiskSample(said(text), "danger", "violence_intent", "a") for text in danger]
    samples += [RiskSample(said(text), "none", group="b") for text in harmless]
    samples += [RiskSample(said("a pond alone"), "concern", "passive_death_wish", "b")]
    trained = train_risk_model(samples, inverse_penalty=100, thresholds=(0.5, 0.5))

    save_risk_model(trained, tmp_path / "risk_model.npz")
    monkeypatch.setattr("hef.safety.risk_model.files", lambda _: tmp_path)
    load_risk_model.cache_clear()
    try:
        stored = load_risk_model()
    finally:
        load_risk_model.cache_clear()

    for text in ("the heron leaves", "soup again"):
        assert stored.read(evidence(text)).danger == pytest.approx(trained.read(evidence(text)).danger, abs=0.02)
    assert stored.read(evidence("the heron left")).level == "danger"
    assert stored.read(evidence("the heron left")).kind == "violence"


def test_short_answers_are_learned_as_harmless_without_their_question() -> None:
    from hef.training.safety.risk_samples import RiskSample, out_of_context

    samples = [
        RiskSample(said("no", ("listener", "Are you safe?")), "danger", group="a"),
        RiskSample(said("i want to die", ("listener", "What is it?")), "danger", group="a"),
        RiskSample(said("no", ("listener", "Is it raining?")), "none", group="a"),
        RiskSample(said("pills"), "danger", group="a"),
    ]
    question = Turn("listener", "Do you like it there?")

    assert out_of_context(samples, [question], weight=0.5) == [
        RiskSample(said("no"), "none", group="a", weight=0.5),
        RiskSample((question, *said("no")), "none", group="a", weight=0.5),
    ]
