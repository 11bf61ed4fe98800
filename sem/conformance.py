"""Conformance checks for SEMs.

Each check takes a SEM and returns nothing, or raises a `ModelError` that names the SEM, the actual and the
expected behaviour. `hef.sem.testing.SemContract` runs the same checks under pytest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import fsum, isfinite, sqrt
from typing import Any, NoReturn, TypeAlias

from ..contract import Dialogue, ModelError, Reading, SetupError, Turn, View, apply_view
from .protocol import EmbeddingSem, Sem, SemDescription
from .taxonomy import Taxonomy
from .validation import causes_fault, check_reading

Check: TypeAlias = Callable[[Sem], None]

TOLERANCE = 0.05
"""Largest change of a probability by other dialogues of the batch: quantised weights round."""
MAX_DESCRIPTION_SECONDS = 0.5
"""Processor time that `description` may take; loading weights takes longer."""
UNKNOWN_EMOTION = "no such emotion"
CONVERSATION: Dialogue = (
    Turn("speaker", "I had been so happy about the new job."),
    Turn("listener", "Oh, what happened?"),
    Turn("speaker", "They fired me today, and I am scared of telling my wife."),
)
DIALOGUES: tuple[Dialogue, ...] = (
    [Turn("speaker", "My dog died last night.")],
    CONVERSATION,
    CONVERSATION[1:2],
    CONVERSATION[:1],
)
ODD_TEXTS: tuple[Dialogue, ...] = tuple(
    [Turn("speaker", text)]
    for text in (
        "",
        " \n\t ",
        "😢😢 my cat 🐈\u200d⬛ is gone 💔",
        "I\u00a0am\tso   sad\r\n\r\nabout  it ",
        "e\u0301tat d'a\u0302me, \u202eright to left\u202c",
        "\x00\ufffd",
        "Ich bin sehr traurig. 私はとても悲しいです。",
        "<dialogue> {text} $name %s \\n </dialogue>",
        "?!",
    )
)
LONG_TEXTS: tuple[Dialogue, ...] = (
    [Turn("speaker" if i % 2 == 0 else "listener", f"This is turn {i} of a talk without end.") for i in range(801)],
    [Turn("speaker", "I am so sad about it. " * 3000)],
)


def check_sem(sem: Sem) -> None:
    """Check that a SEM does all that HEF expects of one.

    Raises:
        ModelError: It names the SEM and the first violation.
    """
    for check in CHECKS:
        check(sem)
    if isinstance(sem, EmbeddingSem):
        check_embedding(sem)


def check_description(sem: Sem) -> None:
    """Check that the description is complete, constant and cheap."""
    with _calling(sem, "description"):
        is_sem = isinstance(sem, Sem) and not isinstance(sem, type)
    if not is_sem:
        _fail(sem, "it lacks one of `description`, `read` and `causes`, or is a class instead of an object")
    started = time.process_time()
    with _calling(sem, "description"):
        description, repeated = sem.description, sem.description
    if time.process_time() - started > MAX_DESCRIPTION_SECONDS:
        _fail(sem, f"`description` takes more than {MAX_DESCRIPTION_SECONDS} s; it must not load weights")
    if not isinstance(description, SemDescription) or not isinstance(description.taxonomy, Taxonomy):
        _fail(sem, "`description` is not a SemDescription with a Taxonomy")
    if description != repeated:
        _fail(sem, "`description` changes from one call to the next")
    for field in ("name", "licence"):
        if not str(getattr(description, field)).strip():
            _fail(sem, f"`description.{field}` is blank")
    if not description.languages:
        _fail(sem, "`description.languages` is empty; give ISO 639-1 codes such as 'en'")
    for field, value in {"size_mb": description.size_mb, **description.metrics}.items():
        if not isfinite(value) or (field == "size_mb" and value < 0):
            _fail(sem, f"`description` gives {field} as {value}")


def check_readings(sem: Sem) -> None:
    """Check that `read` returns one distribution per dialogue, over exactly the taxonomy's labels."""
    _read(sem, DIALOGUES)
    if _call(sem, "read", []) != []:
        _fail(sem, "`read` of no dialogues is not an empty list")


def check_batches(sem: Sem) -> None:
    """Check that a batch gives the same readings, in order, as its dialogues one by one."""
    batched = _read(sem, DIALOGUES)
    for index, (reading, dialogue) in enumerate(zip(batched, DIALOGUES, strict=True)):
        _check_same(sem, reading, _read(sem, [dialogue])[0], f"dialogue {index} of a batch reads otherwise than alone")


def check_views(sem: Sem) -> None:
    """Check that `views`, one per dialogue, are applied and recorded in the readings."""
    views: tuple[View, ...] = ("dialogue", "speaker", "last_turn")
    for reading, view in zip(_read(sem, [CONVERSATION] * len(views), views), views, strict=True):
        (expected,) = _read(sem, [apply_view(CONVERSATION, view)])
        _check_same(sem, reading, expected, f"the view {view!r} reads otherwise than its turns alone")
    _check_refuses(sem, "read", [CONVERSATION], views=["dialogue", "speaker"])


def check_odd_text(sem: Sem) -> None:
    """Check that blank, malformed, foreign and very long texts are read without an error."""
    _read(sem, ODD_TEXTS)
    _read(sem, LONG_TEXTS)


