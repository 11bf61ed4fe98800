"""Measure how long `hef reply` takes from its start to the first token of the reply.

Run it on a quiet machine, after `make setup`: `python -m hef.bench.first_token`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HEF = Path(sys.executable).parent / "hef"


def first_token(text: str) -> float:
    """Run one turn in a process of its own; return the seconds to the reply's first token."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(HEF), "reply", text], stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout is not None
    seen, seconds = b"", float("nan")
    while chunk := os.read(process.stdout.fileno(), 4096):
        seen += chunk
        if seconds != seconds and seen.partition(b"\n  reply")[2].strip():
            seconds = time.perf_counter() - started
    process.wait()
    return seconds


def main() -> None:
    """Print each run, and the smallest, middle and largest time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--text", default="My best friend is moving abroad next week.")
    chosen = parser.parse_args()
    first_token(chosen.text)
    times = [first_token(chosen.text) for _ in range(chosen.runs)]
    print("  ".join(f"{seconds:.2f}" for seconds in times))
    print(f"min {min(times):.2f}  median {statistics.median(times):.2f}  max {max(times):.2f} s, after one warm-up")


if __name__ == "__main__":
    main()
