"""`hef perceive`: emotion and cause words alone, for one sentence or for a pipeline."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from .build_graph import require_text
from .error_messages import FAILED, Misuse, sentence
from .options import Json, RayOptions, SemOptions, option
from .settings import load_settings

if TYPE_CHECKING:
    from ..contract import Turn
    from ..sem import Sem
    from ..sem.ray.cluster import Cluster
    from .perceive_input import Row

Text = Annotated[
    str | None,
    typer.Argument(help="What the person says; - (or nothing) reads JSON lines from stdin.", metavar="[TEXT | -]"),
]
BatchSize = Annotated[int, option("Lines read at a time.", metavar="N", min=1, max=4096)]
Causes = Annotated[bool, option("Whether to look for cause words.", "--causes/--no-causes")]
Top = Annotated[
    int | None, option("How many emotions; all in JSON, 5 bars otherwise.", metavar="K", min=1, show_default=False)
]
Rows: TypeAlias = list[dict[str, Any]]


def perceive(
    models: SemOptions,
    ray: RayOptions,
    text: Text = None,
    batch_size: BatchSize = 64,
    causes: Causes = True,
    top: Top = None,
    as_json: Json = False,
) -> None:
    """Read emotion and cause words with the SEM alone.

    No LLM is loaded. From stdin each line is a JSON string, {"text": ...}, or {"messages": [...]} (also "utterances")
    with turns of "role" and "text" or "content"; other keys such as "id" pass through. Each line gives one line.
    Where somebody may be in danger, "safety" says so. A broken line gives {"error": ..., "line": n}, the rest is read,
    and the exit code is 1. With --ray many SEMs read at once; rows, their order and their numbers are the same.
    """
    sem = load_settings(models).sem
    if text in (None, "-"):
        if text is None and sys.stdin.isatty():
            raise Misuse("there is no text; give it, or pipe JSON lines in")
        arguments, cluster = (sem, causes, top), ray.cluster()
        _pipe(partial(_on_ray, arguments, cluster) if cluster else partial(map, Perceiver(*arguments)), batch_size)
        return
    if ray.ray:
        raise Misuse("--ray is for many lines; pipe JSON lines in")
    from ..contract import Turn

    text = require_text(str(text))
    turns = [Turn("speaker", text)]
    row = next(_perceive(_open(sem), [turns], causes=causes, top=top if as_json or top else 5))
    if as_json:
        from .render import json_line

        typer.echo(json_line({"text": text, **row}))
    else:
        _show(turns, row, top or 5)


class Perceiver:
    """Turn batches of input rows into output rows, with the SEM of a name."""

    def __init__(self, sem: str | None, causes: bool, top: int | None) -> None:
        self._sem = _open(sem)
        self._causes = causes
        self._top = top

    def __call__(self, batch: Sequence[Row]) -> Rows:
        """Return one output row per input row."""
        readable = [row.turns for row in batch if row.error is None]
        results = iter(_perceive_each(self._sem, readable, causes=self._causes, top=self._top))
        rows = []
        for row in batch:
            result = {"error": row.error} if row.error else next(results)
            rows.append({**row.extra, **result, **({"line": row.line} if "error" in result else {})})
        return rows


def _on_ray(arguments: Sequence[Any], cluster: Cluster, batches: Iterable[Sequence[Row]]) -> Iterator[Rows]:
    from ..sem.ray.cluster import map_corpus

    return map_corpus(Perceiver, arguments, batches, cluster)


def _pipe(perceive_batches: Callable[[Iterable[Sequence[Row]]], Iterable[Rows]], batch_size: int) -> None:
    """Write a line to stdout for each line of stdin, a batch at a time."""
    from .output import advancing
    from .perceive_input import read_rows
    from .render import json_line

    lines, done, errors = read_rows(sys.stdin.buffer), 0, 0
    with advancing() as advance:
        for rows in perceive_batches(iter(lambda: list(islice(lines, batch_size)), [])):
            for row in rows:
                errors += "error" in row
                print(json_line(row))
            sys.stdout.flush()
            done += len(rows)
            advance("lines", done, None)
    if errors:
        typer.echo(f"error: {errors} line{'s' * (errors > 1)} could not be read; see the rows with `error`", err=True)
        raise typer.Exit(FAILED)


def _perceive_each(sem: Sem, dialogues: list[Sequence[Turn]], *, causes: bool, top: int | None) -> Rows:
    """Read a batch; where it fails, read one by one, so that one dialogue cannot fail the others."""
    try:
        return list(_perceive(sem, dialogues, causes=causes, top=top))
    except Exception as error:
        if len(dialogues) == 1:
            return [{"error": sentence(error)}]
        return [row for dialogue in dialogues for row in _perceive_each(sem, [dialogue], causes=causes, top=top)]


def _perceive(
    sem: Sem, dialogues: Sequence[Sequence[Turn]], *, causes: bool, top: int | None
) -> Iterator[dict[str, Any]]:
    from ..safety import assess
    from ..sem.language import unread_language

    if not dialogues:
        return
    readings = sem.read(dialogues)
    emotions = [reading.ranked[0] for reading in readings]
    words = sem.causes(dialogues, emotions) if causes else [()] * len(dialogues)
    for dialogue, reading, emotion, ranked_words in zip(dialogues, readings, emotions, words, strict=True):
        probabilities = {label: round(reading.distribution[label], 6) for label in reading.ranked[:top]}
        row: dict[str, Any] = {"emotion": emotion, "distribution": probabilities}
        if reading.neutral is not None:
            row["neutral"] = round(reading.neutral, 6)
        if language := unread_language(dialogue, sem.description.languages):
            row["unread_language"] = language
        if (safety := assess(dialogue)).level != "none":
            row["safety"] = safety.model_dump(mode="json")
        if causes:
            row["causes"] = [cause.model_dump() for cause in ranked_words]
        yield row


def _open(sem: str | None) -> Sem:
    from ..sem import resolve_sem

    return resolve_sem(sem)


def _show(turns: Sequence[Turn], row: dict[str, Any], top: int) -> None:
    from rich.console import Console

    from ..contract import Cause
    from ..contract.dialogue import turn_language
    from ..contract.empathy import NEUTRAL_FROM
    from ..ui.turn_words import WORDS
    from .render import distribution, field, highlighted

    console, language = Console(highlight=False), turn_language(None, turns)
    words_of_turn = WORDS[language]
    console.print()
    if row.get("neutral", 0.0) >= NEUTRAL_FROM and "unread_language" not in row:
        field(console, words_of_turn.emotion, f"{words_of_turn.neutral} ({row['neutral']:.0%})")
    else:
        field(console, words_of_turn.emotion, distribution(row["distribution"], top, language=language))
    if unread := row.get("unread_language"):
        field(console, words_of_turn.left_out, words_of_turn.guess.format(language=unread))
    if safety := row.get("safety"):
        words_of_danger = ", ".join(f'"{words}"' for words in safety["words"])
        field(console, words_of_turn.safety, f"{safety['level']}, {safety['kind']}: {words_of_danger}")
    if words := [Cause.model_validate(cause) for cause in row.get("causes", [])]:
        marks = not console.is_terminal or console.no_color
        field(console, words_of_turn.causes, highlighted(turns, words, marks=marks))
    console.print()
