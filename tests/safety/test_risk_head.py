"""The network is asked where the linear model sees a possibility, counts beside it, and is never needed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
import pytest
from hef.contract import Turn
from hef.safety import assess
from hef.safety.assess import assess_by_rules, read_rules
from hef.safety.risk_head import (
    ASK_FROM,
    FINGERPRINT,
    HEAD_SHARE,
    HEAD_TURNS,
    NETWORK,
    RiskHead,
    load_risk_head,
    read_risk,
)
from hef.safety.risk_model import KINDS, Risk, load_risk_model
from hef.sem.registry import shipped_sem

RISK_HEAD = import_module("hef.safety.risk_head")
WINDOWS = "台风明天来，我水也囤了，手电蜡烛充电宝全齐，窗户贴了胶带，随便它来"
"""A typhoon, which a rule takes for something else."""


class Recorder:
    """Gives every turn the same probabilities, and keeps what it was asked about."""

    def __init__(self, none: float, concern: float, danger: float) -> None:
        self.levels = np.array([none, concern, danger], np.float32)
        self.asked: list[tuple[Turn, ...]] = []

    def read(self, turns: tuple[Turn, ...]) -> tuple[np.ndarray, np.ndarray]:
        self.asked.append(tuple(turns))
        return self.levels, np.eye(len(KINDS), dtype=np.float32)[KINDS.index("abuse")]


class Broken:
    """Fails whatever it is asked."""

    def read(self, turns: tuple[Turn, ...]) -> None:
        raise RuntimeError("out of memory")


class Linear:
    """A linear model that sees the same in every turn."""

    def __init__(self, concern: float, danger: float) -> None:
        self.seen = (concern, danger)

    def read(self, evidence: object) -> Risk:
        return Risk("none", *self.seen, "suicide", ())


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder(0.0, 0.0, 1.0)
    monkeypatch.setattr(RISK_HEAD, "load_risk_head", lambda: recorder)
    return recorder


@pytest.fixture
def reloaded() -> Iterator[None]:
    load_risk_head.cache_clear()
    yield
    load_risk_head.cache_clear()


def spoken(*texts: str) -> tuple[Turn, ...]:
    """Return a dialogue that ends with the person."""
    roles = ("speaker", "listener")
    return tuple(Turn(roles[(len(texts) - 1 - index) % 2], text) for index, text in enumerate(texts))


def both(
    monkeypatch: pytest.MonkeyPatch, linear: tuple[float, float], head: Recorder, said: str = "nothing in particular"
) -> Risk:
    """Return what both read together, each of them what it is told to."""
    monkeypatch.setattr(RISK_HEAD, "load_risk_model", lambda: Linear(*linear))
    turns = spoken(said)
    return read_risk(read_rules(turns, 0).evidence, turns, head)  # type: ignore[arg-type]


def test_the_mean_of_the_log_odds_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    read = both(monkeypatch, (0.4, 0.2), Recorder(0.1, 0.1, 0.8))

    log_odds = HEAD_SHARE * np.log(4) - (1 - HEAD_SHARE) * np.log(4)
    assert read.danger == pytest.approx(1 / (1 + np.exp(-log_odds)))
    assert (read.level, read.kind, read.is_harmless) == ("danger", "abuse", False)


@pytest.mark.parametrize(("linear", "head"), [((0.97, 0.97), (0.98, 0.01, 0.01)), ((0.1, 0.04), (0.3, 0.2, 0.5))])
def test_neither_alone_makes_danger_of_what_the_other_takes_for_harmless(
    monkeypatch: pytest.MonkeyPatch, linear: tuple[float, float], head: tuple[float, float, float]
) -> None:
    assert both(monkeypatch, linear, Recorder(*head)).level != "danger"


def test_probabilities_of_one_and_none_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert both(monkeypatch, (1.0, 1.0), Recorder(0.0, 0.0, 1.0)).level == "danger"
    assert both(monkeypatch, (0.01, 0.0), Recorder(1.0, 0.0, 0.0)).level == "none"


@pytest.mark.parametrize(
    ("harmless", "linear_danger", "level"),
    [(0.97, 0.05, "concern"), (0.97, 0.5, "danger"), (0.7, 0.05, "danger")],
)
def test_danger_by_rules_that_both_models_are_sure_is_none_is_a_concern(
    monkeypatch: pytest.MonkeyPatch, harmless: float, linear_danger: float, level: str
) -> None:
    head = Recorder(harmless, 1 - harmless, 0.0)
    monkeypatch.setattr(RISK_HEAD, "load_risk_head", lambda: head)
    monkeypatch.setattr(RISK_HEAD, "load_risk_model", lambda: Linear(linear_danger, linear_danger))

    assert assess_by_rules(spoken(WINDOWS)).level == "danger"
    assert assess(spoken(WINDOWS)).level == level


@pytest.mark.parametrize(
    "dialogue",
    [
        (Turn("speaker", "我们喝了汤，今天下雨了，" * 12 + WINDOWS + "，公交车来晚了，我们又走回去" * 12),),
        (Turn("speaker", "我不想活了"), Turn("listener", "你在哪里？"), Turn("speaker", WINDOWS)),
    ],
    ids=["in a turn that is cut", "after danger"],
)
def test_danger_by_rules_is_not_doubted(monkeypatch: pytest.MonkeyPatch, dialogue: tuple[Turn, ...]) -> None:
    monkeypatch.setattr(RISK_HEAD, "load_risk_head", lambda: Recorder(1.0, 0.0, 0.0))
    monkeypatch.setattr(RISK_HEAD, "load_risk_model", lambda: Linear(0.0, 0.0))

    assert assess(dialogue).level == "danger"


def test_of_a_turn_that_is_cut_the_worst_part_counts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ends(Recorder):
        """Sees danger in a sentence or two alone."""

        def read(self, turns: tuple[Turn, ...]) -> tuple[np.ndarray, np.ndarray]:
            self.levels = np.array([0.1, 0.1, 0.8] if len(turns[-1].text) < 200 else [1.0, 0.0, 0.0], np.float32)
            return super().read(turns)

    monkeypatch.setattr(RISK_HEAD, "load_risk_head", lambda: Ends(1.0, 0.0, 0.0))
    sentence = "He hurts me when he drinks, and I hide in the shed. "
    around = "We had soup. It rained all day long. " * 12

    reading = read_rules(spoken(around + sentence + around), 0)
    risk = read_risk(reading.evidence, spoken(around + sentence + around))
    linear = load_risk_model().read(reading.evidence).danger
    log_odds = HEAD_SHARE * np.log(4) + (1 - HEAD_SHARE) * np.log(linear / (1 - linear))
    assert risk.danger == pytest.approx(1 / (1 + np.exp(-log_odds)), abs=1e-4)
    assert not risk.is_harmless


def test_a_network_without_probabilities_leaves_the_linear_model(monkeypatch: pytest.MonkeyPatch) -> None:
    head = load_risk_head()
    assert head is not None
    broken = [np.array([[np.nan, 0.0, 0.0]], np.float32), np.zeros((1, len(KINDS)), np.float32)]
    monkeypatch.setattr(head, "_session", type("Session", (), {"run": lambda *_: broken})())

    with pytest.raises(ValueError, match="no probabilities"):
        head.read(spoken("a turn that nobody has read before"))


def test_danger_by_rules_stands_where_no_network_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RISK_HEAD, "load_risk_model", lambda: Linear(0.0, 0.0))
    for head in (None, Broken()):
        monkeypatch.setattr(RISK_HEAD, "load_risk_head", lambda head=head: head)
        assert assess(spoken(WINDOWS)).level == "danger"


def test_where_the_linear_model_sees_nothing_the_network_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    head = Recorder(0.0, 0.0, 1.0)

    assert both(monkeypatch, (ASK_FROM / 2, 0.0), head).level == "none"
    assert not head.asked


def test_the_rules_are_never_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RISK_HEAD, "load_risk_head", lambda: Recorder(1.0, 0.0, 0.0))

    assert assess(spoken("I want to kill myself.")).level == "danger"


@pytest.mark.parametrize(
    ("around", "sentence"),
    [
        ("We had soup. It rained all day long. " * 12, "He hurts me when he drinks, and I hide in the shed. "),
        ("It rained. We had soup. The bus was late. ", "He hurts me when he drinks, and I hide in the shed. "),
        ("今天下雨了。我们喝了汤。公交车来晚了。", "他一喝酒就打我，我躲在棚子里。"),
    ],
)
def test_of_several_sentences_the_worst_are_also_read_by_themselves(
    recorder: Recorder, around: str, sentence: str
) -> None:
    assess(spoken(around + sentence + around))

    shortest = min((turns[-1].text for turns in recorder.asked), key=len)
    assert sentence.strip() in shortest
    assert len(shortest) < len(around + sentence)


def test_of_a_long_turn_without_marks_beginning_and_end_are_read(recorder: Recorder) -> None:
    assess(spoken("他一喝酒就打我我躲在棚子里" + "我们喝了汤今天下雨了" * 30 + "公交车来晚了"))

    texts = [turns[-1].text for turns in recorder.asked]
    assert any(text.startswith("他一喝酒") and len(text) <= 100 for text in texts)
    assert any(text.endswith("来晚了") and len(text) <= 100 for text in texts)


def test_a_turn_is_read_behind_a_few_before_it() -> None:
    head = load_risk_head()
    assert head is not None
    dialogue = spoken(*(["How was the day?", "fine"] * 6), "Are you there?", "yes")

    levels, kinds = head.read(dialogue)

    assert levels.sum() == pytest.approx(1)
    assert kinds.shape == (len(KINDS),)
    assert np.allclose(levels, head.read(dialogue[-HEAD_TURNS:])[0])


@pytest.mark.parametrize(
    "dialogue",
    [
        spoken(
            "The boxes are labelled for each of them.", "Are you moving?", "No. They should not have to sort my things."
        ),
        spoken("I got the blade out of the drawer.", "What is it for?", "My wrists, what else is there."),
    ],
)
def test_danger_that_lies_in_the_dialogue_is_found_by_the_network(
    monkeypatch: pytest.MonkeyPatch, dialogue: tuple[Turn, ...]
) -> None:
    assert assess(dialogue).level == "danger"
    monkeypatch.setattr(RISK_HEAD, "load_risk_head", lambda: None)
    assert assess(dialogue).level != "danger"


@pytest.mark.usefixtures("reloaded")
def test_without_its_file_the_linear_model_goes_on_and_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(RISK_HEAD, "NETWORK", tmp_path / "missing.onnx")
    texts = ("I have the pills here and I am going to take all of them tonight", "I want to kill myself.")
    with caplog.at_level(logging.WARNING, "hef.safety"):
        levels = [assess(spoken(text)).level for text in texts]

    assert levels == ["danger", "danger"]
    assert sum("without the network" in record.message for record in caplog.records) == 1


def test_a_network_that_fails_while_it_reads_leaves_the_linear_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RISK_HEAD, "load_risk_head", lambda: Broken())

    assert assess(spoken("I have the pills here and I am going to take all of them tonight")).level == "danger"


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "risk_head.onnx").write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"risk_head\.onnx"):
        RiskHead(shipped_sem(), tmp_path / "risk_head.onnx")


def test_a_network_of_another_sem_is_refused(tmp_path: Path) -> None:
    model = onnx.load(str(NETWORK))
    onnx.helper.set_model_props(model, {FINGERPRINT: str([0.1, -0.1] * 192)})
    onnx.save(model, str(tmp_path / "risk_head.onnx"))
    with pytest.raises(ValueError, match="another SEM"):
        RiskHead(shipped_sem(), tmp_path / "risk_head.onnx")
