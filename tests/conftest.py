"""What all tests share: no network but loopback, one thread, the embedded model, a scripted one."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HEF_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["ANONYMIZED_TELEMETRY"] = "False"

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from scripted_chat import ScriptedChat

gc.disable()  # while tests are collected: what they import leaves little garbage, and searching is an eleventh of it

# Two processes of tests share the machine: how long an example takes says nothing about the code.
settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")


LONG_FILES = (
    *("sem/test_ray", "docs/test_notebooks", "graph/test_injection", "emotion/test_fitting", "threads/test_kill"),
    *("training/test_sem_run", "chroma/test_store_contract", "llm/test_scoring", "llm/test_local_chat"),
    *("llm/test_serve", "hosts/test_studio", "cli/test_mcp", "bench/test_bench_memory", "llm/test_onnx_backend"),
    *("chroma/test_durability", "evaluate/test_evaluate", "training/test_causes", "memory/test_rights"),
    *("packaging/test_regular_expressions", "chroma/test_host", "training/test_adapter"),
    *("train/test_train", "docs/test_studio", "hosts/test_middleware", "cli/test_memory", "docs/test_documents"),
    *("cli/test_chat", "evaluate/test_evaluate_replies", "docs/test_serving", "graph/test_checkpoint"),
    *("evaluation/test_batch_chat", "cli/test_terminal_text", "deploy/test_auth", "chroma/test_differential"),
    *("memory/test_isolation", "sem/test_registry", "cli/test_conversations", "ui/test_page_in_browser"),
)
"""The files that take longest, which go first: one that began last would leave the other process without work."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Let one process of tests be the first to import in a new virtual environment, whose bytecode the others take.

    Compiling what is imported takes longer than importing it, and each process would compile all of it.
    """
    spec = find_spec("sklearn")  # imported when half of the files are collected
    is_compiled = sys.dont_write_bytecode or spec is None or Path(spec.cached or "").is_file()
    with nullcontext() if is_compiled else FileLock(Path(sys.prefix) / "first-imports.lock"):
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first, in their order; the Makefile hands files to the processes in the order of the tests."""
    order = {name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: order.get(f"{item.path.parent.name}/{item.path.stem}", len(order)))


def pytest_collection_finish() -> None:
    """Exempt what was imported from the search for garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


@pytest.fixture
def scripted() -> Any:
    """Return a maker of scripted chat models: `scripted("sad", "I am sorry.")`."""

    def make(*answers: Any) -> ScriptedChat:
        return ScriptedChat(script=list(answers))

    return make


@pytest.fixture
def embedded() -> BaseChatModel:
    """Return the embedded model with short, repeatable answers; its weights are loaded once a process."""
    from hef.llm import resolve_model

    return resolve_model("embedded").model_copy(update={"max_tokens": 8})


def texts(messages: Sequence[BaseMessage]) -> list[str]:
    """Return the text of each message."""
    return [str(message.text) for message in messages]
