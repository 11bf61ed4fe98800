"""Child processes for what a test must not do in its own process: not forked from Chroma, and fast to start."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from typing import Any

from hef.contract import StoreError


def fresh() -> ForkServerContext:
    """Return the context of processes that have imported Chroma and the graph, but used neither."""
    context = multiprocessing.get_context("forkserver")
    imported = ["chromadb", "chromadb.api.rust", "hef.graph.parts", "hef.memory", "numpy", "pytest"]
    context.set_forkserver_preload(imported)
    return context


def in_child(work: Callable[..., Any], *arguments: Any, fork: bool = False) -> str:
    """Run a function in a fresh process, or one forked from this, and return its result or its error as text."""
    context: Any = multiprocessing.get_context("fork") if fork else fresh()
    reader, writer = context.Pipe(duplex=False)
    child = context.Process(target=_send_result, args=(writer, work, *arguments), daemon=True)
    child.start()
    writer.close()
    try:
        assert reader.poll(60), "the process hangs"
        return str(reader.recv())
    finally:
        child.kill()
        child.join()


def _send_result(writer: Any, work: Callable[..., Any], *arguments: Any) -> None:
    try:
        writer.send(str(work(*arguments)))
    except StoreError as error:
        writer.send(f"StoreError: {error}")
    except BaseException as error:
        writer.send(f"{type(error).__name__}: {error}")
