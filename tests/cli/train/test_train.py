"""`hef train sem`: a run on a tiny encoder that the test builds itself."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from hef.cli.app import app
from hef.training.sem import onnx_export
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from typer.testing import CliRunner

WORDS = "i am so sad happy and scared my dog died won a prize tell me more about it the house is dark".split()
TURNS = {
    "sad": "I am so sad, my dog died.",
    "joyful": "I am so happy, I won a prize.",
    "terrified": "I am scared, the house is dark.",
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a BERT of one narrow layer with untrained weights."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("encoder")
    names = [*(f"[unused{number}]" for number in range(100)), "[UNK]", "[CLS]", "[SEP]"]
    names[0], names[100], names[101], names[102] = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
    names += [*WORDS, ",", "."]
    tokenizer = Tokenizer(WordPiece({name: place for place, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(names), **shape)).save_pretrained(folder)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_conversations(tmp_path / "train.jsonl")


def write_conversations(path: Path) -> Path:
    """Write 24 conversations of three emotions, and two rows that cannot be used."""
    rows = [
        {
            "conv_id": f"own:{number}",
            "emotion": emotion,
            "situation": text,
            "utterances": [{"role": "speaker", "text": text}, {"role": "listener", "text": "Tell me more about it."}],
        }
        for number, (emotion, text) in enumerate(list(TURNS.items()) * 8)
    ]
    path.write_text(
        "\n".join([*map(json.dumps, rows), "{", json.dumps({**rows[0], "emotion": "odd"})]), encoding="utf-8"
    )
    return path


def train(data: Path, encoder: Path, out: Path, *options: str) -> Any:
    given = ["--data", data, "--backbone", encoder, "--run", out, "--batch-size", 4, "--learning-rate", 0.01, *options]
    return CliRunner().invoke(app, ["train", "sem", *map(str, given)])


def test_a_run_trains_and_tells_what_it_reached_and_left_out(data: Path, encoder: Path, tmp_path: Path):
    done = train(data, encoder, tmp_path / "run", "--passes", "2", "--json")
    assert done.exit_code == 0, done.stderr
    held = json.loads(done.stdout)
    assert (held["conversations"], held["broken"]) == (24, 2)
    assert held["steps"] == 24
    assert set(held["held_out"]) == {"top1", "top3", "top5"}
    assert "train.jsonl:25" in done.stderr
    assert "odd" in done.stderr
    assert (tmp_path / "run" / "network.pt").is_file()


def test_a_stopped_run_goes_on(data: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from hef.training.sem import emotion_training as loop

    loss, seen = loop.SemRun._loss, []

    def stopping(run: Any, *arguments: Any) -> Any:
        seen.append(1)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return loss(run, *arguments)

    prepare = loop.SemRun.__post_init__

    def saving_each_step(run: Any) -> None:
        prepare(run)
        run.checkpoint_seconds = 0.0

    monkeypatch.setattr(loop.SemRun, "__post_init__", saving_each_step)
    monkeypatch.setattr(loop.SemRun, "_loss", stopping)
    run = ("--passes", "1", "--json")
    assert train(data, encoder, tmp_path / "run", *run).exit_code == 130
    done = train(data, encoder, tmp_path / "run", *run)
    assert done.exit_code == 0, done.stderr
    assert "resumed" in (tmp_path / "run" / "log.jsonl").read_text()


def test_a_run_keeps_its_recipe(data: Path, encoder: Path, tmp_path: Path):
    assert train(data, encoder, tmp_path / "run", "--passes", "1").exit_code == 0
    done = train(data, encoder, tmp_path / "run", "--passes", "3")
    assert done.exit_code == 1
    assert "passes 1.0 -> 3.0" in done.stderr


def test_any_setting_of_the_recipe_can_be_given(data: Path, encoder: Path, tmp_path: Path):
    done = train(data, encoder, tmp_path / "run", "--passes", "1", "--set", "speaker-view=0", "--set", "held_out=0.2")
    assert done.exit_code == 0, done.stderr
    kept = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert (kept["speaker_view"], kept["held_out"]) == (0, 0.2)


@pytest.fixture(scope="module")
def exported(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """Train and export once, without a name or a licence; return what was printed, and the folder."""
    folder = tmp_path_factory.mktemp("export")
    data = write_conversations(folder / "train.jsonl")
    to_onnx = onnx_export.to_onnx

    def keep(network: Any, path: Path, *example: Any) -> None:
        to_onnx(network, path, *example)
        copyfile(path, folder / "float32.onnx")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_export, "to_onnx", keep)
        done = train(data, encoder, folder / "run", "--passes", "1", "--export", str(folder / "ours"))
    return done, folder / "ours"


def test_what_was_trained_can_be_exported_and_read(exported: tuple[Any, Path]):
    done, folder = exported
    assert done.exit_code == 0, done.stderr
    assert "exported" in done.stdout
    from hef.contract import Turn
    from hef.sem import EMPATHETIC_DIALOGUES, OnnxSem

    (reading,) = OnnxSem(folder, EMPATHETIC_DIALOGUES).read([[Turn("speaker", "I am so sad")]])
    assert sum(reading.distribution.values()) == pytest.approx(1)


def test_an_exported_sem_does_not_bear_the_shipped_ones_name_or_licence(exported: tuple[Any, Path]):
    done, folder = exported
    assert done.exit_code == 0, done.stderr
    from hef.sem import OnnxSem

    about = OnnxSem(folder).description
    assert about.name == "ours"
    assert "EmpatheticDialogues" not in about.licence


def test_an_exported_sem_bears_the_name_and_licence_it_is_given(
    data: Path, encoder: Path, exported: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        onnx_export, "to_onnx", lambda _, path, *example: copyfile(exported[1].parent / "float32.onnx", path)
    )
    given = ("--export", str(tmp_path / "ours"), "--name", "mine", "--licence", "MIT")
    done = train(data, encoder, tmp_path / "run", "--passes", "1", *given)
    assert done.exit_code == 0, done.stderr
    from hef.sem import OnnxSem

    about = OnnxSem(tmp_path / "ours").description
    assert (about.name, about.licence) == ("mine", "MIT")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--learning-rate", "-1"], 2, "--learning-rate"),
        (["--passes", "0"], 2, "--passes"),
        (["--set", "dropout=2"], 2, "--dropout is '2'"),
        (["--set", "dropuot=0"], 2, "--set names 'dropuot'"),
        (["--set", "dropout"], 2, "expected NAME=VALUE"),
        (["--cause-teacher", "teacher"], 2, "--cause-words"),
        (["--data", "none.jsonl"], 1, "none.jsonl"),
    ],
)
def test_what_cannot_be_trained_is_told(data: Path, tmp_path: Path, options: list[str], code: int, said: str):
    done = CliRunner().invoke(app, ["train", "sem", "--run", str(tmp_path / "run"), "--data", str(data), *options])
    assert done.exit_code == code
    assert said in done.stderr


def test_without_data_it_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HEF_DATA", raising=False)
    done = CliRunner().invoke(app, ["train", "sem", "--run", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert "HEF_DATA" in done.stderr
