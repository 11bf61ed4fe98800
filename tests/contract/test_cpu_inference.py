"""How many CPU threads local networks use, and how their sessions are opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hef.contract import SetupError
from hef.contract.cpu_inference import cpu_threads, has_vnni, open_session
from hef.sem import OnnxSem, shipped_sem


@pytest.mark.parametrize(("setting", "threads"), [("", None), (" ", None), ("3", 3), (" 12 ", 12)])
def test_the_environment_sets_the_threads_unless_they_are_given(
    monkeypatch: pytest.MonkeyPatch, setting: str, threads: int | None
) -> None:
    monkeypatch.setenv("HEF_THREADS", setting)

    assert cpu_threads(None) == threads
    assert cpu_threads(7) == 7


@pytest.mark.parametrize("setting", ["abc", "0", "-1", "1.5"])
def test_a_setting_that_is_no_number_of_threads_is_named(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv("HEF_THREADS", setting)

    with pytest.raises(SetupError, match=f"HEF_THREADS is '{setting}'; give a whole number from 1"):
        cpu_threads(None)


def test_a_sem_names_the_setting_that_is_no_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    sem = shipped_sem()
    assert isinstance(sem, OnnxSem)
    monkeypatch.setenv("HEF_THREADS", "abc")

    with pytest.raises(SetupError, match="HEF_THREADS is 'abc'"):
        OnnxSem(sem._folder)


@pytest.mark.parametrize("content", [None, b"", b"not a network"])
def test_a_file_that_is_no_network_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ValueError, match=r"model\.onnx: "):
        open_session(path)


def test_telemetry_is_off_before_onnxruntime_is_imported_and_only_then() -> None:
    code = (
        "import os, sys; os.environ.pop('ORT_DISABLE_TELEMETRY', None);"
        "import hef.contract; assert 'ORT_DISABLE_TELEMETRY' not in os.environ;"
        "from hef.contract.cpu_inference import import_onnxruntime;"
        "assert 'onnxruntime' not in sys.modules; import_onnxruntime();"
        "assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_processor_is_asked_for_the_precise_kernels_only_where_it_needs_them(tmp_path: Path) -> None:
    (tmp_path / "with").write_text("flags\t: fpu avx2 avx512_vnni amx_tile\n")
    (tmp_path / "without").write_text("flags\t: fpu avx2\n")

    assert [has_vnni(tmp_path / name) for name in ("with", "without", "missing")] == [True, False, False]
