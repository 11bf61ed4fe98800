"""SEM folders that lie about their files: outside of the folder, no files, too large, other than they say."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import onnx
import pytest
from hef.contract import SetupError
from hef.sem.runtime import manifest
from hef.sem.runtime.onnx_sem import OnnxSem

SHIPPED = Path(manifest.__file__).parent / "model"


def sem_folder(folder: Path, hashes: dict[str, str]) -> Path:
    """Return a folder with the shipped manifest and these hashes."""
    folder.mkdir()
    shipped = json.loads((SHIPPED / "sem.json").read_text(encoding="utf-8"))
    (folder / "sem.json").write_text(json.dumps({**shipped, "sha256": hashes}), encoding="utf-8")
    return folder


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", ["../secret", "weights/../../secret", "/etc/hostname", ""])
def test_a_file_outside_of_the_folder_is_neither_read_nor_hashed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    monkeypatch.setattr(manifest, "sha256_digest", lambda path: pytest.fail(f"{path} was read"))

    with pytest.raises(SetupError, match="which is outside of its folder"):
        OnnxSem(sem_folder(tmp_path / "sem", {name: digest(b"x")}))


@pytest.mark.parametrize("target", ["/dev/zero", "pipe", "folder"])
def test_what_is_no_file_is_not_read(target: str, tmp_path: Path) -> None:
    folder = sem_folder(tmp_path / "sem", {"model.onnx": digest(b"")})
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (folder / "model.onnx").symlink_to(target if target.startswith("/") else tmp_path / target)

    with pytest.raises(SetupError, match=r"model.onnx is not a file"):
        OnnxSem(folder)


def test_a_link_to_a_file_is_read_with_the_hash_of_its_bytes(tmp_path: Path) -> None:
    folder = sem_folder(tmp_path / "sem", {"model.onnx": digest(b"other")})
    (tmp_path / "blob").write_bytes(b"network")
    (folder / "model.onnx").symlink_to(tmp_path / "blob")

    with pytest.raises(SetupError, match=r"model.onnx is damaged"):
        OnnxSem(folder)


@pytest.mark.parametrize("name", ["model.onnx", "sem.json"])
def test_a_file_that_is_larger_than_any_sem_is_not_read(name: str, tmp_path: Path) -> None:
    folder = sem_folder(tmp_path / "sem", {"model.onnx": digest(b"")})
    with (folder / name).open("ab") as file:
        file.truncate((16 << 30) + 1)

    with pytest.raises(SetupError, match=r"is larger than 16 GiB|sem.json is not a SEM manifest"):
        OnnxSem(folder)


def test_a_manifest_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sem.json").write_text("[" * 100_000, encoding="utf-8")

    with pytest.raises(SetupError, match=r"sem.json is not a SEM manifest"):
        OnnxSem(tmp_path)


@pytest.mark.parametrize(
    "place", [{"location": "../secret"}, {"location": "w.bin", "length": "400"}, {"location": "w"}]
)
def test_a_network_that_lies_about_its_weights_is_told(place: dict[str, str], tmp_path: Path) -> None:
    tensor = onnx.TensorProto(name="w", dims=[100], data_type=onnx.TensorProto.FLOAT)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in place.items():
        tensor.external_data.add(key=key, value=value)
    out = onnx.helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, [100])
    graph: Any = onnx.helper.make_graph([], "g", [], [out], initializer=[tensor])
    network = onnx.helper.make_model(graph).SerializeToString()
    tokenizer = (SHIPPED / "tokenizer.json").read_bytes()
    hashes = {"model.onnx": digest(network), "tokenizer.json": digest(tokenizer), place["location"]: digest(b"short")}
    folder = sem_folder(tmp_path / "sem", hashes)
    for name, data in (("model.onnx", network), ("tokenizer.json", tokenizer), ("w.bin", b"short")):
        (folder / name).write_bytes(data)

    with pytest.raises(
        SetupError, match=r"outside of its folder|cannot be read|is not an ONNX network|cannot be loaded"
    ):
        OnnxSem(folder).embed(["My dog died."])
