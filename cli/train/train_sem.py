"""`hef train`: a SEM of one's own, from conversations with an emotion label."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from pydantic import BaseModel

from .. import options
from ..error_messages import STOPPED, Failure, Misuse
from ..report_output import report_skipped_rows
from . import train_options as told

if TYPE_CHECKING:
    from ...data.cause_annotations import MarkedDialogue
    from ...data.conversations import Conversation
    from ...sem import Taxonomy
    from ...training.sem.cause_distillation import CauseTeacher
    from ...training.sem.emotion_training import Progress, Run
    from ...training.sem.sem_recipe import Recipe

R = TypeVar("R", bound=BaseModel)


def train(
    out: told.OutOption,
    data: told.DataOption = None,
    valid: told.ValidOption = None,
    export: told.ExportOption = None,
    name: told.NameOption = None,
    licence: told.LicenceOption = None,
    cause_words: told.WordsOption = None,
    cause_spans: told.SpansOption = None,
    cause_teacher: told.CauseTeacherOption = None,
    recipe: told.RecipeOption = "default",
    start: told.StartOption = None,
    teacher: told.TeacherOption = None,
    unlabelled: told.UnlabelledOption = None,
    backbone: told.BackboneOption = None,
    passes: told.PassesOption = None,
    batch_size: told.BatchOption = None,
    learning_rate: told.RateOption = None,
    seed: told.SeedOption = None,
    setting: told.SetOption = None,
    threads: options.ThreadsOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Train a SEM on conversations with an emotion label, or (--recipe adapter) the adapter of the embedded LLM.

    Needs the extra `train` for --export and for the adapter. The same command goes on where an earlier one stopped.

    On Linux CPUs a large encoder trains a third faster with GLIBC_TUNABLES=glibc.malloc.hugetlb=1 and
    MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_ of 8589934592: memory is then kept, in large pages.
    """
    from ..settings import settings

    chosen = settings(threads=threads)
    source = data or (chosen.data and chosen.data / "empathetic_dialogues" / "train.jsonl.gz")
    if source is None:
        raise Misuse("there is no data; give --data FILE, or set HEF_DATA to the folder with empathetic_dialogues/")
    if cause_teacher and not (cause_words or cause_spans):
        raise Misuse("--cause-teacher has no marked words to learn; give --cause-words or --cause-spans, too")
    changed = {
        "backbone": backbone,
        "starts": [str(folder) for folder in start] if start else None,
        "passes": passes,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "teachers": [str(folder) for folder in teacher] if teacher else None,
        **_pairs(setting or []),
    }
    if recipe == "adapter":
        from .train_adapter import train_adapter

        if start and len(start) > 1:
            raise Misuse("an adapter goes on from one other; give --start once")
        del changed["starts"]
        changed["start"] = str(start[0]) if start else None
        unused = {"unlabelled": unlabelled, "backbone": backbone, "name": name, "licence": licence}
        unused |= {"cause-words": cause_words, "cause-spans": cause_spans}
        if given := [option for option, value in unused.items() if value]:
            raise Misuse(f"--{given[0]} does not belong to --recipe adapter")
        train_adapter(source, valid, out, export, changed, chosen, as_json=as_json)
        return
    run, broken = _prepare(source, unlabelled, out, _recipe(recipe, changed), chosen.threads)
    words, spans, unread = _marked(cause_words, cause_spans, run.taxonomy.labels)
    broken += unread
    done = _train(run, conversations_of(valid, run.taxonomy)[0] if valid else None)
    taught = _cause_teacher(run, [*words, *spans], cause_teacher)
    if words:
        done |= _measure_causes(run, words, spans, taught)
    if export:
        from ...training.sem.onnx_export import LICENCE, export_sem

        export_sem(run, export, name=name, licence=licence or LICENCE, marked=[*words, *spans], taught=taught)
    result: dict[str, Any] = {
        "run": str(out),
        "conversations": len(run.conversations),
        "broken": broken,
        **done,
        "export": str(export) if export else None,
    }
    if as_json:
        typer.echo(json.dumps(result))
    else:
        _show(result)


def _marked(
    words: Path | None, spans: Path | None, labels: Sequence[str]
) -> tuple[list[MarkedDialogue], list[MarkedDialogue], int]:
    """Read the dialogues with marked cause words and spans; name the rows that cannot be read on stderr."""
    from ...data.cause_annotations import read_emocause, read_reccon

    found: list[list[MarkedDialogue]] = []
    broken: list[str] = []
    for path, read in ((words, read_emocause), (spans, read_reccon)):
        if path and not path.is_file():
            raise Failure(f"there is no file {path}; give JSON lines with marked causes, gzipped or not")
        rows, unread = read(path, labels) if path else ([], [])
        found.append(rows)
        broken += unread
    report_skipped_rows(broken)
    return found[0], found[1], len(broken)


def _cause_teacher(run: Run, marked: list[MarkedDialogue], folder: Path | None) -> CauseTeacher | None:
    if folder is None:
        return None
    from ...training.sem.heads.head_registry import cause_teacher_of

    return cause_teacher_of(run, marked, folder)


