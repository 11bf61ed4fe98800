"""How many CPU threads local networks use, and how their sessions are opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hef.contract import SetupError, cpu_inference
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


def test_a_processor_says_whether_it_has_vnni(tmp_path: Path) -> None:
    (tmp_path / "with").write_text("flags\t: fpu avx2 avx512_vnni amx_tile\n")
    (tmp_path / "without").write_text("flags\t: fpu avx2\n")

    assert [has_vnni(tmp_path / name) for name in ("with", "without", "missing")] == [True, False, False]


@pytest.mark.parametrize("has_wide_sums", [True, False])
def test_the_slower_precise_kernels_are_asked_for_where_sums_would_saturate(
    monkeypatch: pytest.MonkeyPatch, has_wide_sums: bool
) -> None:
    monkeypatch.setattr(cpu_inference, "has_vnni", lambda: has_wide_sums)
    options = cpu_inference._session_options(None)

    try:
        entry = options.get_session_config_entry("session.x64quantprecision")
    except RuntimeError:
        entry = ""
    assert entry == ("" if has_wide_sums else "1")


def test_weights_that_are_given_to_a_session_may_go_afterwards(tmp_path: Path) -> None:
    import numpy as np
    from onnx import TensorProto, helper

    table = helper.make_tensor("table", TensorProto.INT8, [4096, 8], bytes(4096 * 8), raw=True)
    table.ClearField("raw_data")
    table.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "w", "offset": "0", "length": str(4096 * 8)}.items():
        table.external_data.add(key=key, value=value)
    gather = helper.make_node("Gather", ["table", "ids"], ["rows"])
    graph = helper.make_graph(
        [gather],
        "g",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("rows", TensorProto.INT8, ["n", 8])],
        [table],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    weights = np.arange(4096 * 8).reshape(4096, 8).astype(np.int8)
    expected = weights[[5, 4000]].copy()

    session = open_session(tmp_path / "model.onnx", weights={"table": weights})
    weights[:] = 0
    del weights

    (rows,) = session.run(None, {"ids": np.array([5, 4000])})
    assert (rows == expected).all()
