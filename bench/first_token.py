"""Measure the time from the start of `hef reply` to the first token of the reply.

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
    """Run one turn in a process of its own; return the seconds to the reply's first token, NaN without a reply."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(HEF), "reply", text], stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout is not None
    output, seconds = b"", float("nan")
    while chunk := os.read(process.stdout.fileno(), 4096):
        output += chunk
        if seconds != seconds and output.partition(b"\n  reply")[2].strip():
            seconds = time.perf_counter() - started
    process.wait()
    return seconds


def main() -> None:
    """Print the time of each run, and the minimum, median and maximum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs after one warm-up")
    parser.add_argument("--text", default="My best friend is moving abroad next week.", help="the user's message")
    options = parser.parse_args()
    first_token(options.text)
    times = [first_token(options.text) for _ in range(options.runs)]
    print("  ".join(f"{seconds:.2f}" for seconds in times))
    print(f"min {min(times):.2f}  median {statistics.median(times):.2f}  max {max(times):.2f} s, after one warm-up")


if __name__ == "__main__":
    main()
