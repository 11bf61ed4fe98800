from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import fsum
from pathlib import Path
from threading import Barrier, Lock
from typing import Any

import numpy as np
import onnx
import pytest
from hef.contract import SetupError, Turn
from hef.sem import EMPATHETIC_DIALOGUES, EmbeddingSem, OnnxSem, Sem, Taxonomy, shipped_sem
from hef.sem.registry import SHIPPED
from hef.sem.runtime import onnx_runner
from hef.sem.runtime.manifest import external_data_files
from hef.sem.runtime.onnx_runner import OnnxRunner
from hef.sem.validation import check_reading

DOG = [Turn("speaker", "My dog died last night.")]
TALK = [
    Turn("speaker", "Finally, I’ve got the job 🎉 at the naïve café!"),
    Turn("listener", "Congratulations! When do you start?"),
    Turn("speaker", "On Monday. I am so proud and so happy."),
]


@pytest.fixture(scope="module")
def sem() -> OnnxSem:
    return OnnxSem(SHIPPED, EMPATHETIC_DIALOGUES, threads=1)


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED, folder)
    yield folder
    shutil.rmtree(folder)


def test_it_fulfils_both_protocols(sem: OnnxSem) -> None:
    assert isinstance(sem, Sem)
    assert isinstance(sem, EmbeddingSem)


def test_reading_is_a_distribution_over_the_taxonomy_in_its_order(sem: OnnxSem) -> None:
    (reading,) = sem.read([TALK])

    assert tuple(reading.distribution) == EMPATHETIC_DIALOGUES.labels
    assert fsum(reading.distribution.values()) == pytest.approx(1)
    assert check_reading(reading, EMPATHETIC_DIALOGUES.labels, "minilm").sem == "minilm"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My dog died last night.", {"sad", "devastated"}),
        ("I finally got the job I dreamed of!", {"joyful", "excited", "proud"}),
        ("There was a noise in the dark house and I could not move.", {"afraid", "terrified"}),
    ],
)
def test_plain_situations_are_read_right(sem: OnnxSem, text: str, expected: set[str]) -> None:
    (reading,) = sem.read([[Turn("speaker", text)]])

    assert expected & set(reading.ranked[:3])


def test_batch_reads_as_one_by_one_and_keeps_the_order(sem: OnnxSem) -> None:
    dialogues = [[Turn("speaker", "I am sad. " * n + text)] for n, text in enumerate(["dog", "A party!", "?"] * 2)]
    small = OnnxSem(SHIPPED, EMPATHETIC_DIALOGUES, threads=1, batch_size=2)

    for batched, dialogue in zip(small.read(dialogues[::-1]), dialogues[::-1], strict=True):
        (alone,) = sem.read([dialogue])
        # Dynamic int8 scales depend on what else is in the batch.
        assert batched.distribution == pytest.approx(alone.distribution, abs=0.05)
        assert batched.ranked[0] in alone.ranked[:3]


def test_views_look_at_their_turns(sem: OnnxSem) -> None:
    readings = sem.read([TALK, TALK], views=["last_turn", "dialogue"])

    assert [reading.view for reading in readings] == ["last_turn", "dialogue"]
    assert readings[0].distribution == pytest.approx(sem.read([TALK[-1:]])[0].distribution, abs=0.05)


def test_views_are_one_a_dialogue(sem: OnnxSem) -> None:
    with pytest.raises(SetupError, match="1 views for 2 dialogues"):
        sem.read([TALK, TALK], views=["last_turn"])


def test_nothing_to_read_gives_nothing(sem: OnnxSem) -> None:
    assert sem.read([]) == sem.causes([], []) == sem.embed([]) == []


def test_dialogue_without_turns_is_refused(sem: OnnxSem) -> None:
    with pytest.raises(SetupError, match="at least one turn"):
        sem.read([DOG, []])


def test_causes_stand_where_they_say(sem: OnnxSem) -> None:
    (causes,) = sem.causes([TALK], ["joyful"])

    assert 0 < len(causes) <= 5
    assert all(TALK[cause.turn].text[cause.start : cause.end] == cause.text for cause in causes)
    assert all(TALK[cause.turn].role == "speaker" for cause in causes)
    assert all(0 <= cause.weight <= 1 for cause in causes)
    assert [cause.weight for cause in causes] == sorted((cause.weight for cause in causes), reverse=True)
    assert fsum(cause.weight for cause in causes) <= 1 + 1e-6


