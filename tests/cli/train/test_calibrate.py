"""`hef train calibrate`: what it fits, what it writes, and what it says of it."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hef.cli.app import app
from hef.sem import OnnxSem
from hef.sem.runtime.manifest import Manifest
from typer.testing import CliRunner

FEELINGS = {"sad": "my dog died", "joyful": "we had a baby", "proud": "my son won", "afraid": "I heard a noise"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "sem"
    shutil.copytree(files("hef.sem.runtime") / "model", target)
    return target


@pytest.fixture
def conversations(tmp_path: Path) -> Path:
    path = tmp_path / "own.jsonl"
    rows = [
        {
            "conv_id": f"own:{number}:{emotion}",
            "emotion": emotion,
            "utterances": [
                {"role": "speaker", "text": f"On day {number} {text}."},
                {"role": "listener", "text": "Tell me more."},
                {"role": "speaker", "text": "That is all."},
                {"role": "listener", "text": "I see."},
            ],
        }
        for number in range(6)
        for emotion, text in FEELINGS.items()
    ]
    path.write_text("\n".join([*map(json.dumps, rows), "{"]), encoding="utf-8")
    return path


def calibrate(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["train", "calibrate", *map(str, arguments)])


def test_the_folder_gets_calibration_sets_and_what_they_were_fitted_on(folder: Path, conversations: Path):
    before = Manifest.load(folder)
    done = calibrate(folder, "--data", conversations, "--json")

    assert done.exit_code == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    after = Manifest.load(folder)
    assert list(after.slopes) == pytest.approx(result["slopes"], abs=1e-4)
    assert after.slopes != before.slopes
    assert after.prediction_sets is not None
    assert after.calibrated_on is not None
    assert (after.calibrated_on.file, after.calibrated_on.turns) == ("own.jsonl", 48)
    assert after.metrics["top1"] == before.metrics["top1"]
    assert after.metrics["ece"] == pytest.approx(result["contexts"]["all"]["ece"]["value"], abs=1e-4)
    assert OnnxSem(folder).description.prediction_sets == after.prediction_sets


def test_calibrating_twice_finds_the_same(folder: Path, conversations: Path):
    assert calibrate(folder, "--data", conversations).exit_code == 0
    once = Manifest.load(folder)
    assert calibrate(folder, "--data", conversations).exit_code == 0
    again = Manifest.load(folder)

    assert again.slopes == once.slopes


def test_a_dry_run_prints_the_same_and_writes_nothing(folder: Path, conversations: Path):
    before = (folder / "sem.json").read_bytes()
    done = calibrate(folder, "--data", conversations, "--dry-run", "--json")

    assert done.exit_code == 0, done.stderr
    held = json.loads(done.stdout)
    assert (held["task"], held["broken"], held["written"]) == ("calibration", 1, False)
    assert (folder / "sem.json").read_bytes() == before


def test_figures_are_given_over_contexts_with_their_counts(folder: Path, conversations: Path):
    done = calibrate(folder, "--data", conversations, "--dry-run", "--json")
    (result,) = json.loads(done.stdout)["results"]

    assert {name: held["samples"] for name, held in result["contexts"].items()} == {
        "all": 48,
        "one_turn": 24,
        "more_turns": 24,
    }
    assert set(result["sets"]) == {"0.8", "0.9", "0.95"}
    sizes = [result["sets"][coverage]["all"]["size"]["value"] for coverage in ("0.8", "0.9", "0.95")]
    assert sizes == sorted(sizes)
    assert (result["folds"], result["conversations"]) == (10, 24)


def test_the_table_fits_and_broken_rows_are_named(folder: Path, conversations: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "100")
    done = calibrate(folder, "--data", conversations, "--dry-run", "--folds", 4)

    assert done.exit_code == 0, done.stderr
    for said in ("48 samples of 24 conversations", "several turns", "90% sets include", "3 of 4 folds"):
        assert said in done.stdout
    assert "own.jsonl:25" in done.stderr


def test_one_conversation_is_not_enough(folder: Path, conversations: Path):
    conversations.write_text(conversations.read_text().splitlines()[0], encoding="utf-8")
    done = calibrate(folder, "--data", conversations)

    assert done.exit_code == 1
    assert "at least 2" in done.stderr


def test_a_folder_that_holds_no_sem_is_told(tmp_path: Path, conversations: Path):
    done = calibrate(tmp_path, "--data", conversations)
    assert done.exit_code == 1
    assert "no SEM in" in done.stderr
