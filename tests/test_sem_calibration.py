"""Calibration: the fitted numbers are the best ones, and what they did can be undone."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hef.contract import Turn
from hef.sem import OnnxSem
from hef.sem.calibration import Calibration, fit_calibration, fit_temperature
from hef.sem.manifest import CalibratedOn, Manifest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def drawn(samples: int, calibration: Calibration, labels: int = 8, seed: int = 0):
    """Return a network's logits, and labels drawn from what the calibration makes of them."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(0, 2.5, (samples, labels)) + 3
    shares = calibration.shares(logits)
    return logits, np.array([chance.choice(labels, p=row) for row in shares])


def test_no_calibration_is_the_softmax():
    logits = np.random.default_rng(0).normal(0, 3, (5, 4))
    assert Calibration().shares(logits) == pytest.approx(softmax(logits))


def test_a_temperature_divides_the_logits():
    logits = np.random.default_rng(0).normal(0, 3, (5, 4))
    assert Calibration(2.0).shares(logits) == pytest.approx(softmax(logits / 2))


@given(st.floats(0.3, 4), st.floats(0, 0.5), st.integers(0, 20))
def test_the_order_of_labels_stays_and_rows_sum_to_1(temperature: float, curve: float, seed: int):
    logits = np.random.default_rng(seed).normal(0, 2, (4, 6))
    shares = Calibration(temperature, curve).shares(logits)

    assert shares.sum(axis=1) == pytest.approx(np.ones(4))
    assert (shares.argsort(axis=1) == logits.argsort(axis=1)).all()


@settings(deadline=None)
@given(st.floats(0.5, 3), st.one_of(st.just(0.0), st.floats(1e-3, 0.2)), st.integers(0, 20))
def test_calibrating_can_be_undone(temperature: float, curve: float, seed: int):
    logits = np.random.default_rng(seed).normal(0, 1.5, (4, 6))
    calibration = Calibration(temperature, curve)

    assert np.exp(calibration.logits(calibration.shares(logits))) == pytest.approx(softmax(logits), abs=1e-6)


@pytest.mark.parametrize(("temperature", "curve"), [(0.6, 0.0), (1.0, 0.0), (2.0, 0.08), (1.2, 0.3)])
def test_what_the_labels_were_drawn_with_is_found(temperature: float, curve: float):
    logits, wanted = drawn(10_000, Calibration(temperature, curve))
    found = fit_calibration(logits, wanted)

    assert found.temperature == pytest.approx(temperature, rel=0.15)
    assert found.curve == pytest.approx(curve, abs=0.03)


def test_no_other_calibration_is_more_likely():
    logits, wanted = drawn(2_000, Calibration(1.7, 0.1), seed=4)

    def loss(values: np.ndarray) -> float:
        shares = Calibration(float(values[0]), float(values[1])).shares(logits)
        return -float(np.log(shares[np.arange(len(wanted)), wanted]).mean())

    best = minimize(loss, [1.0, 0.01], method="Nelder-Mead").fun
    found = fit_calibration(logits, wanted)
    assert loss(np.array([found.temperature, found.curve])) == pytest.approx(best, abs=1e-4)


def test_a_temperature_alone_is_found():
    logits, wanted = drawn(2_000, Calibration(1.5))
    assert fit_temperature(logits, wanted) == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_a_handful_of_samples_gives_numbers_within_bounds(samples: int):
    for seed in range(20):
        logits, wanted = drawn(samples, Calibration(), seed=seed)
        found = fit_calibration(logits, wanted)
        assert 0.1 < found.temperature < 20
        assert 0 <= found.curve < 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "sem"
    shutil.copytree(files("hef.sem") / "model", target)
    return target


def test_a_manifest_without_calibration_fields_is_read_as_before(folder: Path):
    held = json.loads((folder / "sem.json").read_text())
    for name in ("curve", "prediction_sets", "calibrated_on"):
        held.pop(name, None)
    (folder / "sem.json").write_text(json.dumps(held))
    manifest = Manifest.of(folder)

    assert manifest.calibration == Calibration(manifest.temperature)
    assert manifest.prediction_sets is None
    assert manifest.calibrated_on is None


def test_a_folder_reads_with_its_calibration(folder: Path):
    dialogues = [[Turn("speaker", "My dog died last night.")], [Turn("speaker", "I got the job!")]]
    manifest = Manifest.of(folder)

    def shares(temperature: float, curve: float) -> np.ndarray:
        manifest.model_copy(update={"temperature": temperature, "curve": curve}).write(folder)
        return np.array([list(reading.distribution.values()) for reading in OnnxSem(folder).read(dialogues)])

    bent = shares(2.0, 0.1)
    assert bent == pytest.approx(Calibration(2.0, 0.1).shares(np.log(shares(1.0, 0.0))), abs=1e-5)
    assert bent.sum(axis=1) == pytest.approx(np.ones(2))


def test_what_a_folder_was_calibrated_on_stands_in_its_manifest(folder: Path):
    on = CalibratedOn(file="own.jsonl", turns=7, date="2026-01-31")
    Manifest.of(folder).model_copy(update={"calibrated_on": on}).write(folder)

    assert Manifest.of(folder).calibrated_on == on