def _measure_causes(
    run: Run, words: list[MarkedDialogue], spans: list[MarkedDialogue], taught: CauseTeacher | None
) -> dict[str, Any]:
    """Return the recall of marked words: learned from labels alone, and by heads that saw no row of the conversation.

    Spans are learned from, too, and not measured on.
    """
    from ...training.sem.cause_training import cross_validate, find_causes, recalls
    from ...training.sem.heads.head_registry import weak_cause_head

    network, encoder, labels, weak = run.finished(), run.forward.encoder, run.taxonomy.labels, weak_cause_head(run)
    start = partial(taught.teach, weak) if taught else weak
    found = {
        "causes_weak": find_causes(network, encoder, weak, words, labels),
        "causes": cross_validate(network, encoder, words, labels, start=start, extra=spans),
    }
    return {how: {name: round(value, 4) for name, value in recalls(words, rows).items()} for how, rows in found.items()}


def _pairs(settings: Sequence[str]) -> dict[str, str]:
    """Return settings of the form NAME=VALUE by their name."""
    pairs = [setting.partition("=") for setting in settings]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise Misuse(f"--set is {name + equals + value!r}: expected NAME=VALUE, such as agreement_weight=0.5")
    return {name.replace("-", "_"): value for name, _, value in pairs}


def _recipe(name: str, changed: dict[str, Any]) -> Recipe:
    from ...training.sem.sem_recipe import RECIPES

    if name not in RECIPES:
        raise Misuse(f"--recipe is {name!r}: there are {', '.join(RECIPES)} and adapter")
    return changed_recipe(RECIPES[name], changed)


def changed_recipe(begun: R, changed: dict[str, Any]) -> R:
    """Return a recipe with settings changed; None leaves one as it was.

    Raises:
        Misuse: A setting is unknown, or out of its range.
    """
    from pydantic import ValidationError

    given = {key: value for key, value in changed.items() if value is not None}
    known = type(begun).model_fields
    if unknown := sorted(given.keys() - known.keys()):
        raise Misuse(f"--set names {unknown[0]!r}: this recipe has {', '.join(known)}")
    try:
        return type(begun).model_validate(begun.model_dump() | given)
    except ValidationError as error:
        first = error.errors()[0]
        raise Misuse(
            f"--{str(first['loc'][0]).replace('_', '-')} is {first['input']!r}: {first['msg'].lower()}"
        ) from None


def _prepare(source: Path, unlabelled: Path | None, out: Path, recipe: Recipe, threads: int | None) -> tuple[Run, int]:
    """Read the data, name its broken rows on stderr, and open the run."""
    import torch

    from ...data.conversations import read_texts
    from ...sem import EMPATHETIC_DIALOGUES as taxonomy
    from ...training.sem.emotion_training import Run

    if threads:
        torch.set_num_threads(threads)
    if unlabelled and not unlabelled.is_file():
        raise Failure(f"there is no file {unlabelled}; give JSON lines with a `text` each, gzipped or not")
    known, broken = conversations_of(source, taxonomy)
    texts, unread = read_texts(unlabelled) if unlabelled else ([], [])
    report_skipped_rows(unread)
    return Run(out, recipe, taxonomy, known, texts), broken + len(unread)


def conversations_of(source: Path, taxonomy: Taxonomy) -> tuple[list[Conversation], int]:
    """Read the labelled conversations of a file; name the rows that cannot be read on stderr, and count them."""
    from ...data.conversations import read_conversations

    if not source.is_file():
        raise Failure(f"there is no file {source}; give JSON lines of conversations, gzipped or not")
    conversations, broken = read_conversations(source)
    broken += [
        f"{source.name}: {c.conv_id}: unknown emotion {c.emotion!r}" for c in conversations if c.emotion not in taxonomy
    ]
    known = [c for c in conversations if c.emotion in taxonomy]
    report_skipped_rows(broken)
    if len(known) < 2:
        raise Failure(f"{source} holds {len(known)} conversations that can be read; at least 2 are needed")
    return known, len(broken)


def _train(run: Run, valid: list[Conversation] | None) -> dict[str, Any]:
    """Train to the end; return what was reached."""
    from ..progress_bars import advancing

    last: Progress | None = None

    def follow(progress: Progress) -> None:
        nonlocal last
        last = progress
        rate = progress.samples_per_second
        advance(f"loss {progress.loss:.3f}, {rate:.0f} samples/s", progress.step, progress.steps)

    run.report = follow
    try:
        with advancing() as advance:
            network = run.train()
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command goes on from the last checkpoint in {run.folder}", err=True)
        raise typer.Exit(STOPPED) from None
    figures = {"held_out": run.measure(network)} | ({"valid": run.measure(network, valid)} if valid else {})
    rounded = {on: {name: round(value, 4) for name, value in held.items()} for on, held in figures.items()}
    return {"steps": last.steps if last else None, **rounded}


def _show(result: dict[str, Any]) -> None:
    from rich.console import Console

    from ..render import field

    console = Console(highlight=False)
    console.print()
    field(console, "run", result["run"])
    field(console, "data", f"{result['conversations']:,} conversations, {result['broken']} rows left out")
    for key in ("held_out", "valid", "causes_weak", "causes"):
        if held := result.get(key):
            field(console, key.replace("_", " "), "   ".join(f"{cut} {value:.1%}" for cut, value in held.items()))
    if result["export"]:
        field(console, "exported", result["export"])
    console.print()
