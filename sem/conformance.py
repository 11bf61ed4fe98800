"""What every SEM must keep to, as functions that name the SEM which does not.

Each takes a SEM and returns nothing, or raises a `ModelError` that says what was found and what was
expected. `hef.sem.testing.SemContract` runs the same ones under pytest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import fsum, isfinite, sqrt
from typing import Any, NoReturn, TypeAlias

from ..contract import Cause, Dialogue, ModelError, Reading, SetupError, Turn, View, apply_view
from .distribution import check_reading
from .protocol import EmbeddingSem, Sem, SemDescription
from .taxonomy import Taxonomy

Check: TypeAlias = Callable[[Sem], None]

TOLERANCE = 0.05
"""How far a probability may be moved by the dialogues that were read beside it: quantised weights round."""
SECONDS = 0.5
"""Processor time that a description may take; loading weights takes longer."""
UNKNOWN = "no such emotion"
TALK: Dialogue = (
    Turn("speaker", "I had been so happy about the new job."),
    Turn("listener", "Oh, what happened?"),
    Turn("speaker", "They fired me today, and I am scared of telling my wife."),
)
DIALOGUES: tuple[Dialogue, ...] = ([Turn("speaker", "My dog died last night.")], TALK, TALK[1:2], TALK[:1])
ODD: tuple[Dialogue, ...] = tuple(
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
LONG: tuple[Dialogue, ...] = (
    [Turn("speaker" if i % 2 == 0 else "listener", f"This is turn {i} of a talk without end.") for i in range(801)],
    [Turn("speaker", "I am so sad about it. " * 3000)],
)


def check_sem(sem: Sem) -> None:
    """Hold a SEM to all that HEF expects of one.

    Raises:
        ModelError: It names the SEM and the first thing that is wrong.
    """
    for check in CHECKS:
        check(sem)
    if isinstance(sem, EmbeddingSem):
        check_embedding(sem)


def check_description(sem: Sem) -> None:
    """The description is complete, stays the same, and costs next to nothing."""
    with _calling(sem, "description"):
        whole = isinstance(sem, Sem) and not isinstance(sem, type)
    if not whole:
        _fail(sem, "it lacks one of `description`, `read` and `causes`, or is a class instead of an object")
    started = time.process_time()
    with _calling(sem, "description"):
        about, again = sem.description, sem.description
    if time.process_time() - started > SECONDS:
        _fail(sem, f"`description` takes more than {SECONDS} s; it must not load weights")
    if not isinstance(about, SemDescription) or not isinstance(about.taxonomy, Taxonomy):
        _fail(sem, "`description` is no SemDescription with a Taxonomy")
    if about != again:
        _fail(sem, "`description` changes from one call to the next")
    for field in ("name", "licence"):
        if not str(getattr(about, field)).strip():
            _fail(sem, f"`description.{field}` is blank")
    if not about.languages:
        _fail(sem, "`description.languages` is empty; give ISO 639-1 codes such as 'en'")
    for field, value in {"size_mb": about.size_mb, **about.metrics}.items():
        if not isfinite(value) or (field == "size_mb" and value < 0):
            _fail(sem, f"`description` gives {field} as {value}")


def check_readings(sem: Sem) -> None:
    """`read` gives one distribution a dialogue, over exactly the taxonomy's labels."""
    _read(sem, DIALOGUES)
    if _call(sem, "read", []) != []:
        _fail(sem, "`read` of no dialogues is not an empty list")


def check_batches(sem: Sem) -> None:
    """A batch reads as its dialogues do one by one, in their order."""
    batched = _read(sem, DIALOGUES)
    for place, (reading, dialogue) in enumerate(zip(batched, DIALOGUES, strict=True)):
        _same(sem, reading, _read(sem, [dialogue])[0], f"dialogue {place} of a batch reads otherwise than alone")


def check_views(sem: Sem) -> None:
    """`views` are honoured, one a dialogue, and stand in the readings."""
    views: tuple[View, ...] = ("dialogue", "speaker", "last_turn")
    for reading, view in zip(_read(sem, [TALK] * len(views), views), views, strict=True):
        (expected,) = _read(sem, [apply_view(TALK, view)])
        _same(sem, reading, expected, f"the view {view!r} reads otherwise than its turns alone")
    _must_refuse(sem, "read", [TALK], views=["dialogue", "speaker"])


def check_odd_text(sem: Sem) -> None:
    """Blank, broken, foreign and endless texts are read without harm."""
    _read(sem, ODD)
    _read(sem, LONG)


