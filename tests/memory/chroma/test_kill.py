"""A writer killed at any moment loses nothing that it acknowledged.

`HEF_KILLS=200 python -m pytest -s tests/memory/chroma/test_kill.py` kills two hundred times, the suite a few times.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from killed_writer import State, write_until_killed
from langgraph.store.base import PutOp
from processes import fresh

KILLS = int(os.environ.get("HEF_KILLS", "6"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs SIGKILL and a fork server")
def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    context = fresh()
    chance = random.Random(int(os.environ.get("HEF_SEED", "0")))
    acknowledged: State = {}
    begun: list[PutOp] = []
    writes = 0
    for kill in range(KILLS + 1):
        heard = _run(context, tmp_path / "memory", seed=kill, patience=chance.uniform(0, 1.0) if kill < KILLS else 0)
        for what, told in heard:
            if what == "found":
                state, spaces, wrong = told
                assert wrong == []
                assert state in _possible(acknowledged, begun), f"after kill {kill}"
                assert spaces == sorted({space for space, _ in state})
                acknowledged, begun = state, []
            elif what == "begun":
                begun = told
            else:
                acknowledged, begun, writes = _written(acknowledged, told), [], writes + 1
    print(f"{KILLS} kills, {writes} batches acknowledged, {len(acknowledged)} items at the end")
    assert writes


def _run(context: Any, path: Path, seed: int, patience: float) -> list[tuple[str, Any]]:
    """Run a writer until it has opened the memory and some time is over, kill it, and return what it said.

    Every third is killed whether it has opened the memory or not.
    """
    ear, mouth = context.Pipe(duplex=False)
    writer = context.Process(target=write_until_killed, args=(path, seed, mouth), daemon=True)
    writer.start()
    mouth.close()
    heard: list[tuple[str, Any]] = []
    if seed % 3 or not patience:
        assert ear.poll(120), "the memory does not open"
        heard.append(ear.recv())
    end = time.monotonic() + patience
    while (left := end - time.monotonic()) > 0 and ear.poll(left):
        heard.append(ear.recv())
    writer.kill()
    writer.join()
    try:
        while True:
            heard.append(ear.recv())
    except EOFError:
        return heard


def _written(state: State, puts: list[PutOp]) -> State:
    gone = {(put.namespace, put.key) for put in puts if put.value is None}
    kept = {(put.namespace, put.key): dict(put.value) for put in puts if put.value is not None}
    return {one: value for one, value in {**state, **kept}.items() if one not in gone}


def _possible(state: State, begun: list[PutOp]) -> list[State]:
    """Return what may lie there: nothing of the batch that was under way, its puts, or all of it."""
    puts = [put for put in begun if put.value is not None]
    return [state, _written(state, puts), _written(state, begun)]
