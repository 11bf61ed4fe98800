"""Speed and memory use of a SEM, beside a plain encoder in PyTorch in the same run."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any

from pydantic import BaseModel, Field

from ..contract import Dialogue, ModelError
from ..contract.cpu_inference import cpu_cores
from ..contract.progress import Progress, ignore_progress
from ..sem import Sem
from .baseline_encoder import PlainEncoder

_WARM = 3
_LOAD_SEM = """
from hef.sem import resolve_sem
from hef.contract import Turn
imported()
resolve_sem(sys.argv[1] or None).read([[Turn("speaker", "My dog died last night.")]])
"""
_LOAD_ENCODER = """
import torch
from transformers import AutoModel, AutoTokenizer
imported()
read = AutoTokenizer.from_pretrained(sys.argv[1], trust_remote_code=False)
model = AutoModel.from_pretrained(sys.argv[1], dtype=torch.float32, trust_remote_code=False)
with torch.inference_mode():
    model.eval()(**read("My dog died last night.", return_tensors="pt"))
"""
_MEASURE_LOAD = """
import json, os, sys, time
from pathlib import Path
def resident():
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
marks = [(time.perf_counter(), resident())]
def imported(): marks.append((time.perf_counter(), resident()))
BODY
marks.append((time.perf_counter(), resident()))
print(json.dumps(marks))
"""


class LoadCost(BaseModel, frozen=True):
    """Cost from a fresh process to the first answer; medians."""

    seconds: float = Field(description="Imports, loading and the first text")
    import_seconds: float = Field(description="The imports' part of it")
    memory_mb: float = Field(description="Growth of the resident memory meanwhile, in 10^6 bytes")
    import_mb: float = Field(description="The imports' part of it")


class SpeedReport(BaseModel, frozen=True):
    """Speed of one model; medians over repeats, after a warm-up."""

    name: str = Field(description="The SEM, or the encoder beside it")
    load: LoadCost
    one_ms: float = Field(description="One dialogue of about 60 tokens: its emotion, or its vector; milliseconds")
    causes_ms: float | None = Field(description="The same with cause words, as in the graph; None for an encoder")
    dialogues_per_second: float = Field(description="The set of dialogues at once, in batches of the model's own size")
    dialogues: int = Field(description="Number of dialogues in the set")
    repeats: int = Field(description="How often each figure was measured; the set at once: a fifth of that")


def measure_speed(
    sem: Sem,
    single: Sequence[Dialogue],
    several: Sequence[Dialogue],
    *,
    spec: str | None = None,
    encoder: PlainEncoder | None = None,
    against: str = "",
    repeats: int = 50,
    progress: Progress = ignore_progress,
) -> list[SpeedReport]:
    """Time a SEM, and alternately an encoder if there is one.

    Args:
        sem: What is timed.
        single: Dialogues that are read one by one, another one each time.
        several: Dialogues that are read at once.
        spec: Names the SEM in a fresh process; None is the shipped one.
        encoder: The baseline.
        against: Names the encoder in a fresh process.
        repeats: How often each figure is measured.
        progress: Called with each step.

    Raises:
        ModelError: A model does not load in a fresh process.
    """
    names = {"sem": sem.description.name}
    loads = {"sem": _measure_load(_LOAD_SEM, spec or "", "sem", progress)}
    one_dialogue: dict[str, Callable[[int], Any]] = {
        "sem": lambda number: sem.read([single[number % len(single)]]),
        "causes": lambda number: _read_with_causes(sem, single[(number + repeats) % len(single)]),
    }
    many_dialogues: dict[str, Callable[[int], Any]] = {"sem": lambda _: sem.read(several)}
    if encoder:
        names["encoder"] = f"{encoder.name}, PyTorch fp32"
        loads["encoder"] = _measure_load(_LOAD_ENCODER, against, "encoder", progress)
        single_texts, texts = ([_join(dialogue) for dialogue in dialogues] for dialogues in (single, several))
        one_dialogue["encoder"] = lambda number: encoder.embed([single_texts[number % len(single_texts)]])
        many_dialogues["encoder"] = lambda _: encoder.embed(texts)
    one = _time_alternately(one_dialogue, repeats, "one dialogue", progress)
    many = _time_alternately(many_dialogues, max(1, repeats // 5), "many dialogues", progress)
    return [
        SpeedReport(
            name=name,
            load=loads[part],
            one_ms=round(1000 * one[part], 3),
            causes_ms=round(1000 * one["causes"], 3) if part == "sem" else None,
            dialogues_per_second=round(len(several) / many[part], 1),
            dialogues=len(several),
            repeats=repeats,
        )
        for part, name in names.items()
    ]


def machine(threads: int | None) -> dict[str, Any]:
    """Return what the figures depend on: type of processor, cores, threads, and versions."""
    packages = ("onnxruntime", "tokenizers", "numpy", "torch", "transformers")
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": cpu_cores(),
        "threads": threads,
        "python": platform.python_version(),
        **{name: installed for name in packages if (installed := _version(name))},
    }


def _join(dialogue: Dialogue) -> str:
    return "\n".join(turn.text for turn in dialogue)


def _read_with_causes(sem: Sem, dialogue: Dialogue) -> None:
    (reading,) = sem.read([dialogue])
    sem.causes([dialogue], [reading.ranked[0]])


def _time_alternately(
    calls: Mapping[str, Callable[[int], Any]], repeats: int, task: str, progress: Progress
) -> dict[str, float]:
    """Return the median seconds of each call; they alternate, so that other load affects all of them."""
    durations: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(-_WARM, repeats):
        for name, call in calls.items():
            started = time.perf_counter()
            call(repeat + _WARM)
            if repeat >= 0:
                durations[name].append(time.perf_counter() - started)
        progress(task, max(0, repeat + 1), repeats)
    return {name: median(seconds) for name, seconds in durations.items()}


def _measure_load(body: str, spec: str, name: str, progress: Progress, repeats: int = 5) -> LoadCost:
    """Load in fresh processes, the first of which only warms the file cache."""
    code = _MEASURE_LOAD.replace("BODY", body)
    runs: list[tuple[float, float, float, float]] = []
    for number in range(repeats + 1):
        process = subprocess.run([sys.executable, "-c", code, spec], capture_output=True, text=True, check=False)
        if process.returncode:
            last = (process.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ModelError(f"the {name} does not load in a fresh process: {last}")
        (began, before), (imported, between), (ended, after) = json.loads(process.stdout.splitlines()[-1])
        if number:
            runs.append((ended - began, imported - began, after - before, between - before))
        progress(f"loading the {name}", number + 1, repeats + 1)
    seconds, import_seconds, memory, import_memory = (median(values) for values in zip(*runs, strict=True))
    return LoadCost(
        seconds=round(seconds, 3),
        import_seconds=round(import_seconds, 3),
        memory_mb=round(memory, 1),
        import_mb=round(import_memory, 1),
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
