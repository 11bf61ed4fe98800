"""A run that is exported to be read on top of the shipped SEM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hef.contract import SetupError, Turn
from hef.contract.numerics import log_softmax
from hef.data.conversations import Sample
from hef.sem import EMPATHETIC_DIALOGUES, check_sem, resolve_sem, shipped_sem
from hef.sem.runtime.large_sem import LargeSem
from hef.sem.runtime.manifest import Manifest
from hef.sem.runtime.packed_weights import WEIGHTS
from hef.training.sem.emotion_training import SemRun
from hef.training.sem.large import four_bit_network
from hef.training.sem.large.large_export import export_large
from hef.training.sem.large.vocabulary import cut_tokenizer
from hef.training.sem.sem_recipe import SemRecipe
from tiny_encoder import CONVERSATIONS, write_mpnet
from tokenizers import Tokenizer
from tokenizers.models import WordPiece

SAD = (Turn("speaker", "my dog died"),)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SemRun:
    backbone = write_mpnet(tmp_path_factory.mktemp("tiny") / "mpnet")
    recipe = SemRecipe(
        backbone=str(backbone), passes=2, batch_size=4, learning_rate=1e-2, average_decay=0.0, held_out=0.1
    )
    one = SemRun(tmp_path_factory.mktemp("run"), recipe, EMPATHETIC_DIALOGUES, CONVERSATIONS)
    one.train()
    return one


@pytest.fixture(scope="module")
def folder(run: SemRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("export") / "tiny"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(four_bit_network, "MIN_VALUES", 1000)
        export_large(run, target, name=None, licence="CC0")
    return target


def test_the_large_matrices_are_in_four_bits_and_the_network_reads_as_before(run: SemRun, folder: Path) -> None:
    sem, small = LargeSem(folder, shipped_sem()), shipped_sem()
    expected = log_softmax(run.forward.logits(run.finished(), [Sample(SAD, "sad", "")]).astype(np.float64))

    labels = EMPATHETIC_DIALOGUES.labels
    base = np.log([max(small.read([SAD])[0].distribution[label], 1e-9) for label in labels])
    own = 2 * sem.logits([SAD])[0] - base

    assert np.exp(own[labels.index("sad")]) == pytest.approx(np.exp(expected[0, labels.index("sad")]), abs=0.1)
    assert len(np.load(folder / WEIGHTS).files) >= 5 * 4


def test_it_keeps_the_contract_of_a_sem(folder: Path) -> None:
    check_sem(resolve_sem(str(folder)))


def test_topics_causes_vectors_and_other_languages_are_the_small_sems(folder: Path) -> None:
    sem, small = LargeSem(folder, shipped_sem()), shipped_sem()
    chinese = (Turn("speaker", "我的狗昨天晚上死了，我很难过。"),)
    plain = (Turn("speaker", "What time is it there?"),)

    (read, of_small), (also, _) = zip(sem.read([chinese, plain]), small.read([chinese, plain]), strict=True)

    assert read.distribution == of_small.distribution
    assert (read.sem, also.neutral) == ("tiny", pytest.approx(small.read([plain])[0].neutral))
    assert sem.causes([SAD], ["sad"]) == small.causes([SAD], ["sad"])
    assert sem.embed(["my dog died"]) == small.embed(["my dog died"])
    assert sem.description.languages == small.description.languages


def test_one_made_for_another_version_of_the_small_sem_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    Manifest.load(folder).model_copy(update={"enlarges": "0" * 64}).write(tmp_path)

    with pytest.raises(SetupError, match="another version of SEM 'minilm'"):
        resolve_sem(str(tmp_path))


def test_damaged_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-9])

    with pytest.raises(SetupError, match="damaged"):
        resolve_sem(str(tmp_path))


def test_a_cut_tokenizer_keeps_what_was_seen_and_spells_the_rest(tmp_path: Path) -> None:
    pieces = ["[UNK]", "a", "##b", "b", "hello", "##lo", "world", "世", "[unused1]"]
    whole = Tokenizer(WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    whole.add_special_tokens(["[UNK]"])
    path = tmp_path / "tokenizer.json"
    whole.save(str(path))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hef.training.sem.large.vocabulary.COMMON", 0)
        content, kept = cut_tokenizer(path, ["hello", "世"])
    cut = _tokenizer(content, tmp_path)

    assert [pieces[number] for number in kept] == ["[UNK]", "a", "##b", "b", "hello", "世"]
    assert cut.encode("hello").tokens == ["hello"]
    assert cut.encode("world").tokens == ["[UNK]"]
    assert cut.encode("ab").tokens == ["a", "##b"]


def _tokenizer(content: dict[str, Any], folder: Path) -> Tokenizer:
    (folder / "cut.json").write_text(json.dumps(content), encoding="utf-8")
    return Tokenizer.from_file(str(folder / "cut.json"))