def check_causes(sem: Sem) -> None:
    """Causes stand in the raw text where they say, strongest first, and weigh 1 at most together."""
    dialogues = (*DIALOGUES, *ODD)
    for emotion in (sem.description.taxonomy.labels[0], *_read(sem, [TALK])[0].ranked[:1]):
        found = _call(sem, "causes", dialogues, [emotion] * len(dialogues))
        if not isinstance(found, list) or len(found) != len(dialogues):
            _fail(sem, f"`causes` did not return a list of {len(dialogues)}, one a dialogue")
        for causes, dialogue in zip(found, dialogues, strict=True):
            if fault := causes_fault(causes, dialogue):
                _fail(sem, fault)
    if _call(sem, "causes", [], []) != []:
        _fail(sem, "`causes` of no dialogues is not an empty list")


def check_refusals(sem: Sem) -> None:
    """A dialogue without turns and an unknown emotion are refused with a `SetupError`."""
    label = sem.description.taxonomy.labels[0]
    _must_refuse(sem, "read", [[]])
    _must_refuse(sem, "causes", [[]], [label])
    _must_refuse(sem, "causes", [TALK], [UNKNOWN])


def check_embedding(sem: EmbeddingSem) -> None:
    """Sentence vectors have `dimensions` numbers and length 1; equal texts have equal ones."""
    texts = ["My dog died.", "", "I won! 🎉", "My dog died."]
    vectors = _call(sem, "embed", texts)
    if len(vectors) != len(texts) or any(len(vector) != sem.dimensions for vector in vectors):
        _fail(sem, f"`embed` did not return one vector of {sem.dimensions} numbers for each of {len(texts)} texts")
    for text, vector in zip(texts, vectors, strict=True):
        length = sqrt(fsum(value * value for value in vector))
        if not abs(length - 1) < 1e-3:
            _fail(sem, f"`embed` gave {text!r} a vector of length {length:.4f}; expected 1")
    if fsum(one * other for one, other in zip(vectors[0], vectors[3], strict=True)) < 1 - TOLERANCE:
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
"""What holds for every SEM; `check_embedding` is for those that embed."""


def _read(sem: Sem, dialogues: Sequence[Dialogue], views: Sequence[View] | None = None) -> list[Reading]:
    """Return the readings if they are what they should be."""
    found: Any = _call(sem, "read", dialogues, views=views) if views else _call(sem, "read", dialogues)
    if not isinstance(found, list) or not all(isinstance(reading, Reading) for reading in found):
        _fail(sem, "`read` did not return a list of Reading")
    if len(found) != len(dialogues):
        _fail(sem, f"`read` returned {len(found)} readings for {len(dialogues)} dialogues")
    name, labels = sem.description.name, sem.description.taxonomy.labels
    for reading, view in zip(found, views or ["dialogue"] * len(found), strict=True):
        check_reading(reading, labels, name)
        if reading.view != view:
            _fail(sem, f"a reading of the view {view!r} says it looked at {reading.view!r}")
        if reading.sem != name:
            _fail(sem, f"a reading's `sem` is {reading.sem!r}; expected the description's name")
    return list(found)


def causes_fault(causes: object, dialogue: Dialogue) -> str:
    """Say what is wrong with the causes that a SEM found in a dialogue; empty when nothing is."""
    if not isinstance(causes, tuple) or not all(isinstance(cause, Cause) for cause in causes):
        return "`causes` did not return tuples of Cause"
    for cause in causes:
        held = dialogue[cause.turn].text[cause.start : cause.end] if cause.turn < len(dialogue) else None
        if held != cause.text or not cause.text:
            where = f"turn {cause.turn}, characters {cause.start} to {cause.end}"
            return f"the cause {cause.text!r} does not stand at {where}; there is {held!r}"
    weights = [cause.weight for cause in causes]
    if not all(isfinite(weight) and 0 <= weight <= 1 for weight in weights) or fsum(weights) > 1 + 1e-6:
        return f"the weights of causes are {weights}; expected 0 to 1 each, and 1 at most together"
    if weights != sorted(weights, reverse=True):
        return "the causes do not come strongest first"
    twice = len({(cause.turn, cause.start, cause.end) for cause in causes}) < len(causes)
    return "a cause comes twice" if twice else ""


def _same(sem: Sem, one: Reading, other: Reading, complaint: str) -> None:
    apart = max(abs(one.distribution[label] - other.distribution[label]) for label in one.distribution)
    if apart > TOLERANCE:
        _fail(sem, f"{complaint}: a probability differs by {apart:.3f}")


def _must_refuse(sem: Sem, method: str, *arguments: Any, **named: Any) -> None:
    asked = f"`{method}` of {', '.join(map(repr, arguments))}"
    try:
        getattr(sem, method)(*arguments, **named)
    except SetupError:
        return
    except Exception as error:
        _fail(sem, f"{asked} raises {type(error).__name__} ({error}); expected SetupError", error)
    _fail(sem, f"{asked} raises nothing; expected SetupError")


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
    """Return what the SEM is called, its class where it cannot say."""
    try:
        return str(sem.description.name)  # type: ignore[attr-defined]
    except Exception:
        return sem.__name__ if isinstance(sem, type) else type(sem).__name__
