"""A SEM that runs elsewhere, asked over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar, cast

import httpx
from pydantic import ValidationError
from tenacity import Retrying, retry_if_exception_type, retry_if_result, stop_after_attempt, wait_random_exponential

from ...contract import Cause, Dialogue, ModelError, Reading, SetupError, View
from ..distribution import check_reading
from ..protocol import SemDescription
from ..validation import apply_views, require_known_emotions
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

_AWAY = frozenset({429, 502, 503, 504})
"""Status codes that another try may get past."""
_REFUSED = frozenset({400, 413, 422})
"""Status codes of a service that works and was asked what it cannot answer."""
Answer = TypeVar("Answer", bound=Message)


class HttpSem:
    """Read emotion and cause words with a SEM that a service holds, such as `hef serve sem`.

    The service speaks plain JSON, so that any server can be one:

    * `GET URL/description` gives `{"description": {"name": …, "taxonomy": {"name": …, "labels": […]}}}` with what else
      a `SemDescription` holds, and `"dimensions": n` where it gives sentence vectors; it is then an `EmbeddingSem`.
    * `POST URL/read` of `{"dialogues": [[{"role": "speaker", "text": …}, …], …], "views": ["dialogue", …] or null}`
      gives `{"readings": [{"distribution": {label: probability, …}, "sem": name, "view": …}, …]}`.
    * `POST URL/causes` of `{"dialogues": […], "emotions": [label, …]}` gives
      `{"causes": [[{"text": …, "turn": n, "start": n, "end": n, "weight": share}, …], …]}`.
    * `POST URL/embed` of `{"texts": […]}` gives `{"vectors": [[…], …]}`.
    * Anything else is `{"error": …}` with status 422 for what cannot be answered, 500 for a failure.

    What was said goes to that address as it is: over a network that others share use https and `headers`.

    Args:
        url: Where the service is, for example `http://127.0.0.1:8100`.
        timeout: Seconds that one try may take.
        tries: How often a request is sent at most while the service is away or busy.
        headers: Sent with each request, for example an authorisation.

    Raises:
        SetupError: There is no such service.
    """

    _link: _Link
    _about: DescriptionMessage

    def __new__(
        cls, url: str, *, timeout: float = 60.0, tries: int = 4, headers: Mapping[str, str] | None = None
    ) -> Self:
        """Connect, and make the kind that embeds where the service does: a protocol looks at what is there."""
        link = _Link(url, timeout, tries, headers)
        try:
            about = link.ask("description", DescriptionMessage)
        except ModelError as error:
            raise SetupError(str(error)) from error
        made: Any = object.__new__(_EmbeddingHttpSem if cls is HttpSem and about.dimensions else cls)
        made._link, made._about = link, about
        return cast(Self, made)

    @property
    def description(self) -> SemDescription:
        """Return what the service said of its SEM when it was connected to."""
        return self._about.description

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one reading a dialogue.

        Raises:
            ModelError: The service is away, failed, or answered what is no distribution over its labels.
            SetupError: It refuses the question.
        """
        looks: list[View] = [view for view, _ in apply_views(dialogues, views)]
        if not looks:
            return []
        question = ReadRequest(dialogues=[list(turns) for turns in dialogues], views=looks)
        found = self._link.ask("read", ReadAnswer, question).readings
        self._link.check(found, dialogues)
        labels, name = self.description.taxonomy.labels, self.description.name
        return [check_reading(reading, labels, name) for reading in found]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return for each dialogue the words that speak for the given emotion, strongest first.

        Raises:
            ModelError: The service is away or failed.
            SetupError: It refuses the question.
        """
        require_known_emotions(dialogues, emotions, self.description)
        if not dialogues:
            return []
        question = CausesRequest(dialogues=[list(turns) for turns in dialogues], emotions=list(emotions))
        found = self._link.ask("causes", CausesAnswer, question).causes
        self._link.check(found, dialogues)
        return found


class _EmbeddingHttpSem(HttpSem):
    """A service that gives sentence vectors, too."""

    @property
    def dimensions(self) -> int:
        """Return the width of a sentence vector."""
        return self._about.dimensions or 0

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text.

        Raises:
            ModelError: The service is away or failed.
        """
        if not texts:
            return []
        found = self._link.ask("embed", EmbedAnswer, EmbedRequest(texts=list(texts))).vectors
        self._link.check(found, texts)
        return found


class _Link:
    """Send questions to a service, and say what went wrong."""

    def __init__(self, url: str, timeout: float, tries: int, headers: Mapping[str, str] | None) -> None:
        self._url = url.rstrip("/")
        self._what = f"the SEM service at {self._url}"
        self._client = httpx.Client(timeout=timeout, headers=dict(headers or {}))
        self._retrying = Retrying(
            stop=stop_after_attempt(tries),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            retry=retry_if_exception_type(httpx.TransportError)
            | retry_if_result(lambda response: response.status_code in _AWAY),
            retry_error_callback=lambda last: last.outcome and last.outcome.result(),
        )

    def ask(self, path: str, answer: type[Answer], question: Message | None = None) -> Answer:
        """Return the answer to a question; it is sent again while the service is away or busy."""
        try:
            response = self._retrying(self._send, path, question)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ModelError(
                f"{self._what} cannot be reached: {error or type(error).__name__}; is it running?"
            ) from error
        if not response.is_success:
            kind = SetupError if response.status_code in _REFUSED else ModelError
            raise kind(f"{self._what} answered {path!r} with status {response.status_code}: {_said(response)}")
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the whole answer"
            raise ModelError(
                f"{self._what} answered {path!r} with no {answer.__name__}: {where}: {first['msg']}"
            ) from error

    def check(self, found: Sequence[object], asked: Sequence[object]) -> None:
        """Refuse an answer that is not one for each thing that was asked."""
        if len(found) != len(asked):
            raise ModelError(f"{self._what} gave {len(found)} answers to {len(asked)} questions")

    def _send(self, path: str, question: Message | None) -> httpx.Response:
        address = f"{self._url}/{path}"
        if question is None:
            return self._client.get(address)
        kind = {"content-type": "application/json"}
        return self._client.post(address, content=question.model_dump_json(), headers=kind)


def _said(response: httpx.Response) -> str:
    try:
        return ErrorMessage.model_validate_json(response.content).error
    except ValidationError:
        return response.text[:200]
