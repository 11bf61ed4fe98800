"""An OpenAI-compatible LLM server that answers at once, from the prompt alone, and can be told to wait."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CODE = re.compile(r"code\w+")


class LlmServer(ThreadingHTTPServer):
    """Agrees with the first emotion that it is offered; its reply holds every `code…` word of the prompt.

    Once `until` replies were written, further ones wait until `opened` is set. The API key names the client.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, until: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.opened = threading.Event()
        self.waiting: Counter[str] = Counter()
        """API key -> number of waiting replies."""
        self.changed = threading.Condition()
        self._left = until

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def wait_for(self, key: str, count: int) -> bool:
        """Wait until that many replies to a client are waiting, and return whether they are."""
        with self.changed:
            return self.changed.wait_for(lambda: self.waiting[key] >= count, timeout=600)

    def pass_gate(self, key: str) -> None:
        with self.changed:
            self._left -= 1
            if self._left >= 0:
                return
            self.waiting[key] += 1
            self.changed.notify_all()
        self.opened.wait()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LlmServer

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if schema := request.get("response_format", {}).get("json_schema", {}).get("schema"):
            text = json.dumps({"emotion": schema["properties"]["emotion"]["enum"][0], "hypothesis": "none"})
        else:
            self.server.pass_gate(self.headers["Authorization"].removeprefix("Bearer "))
            text = " ".join(["I hear you.", *sorted(set(CODE.findall(json.dumps(request["messages"]))))])
        self._send(request["model"], text, is_streamed=bool(request.get("stream")))

    def _send(self, model: str, said: str, *, is_streamed: bool) -> None:
        answer: dict[str, Any] = {"id": "1", "created": 0, "model": model}
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "finish_reason": "stop"}
        if is_streamed:
            answer |= {"object": "chat.completion.chunk", "choices": [{**choice, "delta": message}]}
            body, kind = f"data: {json.dumps(answer)}\n\ndata: [DONE]\n\n".encode(), "text/event-stream"
        else:
            answer |= {"object": "chat.completion", "choices": [{**choice, "message": message}]}
            body, kind = json.dumps(answer).encode(), "application/json"
        try:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True  # the client was killed meanwhile

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


@contextmanager
def llm_server(until: int) -> Iterator[LlmServer]:
    """Serve on a free port."""
    with LlmServer(until) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.opened.set()
            server.shutdown()
