"""A client for a SEM that is served over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from time import monotonic
from typing import Any, NamedTuple, Self, TypeVar, cast

import httpx
from pydantic import ValidationError
from tenacity import Retrying, retry_if_exception_type, retry_if_result, stop_after_attempt, wait_random_exponential

from ...contract import Cause, Dialogue, ModelError, Reading, SetupError, View
from ...contract.sync_async import call_within
from ..protocol import SemDescription
from ..validation import apply_views, check_reading, require_known_emotions
from .http_schema import (
    CausesAnswer,
    CausesRequest,
    DescriptionMessage,
    EmbedAnswer,
    EmbedRequest,
    ErrorMessage,
    Message,
    ReadAnswer,
    ReadRequest,
)

_RETRYABLE_STATUS = frozenset({429, 502, 503, 504})
"""Status codes of a temporary failure."""
_INVALID_REQUEST_STATUS = frozenset({400, 413, 422})
"""Status codes of an invalid request to a working service."""
_MAX_BYTES, _MAX_BYTES_PER_INPUT = 2**20, 2**18
"""Maximum size of an answer: once, and per dialogue or text; a vector of 4,096 numbers takes some 90 kB."""
Answer = TypeVar("Answer", bound=Message)


class HttpSem:
    """Predict emotion and cause words with a served SEM, for example by `hef serve sem`.

    The protocol is plain JSON, so that any server can implement it:

    * `GET URL/description` returns `{"description": {"name": …, "taxonomy": {"name": …, "labels": […]}}}` with the
      other fields of a `SemDescription`, and `"dimensions": n` if it computes sentence vectors; the client is then an
      `EmbeddingSem`.
    * `POST URL/read` of `{"dialogues": [[{"role": "speaker", "text": …}, …], …], "views": ["dialogue", …] or null}`
      returns `{"readings": [{"distribution": {label: probability, …}, "sem": name, "view": …}, …]}`.
    * `POST URL/causes` of `{"dialogues": […], "emotions": [label, …]}` returns
      `{"causes": [[{"text": …, "turn": n, "start": n, "end": n, "weight": share}, …], …]}`.
    * `POST URL/embed` of `{"texts": […]}` returns `{"vectors": [[…], …]}`.
    * Anything else is `{"error": …}` with status 422 for an invalid request, 500 for a failure.

    Dialogues are sent to that address as plain text: over a shared network use https and `headers`. An answer may have
    1 MiB and 256 KiB per dialogue or text; a longer one is not read.

    Args:
        url: Address of the service, for example `http://127.0.0.1:8100`.
        timeout: Seconds per attempt, from the connection to the last byte of the answer.
        tries: Maximum number of attempts while the service is unreachable or busy.
        headers: Headers of each request, for example an authorisation.

    Raises:
        SetupError: There is no such service.
    """

    _connection: _Connection
    _message: DescriptionMessage

    def __new__(
        cls, url: str, *, timeout: float = 60.0, tries: int = 4, headers: Mapping[str, str] | None = None
    ) -> Self:
        """Connect, and create the embedding subclass if the service embeds: protocols check for the methods."""
        connection = _Connection(url, timeout, tries, headers)
        try:
            message = connection.request("description", DescriptionMessage)
        except ModelError as error:
            raise SetupError(str(error)) from error
        client: Any = object.__new__(_EmbeddingHttpSem if cls is HttpSem and message.dimensions else cls)
        client._connection, client._message = connection, message
        return cast(Self, client)

    @property
    def description(self) -> SemDescription:
        """Return the description that the service sent on connection."""
        return self._message.description

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one reading per dialogue.

        Raises:
            ModelError: The service is unreachable, failed, or returned an invalid distribution.
            SetupError: It refused the request.
        """
        resolved: list[View] = [view for view, _ in apply_views(dialogues, views)]
        if not resolved:
            return []
        request = ReadRequest(dialogues=[list(turns) for turns in dialogues], views=resolved)
        readings = self._connection.request("read", ReadAnswer, request, inputs=len(dialogues)).readings
        self._connection.check_count(readings, dialogues)
        labels, name = self.description.taxonomy.labels, self.description.name
        return [check_reading(reading, labels, name) for reading in readings]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return for each dialogue the cause words of the given emotion, strongest first.

        Raises:
            ModelError: The service is unreachable or failed.
            SetupError: It refused the request.
        """
        require_known_emotions(dialogues, emotions, self.description)
        if not dialogues:
            return []
        request = CausesRequest(dialogues=[list(turns) for turns in dialogues], emotions=list(emotions))
        causes = self._connection.request("causes", CausesAnswer, request, inputs=len(dialogues)).causes
        self._connection.check_count(causes, dialogues)
        return causes


class _EmbeddingHttpSem(HttpSem):
    """A service that also computes sentence vectors."""

    @property
    def dimensions(self) -> int:
        """Return the width of a sentence vector."""
        return self._message.dimensions or 0

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector per text.

        Raises:
            ModelError: The service is unreachable or failed.
        """
        if not texts:
            return []
        request = EmbedRequest(texts=list(texts))
        vectors = self._connection.request("embed", EmbedAnswer, request, inputs=len(texts)).vectors
        self._connection.check_count(vectors, texts)
        return vectors


