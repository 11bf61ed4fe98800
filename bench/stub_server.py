"""A stub of a hosted LLM: an OpenAI-compatible server in this process, as slow as one says, that counts tokens."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from ..prompts import Prompts
from ..prompts.loader import FEELING_LINE

_CHARACTERS = 4
"""Characters that a token counts as."""
_DANGER_FORM = "danger | suicide |"
"""In a prompt that asks for danger: the form of its answer."""
_FEELING_LINE = Prompts().render(FEELING_LINE, labels="…").partition(":")[0]
"""Begins the task in a prompt that asks for the line that says what is felt."""
REPLY = (
    "I am so sorry, that must have been a lot to carry all by yourself today. "
    "It makes sense that it stays with you like this. "
    "Would you like to tell me what happened right before it, and how you slept since?"
).split()
"""The words of the reply to everything; each is a token."""


@dataclass(slots=True)
class CallCounts:
    """What was asked of the server, and what it sent until its client went."""

    calls: int = 0
    """Calls."""
    prompt_tokens: int = 0
    """Tokens of all prompts."""
    completion_tokens: int = 0
    """Tokens that were sent."""


@dataclass(slots=True)
class StubLatency:
    """How slow the server is."""

    first_token: float = 0.5
    """Seconds from a request to the first token of its answer."""
    tokens_per_second: float = 60.0
    """Tokens of one answer a second."""

    def wait_for_token(self, started: float, number: int) -> None:
        """Wait until the token with this number, from 0, of an answer is due."""
        time.sleep(max(0.0, started + self.first_token + number / self.tokens_per_second - time.perf_counter()))


@dataclass
class StubAnswers:
    """What the server answers: the emotion of a text that is judged, `none` for danger in it, else `REPLY`."""

    emotions: Mapping[str, str] = field(default_factory=dict)
    """A text of the person -> the emotion that the LLM names."""

    def emotion(self, prompt: str) -> str:
        """Return what the LLM names for a prompt."""
        if _DANGER_FORM in prompt:
            return "none"
        return next((emotion for text, emotion in self.emotions.items() if text in prompt), "none")

    def line(self, prompt: str) -> str:
        """Return the line that says what is felt: the emotion, and four words of the text."""
        for text, emotion in self.emotions.items():
            if text in prompt:
                return f"{emotion}: {' '.join(text.split()[-4:])}"
        return "none"


class StubServer(ThreadingHTTPServer):
    """The server.

    Args:
        latency: How slow it is.
        answers: What it answers.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, latency: StubLatency, answers: StubAnswers) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.latency, self.answers = latency, answers
        self._counts, self._open = CallCounts(), 0
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        """Address of the API."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent where a client went; anything else is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def take_counts(self) -> CallCounts:
        """Return the counts since the last time, once no call is open."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open, timeout=60)
            counts, self._counts = self._counts, CallCounts()
        return counts

    @contextmanager
    def count_call(self, prompt: str) -> Iterator[None]:
        """Count a call while it is answered."""
        with self._changed:
            self._open += 1
            self._counts.calls += 1
            self._counts.prompt_tokens += len(prompt) // _CHARACTERS
        try:
            yield
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def count_token(self) -> None:
        """Count a token that was sent."""
        with self._changed:
            self._counts.completion_tokens += 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _stub(self) -> StubServer:
        return cast(StubServer, self.server)

    def do_POST(self) -> None:
        started = time.perf_counter()
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = "\n".join(str(message["content"]) for message in request["messages"])
        with self._stub.count_call(prompt):
            try:
                self._answer(request, _tokens(request, prompt, self._stub.answers), started, len(prompt))
            except ConnectionError:
                self.close_connection = True  # the client needs no more

    def _answer(self, request: dict[str, Any], tokens: list[str], started: float, characters: int) -> None:
        usage = {"prompt_tokens": characters // _CHARACTERS, "completion_tokens": len(tokens)}
        usage["total_tokens"] = sum(usage.values())
        if request.get("stream"):
            self._begin("text/event-stream", "Transfer-Encoding", "chunked")
            for number, token in enumerate(tokens):
                self._stub.latency.wait_for_token(started, number)
                self._send_event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": token}}]})
                self._stub.count_token()
            self._send_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            self._send_event({"choices": [], "usage": usage})
            self._send_chunk(b"data: [DONE]\n\n")
            self._send_chunk(b"")
            return
        self._stub.latency.wait_for_token(started, len(tokens) - 1)
        message = {"role": "assistant", "content": "".join(tokens)}
        answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
        body = json.dumps({**_HEAD, "object": "chat.completion", **answer}).encode()
        self._begin("application/json", "Content-Length", str(len(body)))
        self.wfile.write(body)
        for _ in tokens:
            self._stub.count_token()

    def _begin(self, kind: str, name: str, value: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header(name, value)
        self.end_headers()

    def _send_event(self, event: dict[str, Any]) -> None:
        self._send_chunk(f"data: {json.dumps({**_HEAD, 'object': 'chat.completion.chunk', **event})}\n\n".encode())

    def _send_chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


_HEAD = {"id": "stub", "created": 0, "model": "stub"}


def _tokens(request: dict[str, Any], prompt: str, answers: StubAnswers) -> list[str]:
    """Return the tokens of an answer: JSON by a schema, a line or a word where one is asked for, else a reply."""
    schema = request.get("response_format", {}).get("json_schema", {}).get("schema")
    if schema is None and _FEELING_LINE in prompt:
        return _split(answers.line(prompt))
    if schema is None and "<dialogue>" not in prompt:
        return [f"{word} " for word in REPLY]
    emotion, text = answers.emotion(prompt), ""
    if schema is None:
        text = emotion
    else:
        choices = {name: field.get("enum", [emotion]) for name, field in schema["properties"].items()}
        text = json.dumps({name: emotion if emotion in words else "none" for name, words in choices.items()})
    return _split(text)


def _split(text: str) -> list[str]:
    return [text[start : start + _CHARACTERS] for start in range(0, len(text), _CHARACTERS)]


@contextmanager
def stub_server(latency: StubLatency, answers: StubAnswers) -> Iterator[StubServer]:
    """Serve on a free port of this machine."""
    with StubServer(latency, answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
