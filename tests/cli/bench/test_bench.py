"""`hef bench sem`: what is timed, and on what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hef.bench import sem_speed as speed
from hef.bench.sem_speed import LoadCost, machine, measure_speed
from hef.bench.synthetic_dialogues import contexts, three_turn_contexts
from hef.cli.app import app
from hef.sem import shipped_sem
from hef.sem.runtime.encoding import DialogueEncoder
from tokenizers import Tokenizer
from typer.testing import CliRunner

LOAD = LoadCost(seconds=0.5, import_seconds=0.2, memory_mb=100, import_mb=40)


def bench(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["bench", "sem", *map(str, arguments)])


def lengths(dialogues: Any) -> list[int]:
    from importlib.resources import files

    tokenizer = Tokenizer.from_file(str(files("hef.sem.runtime") / "model" / "tokenizer.json"))
    return sorted(len(held.ids) for held in DialogueEncoder(tokenizer).batch(dialogues))


def test_the_built_in_dialogues_are_as_long_as_they_say():
    found = lengths(contexts(256))
    assert 10 <= found[0] <= 18
    assert 38 <= found[128] <= 50
    assert 100 <= found[-1] <= 115
    assert 55 <= lengths(three_turn_contexts(320))[160] <= 65


def test_no_dialogue_of_about_60_tokens_comes_twice():
    assert len({str(dialogue) for dialogue in three_turn_contexts(320)}) == 320
    assert len(contexts(700)) == 700


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the fresh processes, which one test alone starts."""
    monkeypatch.setattr(speed, "_measure_load", lambda *_: LOAD)


def test_a_fresh_process_tells_time_and_memory():
    found = speed._measure_load(speed._LOAD_SEM, "", "sem", lambda *_: None, repeats=1)
    assert 0 < found.import_seconds < found.seconds
    assert 10 < found.import_mb < found.memory_mb


@pytest.mark.usefixtures("loaded")
def test_figures_come_with_the_machine_but_not_with_its_name():
    done = bench("--repeats", 2, "--dialogues", 4, "--threads", 1, "--json")
    assert done.exit_code == 0, done.stderr
    held = json.loads(done.stdout)
    (result,) = held["results"]
    assert (held["task"], result["dialogues"], result["repeats"]) == ("speed", 4, 2)
    assert min(result["causes_ms"], result["one_ms"]) > 0
    assert held["machine"]["threads"] == 1
    assert held["machine"]["cores"] >= 1
    assert str(Path.home()) not in done.stdout


@pytest.mark.usefixtures("loaded")
def test_the_table_names_each_unit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "100")
    done = bench("--repeats", 1, "--dialogues", 2)
    for heading in ("load s", "memory MB", "one dialogue ms", "with causes ms", "many dialogues/s"):
        assert heading in done.stdout
    assert "0.50 (0.20)" in done.stdout


@pytest.mark.usefixtures("loaded")
def test_an_encoder_is_timed_beside_the_sem():
    class Encoder:
        name = "plain"
        seen: list[int]

        def embed(self, texts: list[str]) -> list[list[float]]:
            self.seen.append(len(texts))
            return [[1.0]] * len(texts)

    encoder = Encoder()
    encoder.seen = []
    ours, theirs = measure_speed(shipped_sem(), three_turn_contexts(4), contexts(3), encoder=encoder, repeats=2)  # type: ignore[arg-type]

    assert (ours.name, theirs.name) == ("minilm", "plain, PyTorch fp32")
    assert theirs.causes_ms is None
    assert set(encoder.seen) == {1, 3}
    assert theirs.dialogues_per_second > ours.dialogues_per_second


@pytest.mark.usefixtures("loaded")
def test_dialogues_of_a_file_are_read_and_broken_rows_named(tmp_path: Path):
    turns = [{"role": "speaker", "text": "I won!"}, {"role": "listener", "text": "Great!"}]
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"conv_id": "a", "emotion": "joyful", "utterances": turns}) + "\n{", encoding="utf-8")
    done = bench("--data", path, "--repeats", 1, "--json")

    assert done.exit_code == 0, done.stderr
    held = json.loads(done.stdout)
    assert (held["data"], held["broken"], held["results"][0]["dialogues"]) == ("own.jsonl", 1, 1)
    assert "own.jsonl:2" in done.stderr


def test_a_sem_that_does_not_load_alone_is_told():
    with pytest.raises(speed.ModelError, match="does not load in a fresh process"):
        speed._measure_load("raise SystemExit('nothing there')", "", "sem", lambda *_: None)


def test_an_encoder_that_is_not_there_is_told(tmp_path: Path):
    done = bench("--against", tmp_path)
    assert done.exit_code == 1
    assert "no encoder at" in done.stderr


def test_machine_facts_are_versions_and_counts():
    assert {"cores", "threads", "python", "onnxruntime", "processor"} <= set(machine(2))