class _Connection:
    """Send requests to a service and translate failures."""

    def __init__(self, url: str, timeout: float, tries: int, headers: Mapping[str, str] | None) -> None:
        self._url = url.rstrip("/")
        self._service = f"the SEM service at {self._url}"
        self._timeout = timeout
        self._client = httpx.Client(timeout=timeout, headers=dict(headers or {}))
        self._retrying = Retrying(
            stop=stop_after_attempt(tries),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            retry=retry_if_exception_type(httpx.TransportError)
            | retry_if_result(lambda response: response.status_code in _RETRYABLE_STATUS),
            retry_error_callback=lambda last: last.outcome and last.outcome.result(),
        )

    def request(self, path: str, answer: type[Answer], body: Message | None = None, *, inputs: int = 0) -> Answer:
        """Return the answer to a request about some inputs; it is retried while the service is unreachable or busy."""
        try:
            response = self._retrying(self._send, path, body, _MAX_BYTES + inputs * _MAX_BYTES_PER_INPUT)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ModelError(
                f"{self._service} cannot be reached: {error or type(error).__name__}; is it running?"
            ) from error
        if not httpx.codes.is_success(response.status_code):
            answered = f"{self._service} answered {path!r} with status {response.status_code}"
            if response.status_code in _INVALID_REQUEST_STATUS:
                raise SetupError(f"{answered}: {_error_text(response)}")
            raise ModelError(answered)  # what a broken service says may quote the person
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the answer"
            raise ModelError(
                f"{self._service} answered {path!r} without a valid {answer.__name__}: {where}: {first['msg']}"
            ) from error

    def check_count(self, results: Sequence[object], inputs: Sequence[object]) -> None:
        """Check that there is one result per input.

        Raises:
            ModelError: There is not.
        """
        if len(results) != len(inputs):
            raise ModelError(f"{self._service} returned {len(results)} results for {len(inputs)} inputs")

    def _send(self, path: str, body: Message | None, max_bytes: int) -> _Response:
        url = f"{self._url}/{path}"
        if body is None:
            request = self._client.build_request("GET", url)
        else:
            headers = {"content-type": "application/json"}
            request = self._client.build_request("POST", url, content=body.model_dump_json(), headers=headers)
        try:
            return call_within(self._timeout, lambda: self._receive(request, max_bytes))
        except TimeoutError:
            raise httpx.ReadTimeout(f"no complete answer within {self._timeout:g} s") from None

    def _receive(self, request: httpx.Request, max_bytes: int) -> _Response:
        """Return an answer with its content, which is read no further than allowed."""
        deadline, content = monotonic() + self._timeout, bytearray()
        with closing(self._client.send(request, stream=True)) as response:
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > max_bytes:
                    raise ModelError(f"{self._service} sent more than {max_bytes:,} bytes as its answer")
                if monotonic() > deadline:
                    raise TimeoutError
        return _Response(response.status_code, bytes(content))


class _Response(NamedTuple):
    """An answer that was read to its end."""

    status_code: int
    """Its status."""
    content: bytes
    """Its body."""


def _error_text(response: _Response) -> str:
    try:
        return ErrorMessage.model_validate_json(response.content).error
    except ValidationError:
        return "something else than an error of the protocol"
