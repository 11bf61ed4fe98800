"""`hef evaluate`: figures on any file of the data's form."""

from __future__ import annotations

import gzip
import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from evaluate_cli import evaluate
from hef.evaluation.emotion import emotion_report
from hef.sem import OnnxSem
from hef.sem.runtime.calibration import PredictionSets
from hef.sem.runtime.manifest import Manifest

SAID = {
    "sad": "My grandmother died and I cannot stop crying.",
    "joyful": "I am so happy, my baby girl was born today!",
    "terrified": "Somebody broke into my house last night while I hid, I was terrified.",
    "proud": "My son graduated first in his class, I am so proud of him.",
    "guilty": "I lied to my wife about the money and I feel so guilty.",
}


@pytest.fixture
def conversations(tmp_path: Path) -> Path:
    path = tmp_path / "small.jsonl.gz"
    rows = [
        {
            "conv_id": f"own:{number}",
            "emotion": emotion,
            "situation": text,
            "utterances": [
                {"role": "speaker", "text": text},
                {"role": "listener", "text": "Tell me more."},
                {"role": "speaker", "text": "That is how I feel."},
                {"role": "listener", "text": "I see."},
            ],
        }
        for number, (emotion, text) in enumerate(SAID.items())
    ]
    lines = [*map(json.dumps, rows), "{", json.dumps({**rows[0], "emotion": "peckish"})]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def test_the_figures_of_the_sem_are_shown_and_written(conversations: Path, tmp_path: Path):
    done = evaluate("emotion", "--data", conversations, "--out", tmp_path / "new" / "out.json")
    assert done.exit_code == 0, done.stderr
    assert "10 samples of 5 conversations" in done.stdout
    held = json.loads((tmp_path / "new" / "out.json").read_text())
    (result,) = held["results"]
    assert (held["task"], held["broken"], result["samples"], result["conversations"]) == ("emotion", 2, 10, 5)
    assert result["top1"]["value"] >= 0.5
    assert result["top1"]["low"] <= result["top1"]["value"] <= result["top1"]["high"]


def test_broken_rows_are_named(conversations: Path):
    done = evaluate("emotion", "--data", conversations, "--json")
    assert "left out 2 rows" in done.stderr
    assert "small.jsonl.gz:6" in done.stderr
    assert "peckish" in done.stderr
    assert json.loads(done.stdout)["broken"] == 2


def test_a_draw_can_be_repeated(conversations: Path):
    def figures(seed: int) -> Any:
        done = evaluate("emotion", "--data", conversations, "--limit", 4, "--seed", seed, "--json")
        (result,) = json.loads(done.stdout)["results"]
        return {**result, "seconds": 0, "stages": {**result["stages"], "seconds": 0}}

    assert figures(1) == figures(1)
    assert figures(1)["samples"] == 4


def test_strategies_are_measured_side_by_side(conversations: Path):
    done = evaluate("emotion", "--data", conversations, "--strategy", "all", "--limit", 1, "--json")
    assert done.exit_code == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert [result["strategy"] for result in results] == ["sem_only", "llm_only", "one_prompt", "two_stage"]
    assert [bool(result["sem"]) for result in results] == [True, False, True, True]
    assert [bool(result["model"]) for result in results] == [False, True, True, True]