def test_causes_depend_on_the_emotion(sem: OnnxSem) -> None:
    mixed = [Turn("speaker", "My grandmother died yesterday and then my team won the lottery.")]

    sad, joyful = sem.causes([mixed, mixed], ["sad", "joyful"])

    assert {cause.text for cause in sad[:2]} != {cause.text for cause in joyful[:2]}
    assert "died" in {cause.text for cause in sad[:3]}


def test_cause_limit_is_kept() -> None:
    (causes,) = OnnxSem(SHIPPED, EMPATHETIC_DIALOGUES, threads=1, cause_limit=1).causes([TALK], ["joyful"])

    assert len(causes) == 1


def test_unknown_emotion_names_the_known_ones(sem: OnnxSem) -> None:
    with pytest.raises(SetupError, match=r"unknown emotion 'bored'; SEM 'minilm' knows afraid, .*trusting"):
        sem.causes([DOG], ["bored"])


@pytest.mark.parametrize(
    "text", ["", " \n ", "😢😢😢", "👩\u200d👧", "\x00\x01\x1b[2J", "\ud83d", "!?", "悲しい", "a" * 5000]
)
def test_odd_turn_is_read_without_harm(sem: OnnxSem, text: str) -> None:
    dialogue = [Turn("speaker", text)]

    (reading,) = sem.read([dialogue])
    (causes,) = sem.causes([dialogue], ["sad"])

    check_reading(reading, EMPATHETIC_DIALOGUES.labels, "minilm")
    assert all(dialogue[0].text[cause.start : cause.end] == cause.text for cause in causes)


def test_200000_characters_are_read_by_their_end(sem: OnnxSem) -> None:
    long = [Turn("speaker", "What a lovely day with friends. " * 6300 + DOG[0].text * 100)]

    (reading,) = sem.read([long])
    (causes,) = sem.causes([long], ["sad"])

    assert reading.truncated_turns == 1
    assert {"sad", "devastated"} & set(reading.ranked[:3])
    assert min(cause.start for cause in causes) > 200_000
    assert all(long[0].text[cause.start : cause.end] == cause.text for cause in causes)


def test_sentence_vectors_are_unit_and_near_for_what_is_alike(sem: OnnxSem) -> None:
    texts = ["My dog died.", "I lost my puppy, he passed away.", "I passed the driving test."]

    vectors = np.array(sem.embed(texts))

    assert vectors.shape == (3, sem.dimensions)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-3)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_description_needs_no_weights() -> None:
    fresh = OnnxSem(SHIPPED)

    assert fresh.description.name == "minilm"
    assert fresh.description.taxonomy is EMPATHETIC_DIALOGUES
    assert 1 < fresh.description.size_mb < 40
    assert fresh._runner is None


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
def test_damaged_file_is_named(copy: Path, file: str) -> None:
    path = copy / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    with pytest.raises(SetupError, match=rf"{file} is damaged.*reinstall hef"):
        OnnxSem(copy, EMPATHETIC_DIALOGUES)


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json", "sem.json"])
def test_missing_file_is_named(copy: Path, file: str) -> None:
    (copy / file).unlink()

    with pytest.raises(SetupError, match=f"{file}.*reinstall hef"):
        OnnxSem(copy, EMPATHETIC_DIALOGUES)


@pytest.mark.parametrize("text", ["", "[]", '{"name": "x"}', '{"name'])
def test_broken_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "sem.json").write_text(text, encoding="utf-8")

    with pytest.raises(SetupError, match=r"sem.json is not a SEM manifest"):
        OnnxSem(tmp_path, EMPATHETIC_DIALOGUES)


def write_manifest(folder: Path, files: Sequence[str]) -> None:
    """Write the shipped manifest with the true hashes of these files."""
    manifest = json.loads((SHIPPED / "sem.json").read_text(encoding="utf-8"))
    hashes = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files}
    (folder / "sem.json").write_text(json.dumps({**manifest, "sha256": hashes}), encoding="utf-8")


@pytest.mark.parametrize("files", [[], ["model.onnx"], ["tokenizer.json"]])
def test_a_manifest_without_the_hash_of_a_file_is_refused(copy: Path, files: list[str]) -> None:
    write_manifest(copy, files)

    with pytest.raises(SetupError, match=r"sem.json has no hash of .*(model.onnx|tokenizer.json)"):
        OnnxSem(copy)


