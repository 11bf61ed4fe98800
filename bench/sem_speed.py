"""How fast a SEM is, and how much memory it takes, beside a plain encoder in PyTorch in the same run."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..contract import Dialogue, ModelError
from ..sem import Sem
from .baseline_encoder import PlainEncoder

Report = Callable[[str, int, int], None]
"""Called with what is measured, how far it is, and of how much."""
_WARM = 3
_SEM = """
from hef.sem import resolve_sem
from hef.contract import Turn
imported()
resolve_sem(sys.argv[1] or None).read([[Turn("speaker", "My dog died last night.")]])
"""
_ENCODER = """
import torch
from transformers import AutoModel, AutoTokenizer
imported()
read, model = AutoTokenizer.from_pretrained(sys.argv[1]), AutoModel.from_pretrained(sys.argv[1], dtype=torch.float32)
with torch.inference_mode():
    model.eval()(**read("My dog died last night.", return_tensors="pt"))
"""
_LOAD = """
import json, os, sys, time
from pathlib import Path
def resident():
    held = Path("/proc/self/statm")
    if held.exists():
        return int(held.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
marks = [(time.perf_counter(), resident())]
def imported(): marks.append((time.perf_counter(), resident()))
BODY
marks.append((time.perf_counter(), resident()))
print(json.dumps(marks))
"""


class LoadFigures(BaseModel):
    """What it takes from a fresh process to the first answer; medians."""

    model_config = ConfigDict(frozen=True)

    seconds: float = Field(description="Imports, loading and the first text")
    import_seconds: float = Field(description="The imports' part of it")
    memory_mb: float = Field(description="Growth of the resident memory meanwhile, in 10^6 bytes")
    import_mb: float = Field(description="The imports' part of it")


class SpeedReport(BaseModel):
    """Speed of one model; medians over repeats, after a warm-up."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="The SEM, or the encoder beside it")
    load: LoadFigures
    one_ms: float = Field(description="One dialogue of about 60 tokens: its emotion, or its vector; milliseconds")
    causes_ms: float | None = Field(description="The same with cause words, as in the graph; None for an encoder")
    dialogues_per_second: float = Field(description="The set of dialogues at once, in batches of the model's own size")
    dialogues: int = Field(description="How many there are in the set")
    repeats: int = Field(description="How often each figure was taken; the set at once: a fifth of that")


def measure_speed(
    sem: Sem,
    single: Sequence[Dialogue],
    several: Sequence[Dialogue],
    *,
    spec: str | None = None,
    encoder: PlainEncoder | None = None,
    against: str = "",
    repeats: int = 50,
    report: Report = lambda doing, done, total: None,
) -> list[SpeedReport]:
    """Time a SEM, and an encoder in turns with it where there is one.

    Args:
        sem: What is timed.
        single: Dialogues that are read one by one, a fresh one each time.
        several: Dialogues that are read at once.
        spec: What names the SEM in a fresh process; None is the shipped one.
        encoder: What stands beside it.
        against: What names the encoder in a fresh process.
        repeats: How often each figure is taken.
        report: Told of the progress.

    Raises:
        ModelError: A model does not load in a fresh process.
    """
    fresh = {"sem": (_SEM, spec or "")} | ({"encoder": (_ENCODER, against)} if encoder else {})
    loads = {name: _load(code, named, report, name) for name, (code, named) in fresh.items()}
    texts = [["\n".join(turn.text for turn in dialogue)] for dialogue in single]
    ones: dict[str, Callable[[int], Any]] = {
        "sem": lambda place: sem.read([single[place % len(single)]]),
        "causes": lambda place: _with_causes(sem, single[(place + repeats) % len(single)]),
    }
    whole: dict[str, Callable[[int], Any]] = {"sem": lambda _: sem.read(several)}
    if encoder:
        joined = ["\n".join(turn.text for turn in dialogue) for dialogue in several]
        ones["encoder"] = lambda place: encoder.embed(texts[place % len(texts)])
        whole["encoder"] = lambda _: encoder.embed(joined)
    alone = _in_turns(ones, repeats, "one dialogue", report)
    batched = _in_turns(whole, max(1, repeats // 5), "many dialogues", report)
    names = {"sem": sem.description.name} | ({"encoder": f"{encoder.name}, PyTorch fp32"} if encoder else {})
    return [
        SpeedReport(
            name=name,
            load=loads[part],
            one_ms=round(1000 * alone[part], 3),
            causes_ms=round(1000 * alone["causes"], 3) if part == "sem" else None,
            dialogues_per_second=round(len(several) / batched[part], 1),
            dialogues=len(several),
            repeats=repeats,
        )
        for part, name in names.items()
    ]


def machine(threads: int | None) -> dict[str, Any]:
    """Return what the figures depend on: processor kind, cores, threads, and versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ("onnxruntime", "tokenizers", "numpy", "torch", "transformers")
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": cores,
        "threads": threads,
        "python": platform.python_version(),
        **{name: held for name in packages if (held := _version(name))},
    }


def _with_causes(sem: Sem, dialogue: Dialogue) -> None:
    (reading,) = sem.read([dialogue])
    sem.causes([dialogue], [reading.ranked[0]])


def _in_turns(calls: Mapping[str, Callable[[int], Any]], repeats: int, doing: str, report: Report) -> dict[str, float]:
    """Return the median seconds of each call; they take turns, so that a busy moment meets all of them."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(-_WARM, repeats):
        for name, call in calls.items():
            started = time.perf_counter()
            call(repeat + _WARM)
            if repeat >= 0:
                taken[name].append(time.perf_counter() - started)
        report(doing, max(0, repeat + 1), repeats)
    return {name: median(seconds) for name, seconds in taken.items()}


def _load(body: str, named: str, report: Report, name: str, repeats: int = 5) -> LoadFigures:
    """Load in fresh processes, the first of which only warms the file cache."""
    code = _LOAD.replace("BODY", body)
    runs: list[tuple[float, float, float, float]] = []
    for number in range(repeats + 1):
        done = subprocess.run([sys.executable, "-c", code, named], capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ModelError(f"the {name} does not load in a fresh process: {last}")
        (began, before), (midway, between), (ended, after) = json.loads(done.stdout.splitlines()[-1])
        if number:
            runs.append((ended - began, midway - began, after - before, between - before))
        report(f"loading the {name}", number + 1, repeats + 1)
    seconds, imports, memory, import_memory = (median(values) for values in zip(*runs, strict=True))
    return LoadFigures(
        seconds=round(seconds, 3),
        import_seconds=round(imports, 3),
        memory_mb=round(memory, 1),
        import_mb=round(import_memory, 1),
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