def test_sets_second_look_and_plots_are_shown_and_written(conversations: Path, tmp_path: Path):
    folder = tmp_path / "sem"
    shutil.copytree(files("hef.sem.runtime") / "model", folder)
    sets = PredictionSets(coverages=(0.5, 0.9), one_turn=(0.3, 0.02), more_turns=(0.3, 0.02))
    Manifest.load(folder).model_copy(update={"prediction_sets": sets}).write(folder)
    done = evaluate(
        "emotion", "--data", conversations, "--sem", folder, "--second-look", "--plots", tmp_path / "plots",
        "--record", "--out", tmp_path / "out.json",
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    for said in ("Prediction sets", "several turns", "Second look", "the last turn"):
        assert said in done.stdout
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {"confusion.png", "reliability.png"}
    held = json.loads((tmp_path / "out.json").read_text())
    (result,) = held["results"]
    assert [look["view"] for look in held["second_look"]] == ["speaker", "last_turn"]
    assert held["second_look"][0]["samples"] == 3
    assert result["by_emotion"]["sad"]["samples"] == 2
    assert sum(map(sum, result["confusion"]["counts"])) == 10
    assert result["sets"]["one_turn"]["samples"] == 5
    figures = OnnxSem(folder).description.metrics
    assert figures["coverage90"] == pytest.approx(result["sets"]["all"]["coverage"]["value"], abs=1e-4)


@pytest.mark.parametrize("flag", ["--second-look", "--record"])
def test_what_is_about_the_sem_alone_is_refused_for_another_strategy(flag: str, conversations: Path):
    done = evaluate("emotion", "--data", conversations, "--strategy", "llm_only", flag)
    assert done.exit_code == 2
    assert "about the SEM alone" in done.stderr


def test_situations_are_found_from_first_utterances(conversations: Path, tmp_path: Path):
    done = evaluate("retrieval", "--data", conversations, "--out", tmp_path / "out.json")

    assert done.exit_code == 0, done.stderr
    assert "situations at random" in done.stdout
    held = json.loads((tmp_path / "out.json").read_text())
    (result,) = held["results"]
    assert (held["task"], held["broken"], result["samples"], result["situations"]) == ("retrieval", 1, 6, 6)
    assert result["recall"]["at1"]["value"] == 1.0
    assert "small.jsonl.gz:6" in done.stderr


def test_a_draw_of_first_utterances_is_looked_for_among_all_situations(conversations: Path):
    done = evaluate("retrieval", "--data", conversations, "--limit", 2, "--json")
    (result,) = json.loads(done.stdout)["results"]
    assert (result["samples"], result["situations"]) == (2, 6)


@pytest.mark.parametrize("task", ["emotion", "causes", "retrieval"])
def test_a_missing_or_empty_file_is_a_failure(task: str, tmp_path: Path):
    assert "there is no file" in evaluate(task, "--data", tmp_path / "none.jsonl").stderr
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    done = evaluate(task, "--data", empty)
    assert done.exit_code == 1
    assert "has no" in done.stderr


def test_cause_words_are_shown_beside_chance_and_ceiling(tmp_path: Path):
    path = tmp_path / "causes.jsonl"
    rows = [
        {"original_situation": "My dog died last night", "emotion": "sad", "labels": ["dog", "died"], "conv_id": "a"},
        {"original_situation": "I won the big lottery", "emotion": "surprised", "labels": ["lottery"], "conv_id": "b"},
    ]
    path.write_text("\n".join([*map(json.dumps, rows), '{"labels": 3}']), encoding="utf-8")
    done = evaluate("causes", "--data", path, "--out", tmp_path / "out.json")
    assert done.exit_code == 0, done.stderr
    assert "random content words" in done.stdout
    held = json.loads((tmp_path / "out.json").read_text())
    assert held["broken"] == 1
    assert held["results"][0]["ceiling"] == {"at1": 0.75, "at3": 1.0, "at5": 1.0}


def test_an_archive_that_is_at_hand_is_converted(tmp_path: Path):
    done = evaluate("download", "--archive", tmp_path / "none.tar.gz", "--out", tmp_path)
    assert done.exit_code == 1
    assert "cannot be read" in done.stderr


def test_recorded_figures_show_up_in_the_description_of_the_sem(conversations: Path, tmp_path: Path):
    folder = tmp_path / "sem"
    shutil.copytree(files("hef.sem.runtime") / "model", folder)

    done = evaluate("emotion", "--data", conversations, "--sem", folder, "--record", "--json")

    assert done.exit_code == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    figures = OnnxSem(folder).description.metrics
    assert figures["top1"] == pytest.approx(result["top1"]["value"], abs=1e-4)
    assert figures["samples"] == result["samples"]


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the pictures of a report, which take most of the time of a small run."""
    monkeypatch.setattr(emotion_report, "draw_plots", lambda *_: [])
    monkeypatch.setattr(emotion_report, "draw_accuracy", lambda _, folder: folder / "accuracy.png")


def judged(conversations: Path, folder: Path, *more: object) -> Any:
    return evaluate(
        "emotion", "--data", conversations, "--strategy", "all", "--model", "oracle:0.6", "--run", folder, *more
    )  # fmt: skip


def test_the_report_holds_what_was_printed(conversations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = judged(conversations, tmp_path / "run", "--fit", tmp_path / "fit.json", "--ablate", "--limit", 6)

    assert done.exit_code == 0, done.stderr
    report = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    cells = [cell.strip() for line in report.splitlines() if line.startswith("|") for cell in line.split("|")]
    printed = " ".join(done.stdout.split())
    assert {"two_stage", "accuracy", "escapes", "LLM calls", "without pooling", "top 10"} <= set(cells)
    assert all(cell in printed for cell in cells if "---" not in cell)
    assert "two_stage gains" in report
    pictures = {path.name for path in (tmp_path / "run").glob("*.png")}
    assert pictures == {"accuracy.png", "confusion.png", "reliability.png"}
    assert all(f"]({name})" in report for name in pictures)


@pytest.mark.usefixtures("without_pictures")
def test_a_fit_is_written_and_can_be_measured_with(conversations: Path, tmp_path: Path):
    done = judged(conversations, tmp_path / "run", "--fit", tmp_path / "fit.json", "--json")
    assert done.exit_code == 0, done.stderr
    held, fit = json.loads(done.stdout), json.loads((tmp_path / "fit.json").read_text())
    assert held["fit"]["origin"] == fit["origin"]
    assert (fit["sem"], fit["model"]) == ("minilm", "oracle:0.6")
    assert fit["origin"]["samples"] + held["results"][0]["samples"] == 10
    assert {result["samples"] for result in held["results"]} == {4, 6} & {held["results"][0]["samples"]}

    again = judged(conversations, tmp_path / "run", "--fitted", tmp_path / "fit.json", "--json")
    assert json.loads(again.stdout)["fit"] == held["fit"]
    other = evaluate(
        "emotion", "--data", conversations, "--strategy", "two_stage", "--model", "adversary",
        "--fitted", tmp_path / "fit.json",
    )  # fmt: skip
    assert other.exit_code == 1
    assert "the fit is of SEM 'minilm' with LLM 'oracle:0.6'" in other.stderr


@pytest.mark.usefixtures("without_pictures")
def test_a_run_goes_on_without_asking_again(conversations: Path, tmp_path: Path):
    first = judged(conversations, tmp_path / "run", "--json")
    answers = (tmp_path / "run" / "answers.jsonl").read_text()
    second = judged(conversations, tmp_path / "run", "--json")

    assert (tmp_path / "run" / "answers.jsonl").read_text() == answers
    for one, other in zip(json.loads(first.stdout)["results"], json.loads(second.stdout)["results"], strict=True):
        assert one["top1"] == other["top1"]
        assert one["stages"]["calls"] == other["stages"]["calls"]


@pytest.mark.usefixtures("without_pictures")
def test_prompts_of_a_deployment_are_measured(conversations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    judged(conversations, tmp_path / "run", "--limit", 1)
    before = (tmp_path / "run" / "answers.jsonl").read_text()
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "all_labels.md").write_text("$dialogue\nWhich of $labels?")
    monkeypatch.setenv("HEF_PROMPTS", str(tmp_path / "prompts"))
    done = judged(conversations, tmp_path / "run", "--limit", 1)

    assert done.exit_code == 0, done.stderr
    assert len((tmp_path / "run" / "answers.jsonl").read_text()) > len(before)


@pytest.mark.parametrize("flag", ["--ablate", "--fit=x.json", "--fitted=x.json"])
def test_what_is_about_both_is_refused_for_one(flag: str, conversations: Path):
    done = evaluate("emotion", "--data", conversations, flag)
    assert done.exit_code == 2
    assert "about SEM and LLM together" in done.stderr
