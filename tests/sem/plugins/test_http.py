"""`HttpSem`: any server that speaks its few lines of JSON is a SEM, and one that does not is named."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from hef.contract import ModelError, SetupError, Turn
from hef.sem import EmbeddingSem, HttpSem, LexiconSem, Sem, resolve_sem
from hef.sem.testing import SemContract

GLAD = [[Turn("speaker", "I am so happy.")]]
READER = LexiconSem()


def answer(path: str, asked: Any) -> Any:
    """Answer as a server does that knows nothing of HEF's messages: with dictionaries."""
    if path == "/description":
        taxonomy = READER.description.taxonomy
        return {
            "description": {"name": "lexicon", "taxonomy": {"name": taxonomy.name, "labels": list(taxonomy.labels)}}
        }
    dialogues = [[Turn(turn["role"], turn["text"]) for turn in turns] for turns in asked["dialogues"]]
    if path == "/read":
        return {"readings": [row.model_dump() for row in READER.read(dialogues, views=asked["views"])]}
    found = READER.causes(dialogues, asked["emotions"])
    return {"causes": [[cause.model_dump() for cause in causes] for causes in found]}


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[..., str]]:
    """Return what serves a function from path and question to status and answer, and returns the address."""
    servers: list[ThreadingHTTPServer] = []

    def start(say: Callable[[str, Any], tuple[int, str]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

            def _answer(self, asked: Any) -> None:
                status, text = say(self.path, asked)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *about: Any) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def sem(serve: Any) -> Sem:
    return resolve_sem(serve(lambda path, asked: (200, json.dumps(answer(path, asked)))))


class TestSemBehindAnyServer(SemContract):
    pass


def but(path: str, status: int, text: str) -> Callable[[str, Any], tuple[int, str]]:
    """Return a server that answers one path in its own way."""
    return lambda given, asked: (status, text) if given == path else (200, json.dumps(answer(given, asked)))


def test_a_service_without_vectors_is_no_embedding_sem(sem: Sem) -> None:
    assert isinstance(sem, HttpSem)
    assert not isinstance(sem, EmbeddingSem)


def test_a_service_with_vectors_gives_them(serve: Any) -> None:
    about = {**answer("/description", None), "dimensions": 2}
    pages = {"/description": about, "/embed": {"vectors": [[0.6, 0.8]]}}

    sem = HttpSem(serve(lambda path, asked: (200, json.dumps(pages[path]))))

    assert isinstance(sem, EmbeddingSem)
    assert (sem.dimensions, sem.embed(["x"]), sem.embed([])) == (2, [[0.6, 0.8]], [])


def test_a_service_of_the_version_before_is_understood(serve: Any) -> None:
    about = answer("/description", None)
    about["description"]["figures"] = {"top1": 0.5}
    reading = {"distribution": dict(READER.read(GLAD)[0].distribution), "weight": 0.5, "dropped": 2}
    pages = {"/description": about, "/read": {"readings": [reading]}}

    sem = HttpSem(serve(lambda path, asked: (200, json.dumps(pages[path]))))

    assert sem.description.metrics == {"top1": 0.5}
    assert [(read.pool_weight, read.truncated_turns) for read in sem.read(GLAD)] == [(0.5, 2)]


def test_a_service_that_is_busy_is_asked_again(serve: Any) -> None:
    calls: list[str] = []

    def busy(path: str, asked: Any) -> tuple[int, str]:
        calls.append(path)
        return (503, "") if calls.count(path) < 3 else (200, json.dumps(answer(path, asked)))

    assert HttpSem(serve(busy)).read(GLAD)[0].sem == "lexicon"
    assert calls == ["/description"] * 3 + ["/read"] * 3


def test_a_service_that_stays_busy_is_named(serve: Any) -> None:
    sem = HttpSem(serve(but("/read", 503, "")), tries=2)

    with pytest.raises(ModelError, match=r"127\.0\.0\.1.*status 503"):
        sem.read(GLAD)


def test_a_service_that_is_not_there_is_named_when_it_is_set_up() -> None:
    with pytest.raises(SetupError, match=r"http://127\.0\.0\.1:9 cannot be reached.*is it running"):
        HttpSem("http://127.0.0.1:9", tries=1)


@pytest.mark.parametrize(
    ("status", "text", "kind", "said"),
    [
        (422, '{"error": "too long"}', SetupError, "too long"),
        (500, '{"error": "could not read: I am ill."}', ModelError, "status 500$"),
        (404, "<html>", ModelError, "404"),
        (200, "<html>", ModelError, "without a valid ReadAnswer"),
        (200, '{"readings": []}', ModelError, "0 results for 1 inputs"),
        (200, '{"readings": [{"distribution": {"happy": 1}, "sem": "lexicon"}]}', ModelError, "lexicon"),
    ],
)
def test_an_answer_that_is_none_is_told(serve: Any, status: int, text: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        HttpSem(serve(but("/read", status, text)), tries=1).read(GLAD)


def test_a_server_of_something_else_is_no_sem(serve: Any) -> None:
    with pytest.raises(SetupError, match="without a valid DescriptionMessage: description"):
        resolve_sem(serve(lambda path, asked: (200, "{}")))


@pytest.mark.parametrize("compressed", [False, True], ids=["long", "compressed"])
def test_an_answer_that_is_too_long_is_not_read(raw_server: Any, compressed: bool) -> None:
    body = gzip.compress(b"a" * 300_000_000) if compressed else b"a" * 3_000_000
    encoding = b"content-encoding: gzip\r\n" if compressed else b""
    url = raw_server(lambda peer: peer.sendall(b"HTTP/1.1 200 OK\r\n" + encoding + b"\r\n" + body))

    with pytest.raises(SetupError, match="sent more than 1,048,576 bytes"):
        HttpSem(url, tries=1)


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_service_that_never_ends_its_answer_is_given_up(raw_server: Any, beginning: bytes) -> None:
    closed = Event()

    def drip(peer: socket.socket) -> None:
        peer.sendall(beginning)
        while not closed.wait(0.01):
            peer.sendall(b"a")

    try:
        with pytest.raises(SetupError, match=r"no complete answer within 0\.2 s"):
            HttpSem(raw_server(drip), timeout=0.2, tries=1)
    finally:
        closed.set()


def test_more_inputs_may_have_a_longer_answer(serve: Any) -> None:
    about = {**answer("/description", None), "dimensions": 4096}
    long = {"vectors": [[0.123456789012345678] * 4096] * 40}
    pages = {"/description": about, "/embed": long}
    sem: Any = HttpSem(serve(lambda path, asked: (200, json.dumps(pages[path]))))

    assert len(json.dumps(long)) > 2_000_000
    assert len(sem.embed(["x"] * 40)) == 40


@pytest.fixture
def raw_server() -> Iterator[Callable[..., str]]:
    """Return what serves a function that is given each connection, and returns the address."""
    with ExitStack() as stack:

        def start(handle: Callable[[socket.socket], None]) -> str:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def accept() -> None:
                with suppress(OSError):
                    while True:
                        peer, _ = listener.accept()
                        peer.recv(65536)
                        with peer, suppress(OSError):
                            handle(peer)

            Thread(target=accept, daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        yield start


def test_headers_go_with_each_request(serve: Any) -> None:
    heard: list[Any] = []
    sem = HttpSem(serve(but("", 200, "")), headers={"authorization": "Bearer x"})
    sem._connection._client.event_hooks["request"].append(
        lambda request: heard.append(request.headers["authorization"])
    )

    sem.read(GLAD)

    assert heard == ["Bearer x"]


def test_the_client_does_without_ray() -> None:
    code = "import sys; sys.modules['ray'] = None; from hef.sem import HttpSem; print(HttpSem.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "HttpSem"
