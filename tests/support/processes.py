"""Processes of their own for what a test must not do in its own: neither forked from Chroma nor slow to start."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from typing import Any

from hef.contract import StoreError


def fresh() -> ForkServerContext:
    """Return the context of processes that have imported Chroma but not used it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["chromadb", "chromadb.api.rust", "hef.memory", "numpy"])
    return context


def in_child(work: Callable[..., Any], *given: Any, fork: bool = False) -> str:
    """Return what a function returns, or the error it raises, in a fresh process or one forked from this."""
    context: Any = multiprocessing.get_context("fork") if fork else fresh()
    ear, mouth = context.Pipe(duplex=False)
    child = context.Process(target=_say, args=(mouth, work, *given), daemon=True)
    child.start()
    mouth.close()
    try:
        assert ear.poll(60), "the process hangs"
        return str(ear.recv())
    finally:
        child.kill()
        child.join()


def _say(mouth: Any, work: Callable[..., Any], *given: Any) -> None:
    try:
        mouth.send(str(work(*given)))
    except StoreError as error:
        mouth.send(f"StoreError: {error}")
    except BaseException as error:
        mouth.send(f"{type(error).__name__}: {error}")
