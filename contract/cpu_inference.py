"""Local networks on the CPU: the number of threads they use, and ONNX Runtime sessions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import SetupError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def cpu_threads(threads: int | None) -> int | None:
    """Return the number given, else `HEF_THREADS`, else None for the library's own choice.

    Raises:
        SetupError: `HEF_THREADS` is not a number of threads.
    """
    if threads is not None:
        return threads
    setting = os.environ.get("HEF_THREADS", "").strip()
    if setting and not (setting.isdigit() and int(setting)):
        raise SetupError(f"HEF_THREADS is {setting!r}; give a whole number from 1, or unset it")
    return int(setting) if setting else None


def cpu_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def has_vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the processor adds products of 8-bit numbers in 32 bits; False where Linux does not say so."""
    try:
        return "vnni" in cpuinfo.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


def import_onnxruntime() -> Any:
    """Import ONNX Runtime with its telemetry off.

    Its wheels report each session to Microsoft unless `ORT_DISABLE_TELEMETRY` is set before the first
    one, so every part of HEF that opens sessions imports it through this function.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def open_session(
    path: Path,
    *,
    threads: int | None = None,
    disabled_optimizers: Sequence[str] = (),
    weights: Mapping[str, NDArray[np.int8]] | None = None,
) -> Any:
    """Open an ONNX network on the CPU.

    Args:
        path: The `.onnx` file.
        threads: CPU threads of one run; None leaves the choice to ONNX Runtime.
        disabled_optimizers: Names of ONNX Runtime's graph optimizers that are not applied.
        weights: Values of the initializers that the file declares as external data.

    Raises:
        ValueError: The file is missing or damaged.
    """
    ort, options = import_onnxruntime(), _session_options(threads)
    try:
        if weights:
            values = [ort.OrtValue.ortvalue_from_numpy(value) for value in weights.values()]
            options.add_external_initializers(list(weights), values)
        return ort.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=list(disabled_optimizers)
        )
    except Exception as error:  # ONNX Runtime's own errors share no narrower base
        raise ValueError(f"{path.name}: {error}") from error


def _session_options(threads: int | None) -> Any:
    options = import_onnxruntime().SessionOptions()
    options.log_severity_level = 3  # errors only
    options.intra_op_num_threads = threads or 0
    # One plan of memory per shape, each a block of its own size, breaks up the memory that all shapes share.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not has_vnni():  # the default kernels saturate the 16-bit sums of 8-bit products; the precise ones are slower
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options
