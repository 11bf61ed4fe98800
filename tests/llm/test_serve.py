"""A local model behind `transformers serve`, reached through `ChatOpenAI`.

Its weights are random, which show as well as trained ones that every request is understood and answered.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hef.graph import HefContext, create_hef
from hef.llm import model_name
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from server_process import free_port
from tiny_llm import tiny_llm

pytest.importorskip("langchain_openai")
pytest.importorskip("fastapi")
pytestmark = pytest.mark.asyncio(loop_scope="module")  # the client keeps connections, which belong to a loop


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseChatModel]:
    from langchain_openai import ChatOpenAI

    folder, port = tiny_llm(tmp_path_factory.mktemp("model")), free_port()
    command = [str(Path(sys.executable).parent / "transformers"), "serve", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--dtype", "float32"]  # many CPUs emulate bfloat16, the type of the files, at a fraction of the speed
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    out = tmp_path_factory.mktemp("serve") / "log"
    with out.open("wb") as log:
        server = subprocess.Popen(command, env=offline, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until_ready(server, port, out)
        yield ChatOpenAI(
            base_url=f"http://127.0.0.1:{port}/v1", api_key="none", model=str(folder), temperature=0, max_tokens=8
        )
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_until_ready(server: subprocess.Popen[bytes], port: int, out: Path) -> None:
    """Wait on the server itself: it either listens or ends."""
    while True:
        if server.poll() is not None:
            pytest.fail(out.read_text())
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            try:
                server.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue


async def test_served_model_answers_sync_async_and_streaming(served: BaseChatModel) -> None:
    reply = served.invoke("Count from 1 to 9.").content
    assert reply
    assert (await served.ainvoke("Count from 1 to 9.")).content == reply
    chunks = [str(chunk.content) for chunk in served.stream("Count from 1 to 9.") if chunk.content]
    assert len(chunks) > 1
    assert "".join(chunks) == reply
    assert (Path(model_name(served)) / "config.json").is_file()


async def test_a_hef_turn_runs_with_a_served_model(served: BaseChatModel) -> None:
    hef = create_hef(model=served).compile()
    said = {"messages": [HumanMessage("My dog died last night.")]}

    out = hef.invoke(said)

    assert out["messages"][-1].text
    assert out["empathy"].emotion in out["empathy"].distribution
    assert not (out["empathy"].degraded or "").startswith("the LLM could not")

    replying = hef.astream(said, context=HefContext(strategy="sem_only"), stream_mode="messages")
    tokens = [message.text async for message, about in replying if "draft" in about["langgraph_node"]]
    assert len([token for token in tokens if token]) > 1
