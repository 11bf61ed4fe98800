"""The LLM servers of docs/recipes/ollama-vllm.md: answers in their shapes, from a stand-in of each."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from documents import DOCS, blocks
from hef.contract import HefContext
from hef.graph import create_hef
from hef.graph.turn_events import Replied, Token, stream_turn
from hef.llm import resolve_model
from hef.sem import resolve_sem
from langchain_core.messages import HumanMessage

pytest.importorskip("langchain_openai")

REPLY = ["I am ", "so sorry ", "about Bello."]
THOUGHT = "The user sounds sad."


def ollama_chunks() -> Iterator[dict[str, Any]]:
    """Yield deltas that all have a role, thoughts as `reasoning` beside an empty content, and an empty end."""
    yield {"role": "assistant", "content": "", "reasoning": THOUGHT}
    for word in REPLY:
        yield {"role": "assistant", "content": word}
    yield {"role": "assistant", "content": ""}


def vllm_chunks() -> Iterator[dict[str, Any]]:
    """Yield an empty delta with the role, thoughts under both names that vLLM has had, and words."""
    yield {"role": "assistant", "content": ""}
    yield {"reasoning_content": THOUGHT}
    yield {"reasoning": THOUGHT, "content": None}
    for word in REPLY:
        yield {"content": word}
    yield {"content": "", "reasoning_content": None}


def llama_chunks() -> Iterator[dict[str, Any]]:
    """Yield thoughts between tags, as servers write them that do not take them apart."""
    yield {"role": "assistant", "content": None}
    for word in ["<think>", THOUGHT, "</think>\n\n", *REPLY]:
        yield {"content": word}
    yield {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    chunks: Any
    requests: list[dict[str, Any]]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append({**request, "path": self.path, "key": self.headers["Authorization"]})
        head = {"id": "chatcmpl-1", "created": 1, "model": request["model"], "system_fingerprint": "fp_ollama"}
        if not request.get("stream"):
            message = {"role": "assistant", "content": "sad", "reasoning_content": THOUGHT, "tool_calls": []}
            choice = {"index": 0, "message": message, "finish_reason": "stop", "stop_reason": None}
            return self._send(
                json.dumps({**head, "object": "chat.completion", "choices": [choice]}), "application/json"
            )
        *deltas, last = self.server.chunks()
        ends = [(delta, None) for delta in deltas] + [(last, "stop")]
        choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": end} for delta, end in ends]
        chunks = [{**head, "object": "chat.completion.chunk", "choices": [choice]} for choice in choices]
        body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
        return self._send(f"{body}data: [DONE]\n\n", "text/event-stream")

    def _send(self, body: str, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


@contextmanager
def serve(chunks: Any) -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.chunks, server.requests = chunks, []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def exports() -> dict[str, str]:
    """Return the models that the page names, by the ports of their servers, and the key."""
    found: dict[str, str] = {}
    for block in blocks("sh", DOCS / "recipes" / "ollama-vllm.md"):
        lines = [line.split()[1:] for line in block.splitlines() if line.startswith("export")]
        settings = dict(word.split("=", 1) for line in lines for word in line)
        found |= {settings["OPENAI_BASE_URL"]: settings["HEF_MODEL"]} if "HEF_MODEL" in settings else settings
    return found


@pytest.mark.parametrize(
    ("chunks", "address"),
    [
        (ollama_chunks, "http://127.0.0.1:11434/v1"),
        (vllm_chunks, "http://127.0.0.1:8001/v1"),
        (llama_chunks, "http://127.0.0.1:8001/v1"),
    ],
)
async def test_an_llm_server_writes_the_reply_without_its_thoughts(
    chunks: Any, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = exports()
    monkeypatch.setenv("OPENAI_API_KEY", settings["OPENAI_API_KEY"])
    with serve(chunks) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", address.replace(address.split(":")[2], f"{server.server_port}/v1"))
        hef = create_hef(model=resolve_model(settings[address]), sem=resolve_sem("lexicon")).compile()
        turn = [HumanMessage("My dog Bello died and I am so sad.")]
        events = [event async for event in stream_turn(hef, turn, HefContext())]
    (end,) = (event for event in events if isinstance(event, Replied))
    assert end.reply == "".join(REPLY)
    assert "".join(event.text for event in events if isinstance(event, Token)).strip() == "".join(REPLY)
    assert (end.empathy.emotion, end.empathy.agreed) == ("sad", True)
    assert {request["model"] for request in server.requests} == {settings[address].removeprefix("openai:")}
    assert {(request["path"], request["key"]) for request in server.requests} == {
        ("/v1/chat/completions", "Bearer none")
    }
    assert [bool(request.get("stream")) for request in server.requests][-1] is True