def check_causes(sem: Sem) -> None:
    """Check that causes have exact offsets, come strongest first, and have weights that sum to at most 1."""
    dialogues = (*DIALOGUES, *ODD_TEXTS)
    for emotion in (sem.description.taxonomy.labels[0], *_read(sem, [CONVERSATION])[0].ranked[:1]):
        causes_per_dialogue = _call(sem, "causes", dialogues, [emotion] * len(dialogues))
        if not isinstance(causes_per_dialogue, list) or len(causes_per_dialogue) != len(dialogues):
            _fail(sem, f"`causes` did not return a list of {len(dialogues)}, one per dialogue")
        for causes, dialogue in zip(causes_per_dialogue, dialogues, strict=True):
            if fault := causes_fault(causes, dialogue):
                _fail(sem, fault)
    if _call(sem, "causes", [], []) != []:
        _fail(sem, "`causes` of no dialogues is not an empty list")


def check_refusals(sem: Sem) -> None:
    """Check that a dialogue without turns and an unknown emotion are refused with a `SetupError`."""
    label = sem.description.taxonomy.labels[0]
    _check_refuses(sem, "read", [[]])
    _check_refuses(sem, "causes", [[]], [label])
    _check_refuses(sem, "causes", [CONVERSATION], [UNKNOWN_EMOTION])


def check_embedding(sem: EmbeddingSem) -> None:
    """Check that sentence vectors have `dimensions` components and length 1, and equal texts equal vectors."""
    texts = ["My dog died.", "", "I won! 🎉", "My dog died."]
    vectors = _call(sem, "embed", texts)
    if len(vectors) != len(texts) or any(len(vector) != sem.dimensions for vector in vectors):
        _fail(sem, f"`embed` did not return one vector of {sem.dimensions} numbers for each of {len(texts)} texts")
    for text, vector in zip(texts, vectors, strict=True):
        length = sqrt(fsum(value * value for value in vector))
        if not abs(length - 1) < 1e-3:
            _fail(sem, f"`embed` gave {text!r} a vector of length {length:.4f}; expected 1")
    if fsum(a * b for a, b in zip(vectors[0], vectors[3], strict=True)) < 1 - TOLERANCE:
        _fail(sem, "`embed` gave one text two vectors")
    if _call(sem, "embed", []) != []:
        _fail(sem, "`embed` of no texts is not an empty list")


CHECKS: tuple[Check, ...] = (
    check_description,
    check_readings,
    check_batches,
    check_views,
    check_odd_text,
    check_causes,
    check_refusals,
)
"""The checks for every SEM; `check_embedding` is for an `EmbeddingSem` only."""


def _read(sem: Sem, dialogues: Sequence[Dialogue], views: Sequence[View] | None = None) -> list[Reading]:
    """Return the readings after checking their number, labels, view and SEM name."""
    readings: Any = _call(sem, "read", dialogues, views=views) if views else _call(sem, "read", dialogues)
    if not isinstance(readings, list) or not all(isinstance(reading, Reading) for reading in readings):
        _fail(sem, "`read` did not return a list of Reading")
    if len(readings) != len(dialogues):
        _fail(sem, f"`read` returned {len(readings)} readings for {len(dialogues)} dialogues")
    name, labels = sem.description.name, sem.description.taxonomy.labels
    for reading, view in zip(readings, views or ["dialogue"] * len(readings), strict=True):
        check_reading(reading, labels, name)
        if reading.view != view:
            _fail(sem, f"a reading of the view {view!r} names the view {reading.view!r}")
        if reading.sem != name:
            _fail(sem, f"a reading's `sem` is {reading.sem!r}; expected the description's name")
    return list(readings)


def _check_same(sem: Sem, one: Reading, other: Reading, complaint: str) -> None:
    difference = max(abs(one.distribution[label] - other.distribution[label]) for label in one.distribution)
    if difference > TOLERANCE:
        _fail(sem, f"{complaint}: a probability differs by {difference:.3f}")


def _check_refuses(sem: Sem, method: str, *arguments: Any, **named: Any) -> None:
    call = f"`{method}` of {', '.join(map(repr, arguments))}"
    try:
        getattr(sem, method)(*arguments, **named)
    except SetupError:
        return
    except Exception as error:
        _fail(sem, f"{call} raises {type(error).__name__} ({error}); expected SetupError", error)
    _fail(sem, f"{call} raises nothing; expected SetupError")


def _call(sem: Sem, method: str, *arguments: Any, **named: Any) -> Any:
    with _calling(sem, method):
        return getattr(sem, method)(*arguments, **named)


@contextmanager
def _calling(sem: Sem, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        _fail(sem, f"`{what}` raises {type(error).__name__}: {error}", error)


def _fail(sem: object, complaint: str, cause: BaseException | None = None) -> NoReturn:
    raise ModelError(f"SEM {_name(sem)!r}: {complaint}") from cause


def _name(sem: object) -> str:
    """Return the name of the SEM, or of its class if it has no readable description."""
    try:
        return str(sem.description.name)  # type: ignore[attr-defined]
    except Exception:
        return sem.__name__ if isinstance(sem, type) else type(sem).__name__
