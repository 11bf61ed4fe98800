"""Calibration: the fitted slopes are the best ones, and a folder reads with its own."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hef.contract import Turn
from hef.sem import OnnxSem
from hef.sem.runtime.calibration import MIN_SLOPE, Calibration, fit_calibration
from hef.sem.runtime.manifest import CalibratedOn, Manifest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def drawn(samples: int, calibration: Calibration, labels: int = 8, seed: int = 0):
    """Return a network's logits, and labels drawn from what the calibration makes of them."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(0, 2.5, (samples, labels)) + 3
    bounds = calibration.probabilities(logits).cumsum(axis=1)
    return logits, (bounds <= bounds[:, -1:] * chance.random((samples, 1))).sum(axis=1)


def test_no_calibration_is_the_softmax():
    logits = np.random.default_rng(0).normal(0, 3, (5, 4))
    assert Calibration().probabilities(logits) == pytest.approx(softmax(logits))


def test_one_slope_is_a_temperature():
    logits = np.random.default_rng(0).normal(0, 3, (5, 4))
    assert Calibration((0.5,)).probabilities(logits) == pytest.approx(softmax(logits / 2))


def test_each_nat_below_certainty_has_its_slope():
    odds = np.array([[0.0, -0.5, -1.5, -9.0]])
    logits = odds - np.log(np.exp(odds).sum())
    depth = -logits[0]
    bent = [-(2 * min(x, 1) + 3 * min(max(x - 1, 0), 1) + 5 * max(x - 2, 0)) for x in depth]

    assert Calibration((2.0, 3.0, 5.0)).probabilities(logits) == pytest.approx(softmax(np.array([bent])))


SLOPES = st.lists(st.floats(0.05, 4), min_size=1, max_size=6).map(tuple)


@given(SLOPES, st.integers(0, 20))
def test_the_order_of_labels_stays_and_rows_sum_to_1(slopes: tuple[float, ...], seed: int):
    logits = np.random.default_rng(seed).normal(0, 2, (4, 6))
    shares = Calibration(slopes).probabilities(logits)

    assert shares.sum(axis=1) == pytest.approx(np.ones(4))
    assert (shares.argsort(axis=1) == logits.argsort(axis=1)).all()


@pytest.mark.parametrize(
    "slopes", [(1.0,) * 5, (0.5,) * 5, (1.3,) * 5, (0.9, 0.8, 0.9, 1.5, 2.8), (2.0, 1.5, 1.0, 0.7, 0.5)]
)
def test_what_the_labels_were_drawn_with_is_found(slopes: tuple[float, ...]):
    logits, wanted = drawn(20_000, Calibration(slopes))
    assert fit_calibration(logits, wanted).slopes == pytest.approx(slopes, rel=0.2, abs=0.1)


def test_no_other_calibration_is_more_likely():
    logits, wanted = drawn(2_000, Calibration((0.6, 0.8, 1.2, 1.3, 1.0)), seed=4)

    def loss(slopes: np.ndarray) -> float:
        shares = Calibration(tuple(np.maximum(slopes, 1e-3))).probabilities(logits)
        return -float(np.log(shares[np.arange(len(wanted)), wanted]).mean())

    found = fit_calibration(logits, wanted)
    best = minimize(loss, found.slopes, method="Nelder-Mead").fun
    assert loss(np.array(found.slopes)) == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_a_handful_of_samples_gives_numbers_within_bounds(samples: int):
    for seed in range(20):
        logits, wanted = drawn(samples, Calibration(), seed=seed)
        assert all(MIN_SLOPE <= slope < 20 for slope in fit_calibration(logits, wanted).slopes)


def test_probabilities_that_are_wrong_through_and_through_keep_their_order():
    logits, wanted = drawn(2_000, Calibration(), seed=1)
    assert min(fit_calibration(-logits, wanted).slopes) >= MIN_SLOPE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "sem"
    shutil.copytree(files("hef.sem.runtime") / "model", target)
    return target


def test_a_manifest_without_calibration_is_not_calibrated(folder: Path):
    held = json.loads((folder / "sem.json").read_text())
    for name in ("slopes", "prediction_sets", "calibrated_on"):
        held.pop(name, None)
    (folder / "sem.json").write_text(json.dumps(held))
    manifest = Manifest.load(folder)

    assert manifest.calibration == Calibration()
    assert manifest.prediction_sets is None
    assert manifest.calibrated_on is None


def test_a_folder_reads_with_its_calibration(folder: Path):
    dialogues = [[Turn("speaker", "My dog died last night.")], [Turn("speaker", "I got the job!")]]
    manifest = Manifest.load(folder)

    def shares(*slopes: float) -> np.ndarray:
        manifest.model_copy(update={"slopes": slopes}).write(folder)
        return np.array([list(reading.distribution.values()) for reading in OnnxSem(folder).read(dialogues)])

    bent = shares(0.5, 0.7, 2.0)
    assert bent == pytest.approx(Calibration((0.5, 0.7, 2.0)).probabilities(np.log(shares(1.0))), abs=1e-5)
    assert bent.sum(axis=1) == pytest.approx(np.ones(2))
    assert softmax(OnnxSem(folder).logits(dialogues)) == pytest.approx(shares(1.0), abs=1e-5)


def test_what_a_folder_was_calibrated_on_stands_in_its_manifest(folder: Path):
    on = CalibratedOn(file="own.jsonl", turns=7, date="2026-01-31")
    Manifest.load(folder).model_copy(update={"calibrated_on": on}).write(folder)

    assert Manifest.load(folder).calibrated_on == on


def test_a_manifest_of_the_version_before_keeps_its_metrics(folder: Path) -> None:
    held = json.loads((folder / "sem.json").read_text())
    held["figures"] = {**held.pop("metrics"), "top1": 0.5}
    (folder / "sem.json").write_text(json.dumps(held))

    assert OnnxSem(folder).description.metrics["top1"] == 0.5
    Manifest.load(folder).write(folder)
    assert "figures" not in json.loads((folder / "sem.json").read_text())
