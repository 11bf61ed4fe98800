"""`hef perceive`: emotion and cause words alone, for one sentence or for a pipeline."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .build_graph import require_text
from .error_messages import FAILED, Misuse, sentence

if TYPE_CHECKING:
    from ..contract import Turn
    from ..sem import Sem
    from .perceive_input import Row

TextArgument = Annotated[
    str | None,
    typer.Argument(help="What the person says; - (or nothing) reads JSON lines from stdin.", metavar="[TEXT | -]"),
]
BatchOption = Annotated[int, typer.Option("--batch-size", min=1, max=4096, help="Lines read at a time.", metavar="N")]
CausesOption = Annotated[bool, typer.Option("--causes/--no-causes", help="Whether to look for cause words.")]
TopOption = Annotated[
    int | None,
    typer.Option(
        "--top",
        min=1,
        help="How many emotions to give; all in JSON, 5 bars otherwise.",
        metavar="K",
        show_default=False,
    ),
]


def perceive(
    text: TextArgument = None,
    sem: options.SemOption = None,
    batch_size: BatchOption = 64,
    causes: CausesOption = True,
    top: TopOption = None,
    as_json: options.JsonOption = False,
    ray: options.RayOption = None,
    ray_actors: options.ActorsOption = None,
    ray_cpus: options.CpusOption = 1.0,
) -> None:
    """Read emotion and cause words with the SEM alone; no LLM is loaded.

    From stdin each line is a JSON string, {"text": ...}, or {"messages": [...]} (also "utterances") with
    turns of "role" and "text" or "content"; other keys such as "id" pass through. Each line gives one line.
    A broken line gives {"error": ..., "line": n}, the rest goes on, and the exit code is 1. With --ray many
    SEMs read at once; rows, their order and their numbers are the same.
    """
    from .settings import settings

    chosen = settings(sem=sem)
    if text in (None, "-"):
        if text is None and sys.stdin.isatty():
            raise Misuse("there is no text; give it, or pipe JSON lines in")
        given = (chosen.sem, causes, top)
        _pipe(
            partial(_on_ray, given, ray, ray_actors, ray_cpus) if ray else partial(map, Perceiver(*given)), batch_size
        )
        return
    if ray:
        raise Misuse("--ray is for many lines; pipe JSON lines in")
    from ..contract import Turn

    turns = [Turn("speaker", require_text(str(text)))]
    found = next(_perceive(_open(chosen.sem), [turns], causes=causes, top=top if as_json or top else 5))
    if as_json:
        typer.echo(json.dumps({"text": text, **found}, ensure_ascii=False))
    else:
        _show(turns, found, top or 5)


class Perceiver:
    """Answer lines, a batch at a time, with the SEM of a name."""

    def __init__(self, sem: str | None, causes: bool, top: int | None) -> None:
        self._sem = _open(sem)
        self._causes = causes
        self._top = top

    def __call__(self, batch: Sequence[Row]) -> list[dict[str, Any]]:
        """Return one answer a line."""
        return list(_answers(self._sem, batch, causes=self._causes, top=self._top))


def _on_ray(
    given: Sequence[Any], address: str, actors: int | None, cpus: float, batches: Iterable[Sequence[Row]]
) -> Iterator[list[dict[str, Any]]]:
    from ..sem.ray.cluster import Cluster
    from ..sem.ray.corpus import map_corpus

    return map_corpus(Perceiver, given, batches, Cluster(address, actors, cpus))


def _pipe(answer: Callable[[Iterable[Sequence[Row]]], Iterable[list[dict[str, Any]]]], batch_size: int) -> None:
    """Answer each line of stdin with a line on stdout, a batch at a time."""
    from .perceive_input import read_rows
    from .progress_bars import counting

    rows, broken = read_rows(sys.stdin.buffer), 0
    with counting("lines") as count:
        for answers in answer(iter(lambda: list(islice(rows, batch_size)), [])):
            for found in answers:
                broken += "error" in found
                print(json.dumps(found, ensure_ascii=False))
            sys.stdout.flush()
            count(len(answers))
    if broken:
        typer.echo(f"error: {broken} line{'s' * (broken > 1)} could not be read; see the rows with `error`", err=True)
        raise typer.Exit(FAILED)


def _answers(sem: Sem, batch: Sequence[Row], *, causes: bool, top: int | None) -> Iterator[dict[str, Any]]:
    whole = [row.turns for row in batch if row.error is None]
    found = iter(_safely(sem, whole, causes=causes, top=top))
    for row in batch:
        result = {"error": row.error} if row.error else next(found)
        yield {**row.extra, **result, **({"line": row.line} if "error" in result else {})}


def _safely(sem: Sem, dialogues: list[Sequence[Turn]], *, causes: bool, top: int | None) -> list[dict[str, Any]]:
    """Read a batch; where it fails, read one by one, so that one dialogue cannot take the others along."""
    try:
        return list(_perceive(sem, dialogues, causes=causes, top=top))
    except Exception as error:
        if len(dialogues) == 1:
            return [{"error": sentence(error)}]
        return [row for dialogue in dialogues for row in _safely(sem, [dialogue], causes=causes, top=top)]


def _perceive(
    sem: Sem, dialogues: Sequence[Sequence[Turn]], *, causes: bool, top: int | None
) -> Iterator[dict[str, Any]]:
    if not dialogues:
        return
    readings = sem.read(dialogues)
    emotions = [reading.ranked[0] for reading in readings]
    words = sem.causes(dialogues, emotions) if causes else [()] * len(dialogues)
    for reading, emotion, found in zip(readings, emotions, words, strict=True):
        shares = {label: round(reading.distribution[label], 6) for label in reading.ranked[:top]}
        row: dict[str, Any] = {"emotion": emotion, "distribution": shares}
        if causes:
            row["causes"] = [cause.model_dump() for cause in found]
        yield row


def _open(sem: str | None) -> Sem:
    from ..sem import resolve_sem

    return resolve_sem(sem)


def _show(turns: Sequence[Turn], found: dict[str, Any], top: int) -> None:
    from rich.console import Console

    from ..contract import Cause
    from .render import distribution, field, highlighted

    console = Console(highlight=False)
    console.print()
    field(console, "emotion", distribution(found["distribution"], top))
    if words := [Cause.model_validate(cause) for cause in found.get("causes", [])]:
        marks = not console.is_terminal or console.no_color
        field(console, "causes", highlighted(turns, words, marks=marks))
    console.print()