def test_weights_outside_the_network_are_hashed_too(copy: Path, sem: OnnxSem) -> None:
    network = onnx.load(copy / "model.onnx")
    onnx.save(network, copy / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=4096)
    write_manifest(copy, ["model.onnx", "tokenizer.json"])
    with pytest.raises(SetupError, match=r"no hash of weights.bin, which the SEM reads"):
        OnnxSem(copy)

    write_manifest(copy, ["model.onnx", "tokenizer.json", "weights.bin"])
    split, dialogue = OnnxSem(copy), [Turn("speaker", "My dog died last night.")]
    assert split.read([dialogue])[0].ranked == sem.read([dialogue])[0].ranked
    assert split.description.size_mb == pytest.approx(sem.description.size_mb, abs=0.1)

    weights = bytearray((copy / "weights.bin").read_bytes())
    weights[len(weights) // 2] ^= 1
    (copy / "weights.bin").write_bytes(weights)
    with pytest.raises(SetupError, match=r"weights.bin is damaged"):
        OnnxSem(copy)


def test_weights_of_constants_and_of_branches_are_found_too(tmp_path: Path) -> None:
    def constant(file: str) -> onnx.NodeProto:
        tensor = onnx.TensorProto(name=file, dims=[1], data_type=onnx.TensorProto.FLOAT)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=file)
        return onnx.helper.make_node("Constant", [], ["out"], value=tensor)

    out = onnx.helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, [1])
    branches = [onnx.helper.make_graph([constant(file)], file, [], [out]) for file in ("./then.bin", "else/../e.bin")]
    choice = onnx.helper.make_node("If", ["c"], ["out"], then_branch=branches[0], else_branch=branches[1])
    graph = onnx.helper.make_graph([constant("top.bin"), choice], "g", [], [out])
    (tmp_path / "model.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())

    assert external_data_files(tmp_path / "model.onnx") == {"top.bin", "then.bin", "e.bin"}


def test_taxonomy_with_other_labels_is_refused() -> None:
    with pytest.raises(SetupError, match="other labels than taxonomy 'mine'"):
        OnnxSem(SHIPPED, Taxonomy("mine", ("sad", "glad")))


def test_a_setting_of_threads_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEF_THREADS", "abc")

    with pytest.raises(SetupError, match="HEF_THREADS is 'abc'"):
        shipped_sem()


def test_manifest_holds_the_hash_of_every_file() -> None:
    manifest = json.loads((SHIPPED / "sem.json").read_text(encoding="utf-8"))

    assert set(manifest["sha256"]) == {path.name for path in SHIPPED.iterdir()} - {"sem.json"}


def test_causes_of_what_was_just_read_need_no_second_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    sem, dialogue = shipped_sem(), [Turn("speaker", "My dog died last night.")]
    (expected,) = sem.causes([dialogue], ["sad"])
    again = OnnxSem(SHIPPED, threads=1)
    (reading,) = again.read([dialogue])
    monkeypatch.setattr(again._open(), "_session", None)

    (found,) = again.causes([dialogue], ["sad"])

    assert reading.ranked[0] in ("sad", "devastated")
    assert [cause.text for cause in found] == [cause.text for cause in expected]


def test_causes_of_everybody_who_is_answered_at_once_need_no_second_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    sem = OnnxSem(SHIPPED, threads=1)
    dialogues = [[Turn("speaker", f"My dog number {number} died.")] for number in range(64)]
    for dialogue in dialogues:
        sem.read([dialogue])
    monkeypatch.setattr(sem._open(), "_session", None)

    assert all(sem.causes([dialogue], ["sad"])[0] for dialogue in dialogues)


def test_no_more_readings_run_at_once_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_runner, "cpu_cores", lambda: 1)
    runner = OnnxRunner(SHIPPED, 256, threads=1)
    encoded = runner.encode([[Turn("speaker", "My dog died last night. " * 40)]])
    session, running, start = runner._session, Lock(), Barrier(3)

    class Session:
        def run(self, *arguments: Any) -> Any:
            assert running.acquire(blocking=False), "two readings at once on one core"
            try:
                return session.run(*arguments)
            finally:
                running.release()

    def read(_: int) -> int:
        start.wait()
        return len(runner.run(encoded, "logits"))

    monkeypatch.setattr(runner, "_session", Session())
    with ThreadPoolExecutor(3) as readers:
        assert list(readers.map(read, range(3))) == [1, 1, 1]
