"""`hef train sem`: a SEM from conversations with an emotion label."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from ..error_messages import Failure, Misuse
from ..options import Json, Threads, option
from ..output import report_skipped_rows
from ..settings import load_settings
from .training_run import Folders, RecipeOptions, RunOptions, load_conversations, paths, print_result, train_to_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...data.cause_annotations import AnnotatedDialogue
    from ...data.conversations import Sample
    from ...training.sem.cause_distillation import CauseTeacher
    from ...training.sem.emotion_training import SemRun


@dataclass(frozen=True, slots=True)
class SemRecipeOptions(RecipeOptions):
    """The recipe, and settings that override it."""

    recipe: Annotated[
        str,
        option(
            "default (the 22M encoder that ships), large or teacher (110M); the options below change it.",
            metavar="NAME",
        ),
    ] = "default"
    start: Annotated[
        Folders,
        option(
            "Folder of a finished run of the same backbone to continue; several: from their mean weights.",
            metavar="FOLDER",
        ),
    ] = None
    unlabelled: Annotated[Path | None, option('JSON lines with "text", for the teachers to label.', metavar="FILE")] = (
        None
    )
    chats: Annotated[
        bool, option("Learn from the turns with a feeling of HEF's own English chats, too; not of those held out.")
    ] = False
    backbone: Annotated[str | None, option("Another encoder: hub id or folder.", metavar="NAME")] = None


@dataclass(frozen=True, slots=True)
class CauseOptions:
    """Marked causes that the cause head learns from."""

    panel: ClassVar = "Causes"
    cause_words: Annotated[
        Path | None,
        option(
            "Sentences with marked cause words (EmoCause's form); --export learns causes from them.", metavar="FILE"
        ),
    ] = None
    cause_spans: Annotated[Path | None, option("The same as spans in dialogues (RECCON's form).", metavar="FILE")] = (
        None
    )
    cause_teacher: Annotated[
        Path | None,
        option(
            "Folder of a finished larger run that learns the marked words first and teaches this one.", metavar="FOLDER"
        ),
    ] = None

    def __post_init__(self) -> None:
        """Check that a teacher has something to learn."""
        if self.cause_teacher and not (self.cause_words or self.cause_spans):
            raise Misuse("--cause-teacher has no marked words to learn; give --cause-words or --cause-spans, too")


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """The exported SEM."""

    panel: ClassVar = "Export"
    export: Annotated[Path | None, option("Write the finished SEM here, as int8 ONNX.", metavar="FOLDER")] = None
    large: Annotated[
        bool, option("Export the emotions alone, in 4 bits, to be read on top of the shipped SEM.", "--large")
    ] = False

    def __post_init__(self) -> None:
        """Check that there is something to export in that form."""
        if self.large and not self.export:
            raise Misuse("--large says how to export; give --export FOLDER, too")

    name: Annotated[str | None, option("Name of the exported SEM; else its folder's name.", metavar="NAME")] = None
    licence: Annotated[
        str | None, option("Licence of the exported weights, and of the data where it binds them.", metavar="TEXT")
    ] = None


def train_sem(
    files: RunOptions,
    causes: CauseOptions,
    recipe: SemRecipeOptions,
    export: ExportOptions,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Train a SEM on conversations with an emotion label.

    --export needs the extra `train`. The same command resumes a run that was stopped.

    On Linux CPUs a large encoder trains a third faster with GLIBC_TUNABLES=glibc.malloc.hugetlb=1 and
    MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_ of 8589934592: memory is then kept, in large pages.
    """
    settings = load_settings(threads=threads)
    run, skipped = _open_run(files.run, files.source(settings), recipe, settings.threads)
    words, spans, unreadable = _annotated_dialogues(causes, run)
    valid = load_conversations(files.valid, run.taxonomy.labels)[0] if files.valid else None
    network, last = train_to_end(run, lambda progress: f"{progress.rate:.0f} samples/s")
    figures = {"held_out": run.measure(network)} | ({"valid": run.measure(network, valid)} if valid else {})
    teacher = _cause_teacher(run, [*words, *spans], causes.cause_teacher)
    if words:
        figures |= _measure_causes(run, words, spans, teacher)
    if export.export:
        _export(run, export, [*words, *spans], teacher)
    result = {
        "run": str(files.run),
        "conversations": len(run.conversations),
        "broken": skipped + unreadable,
        "steps": last.steps if last else None,
        **{name: {cut: round(value, 4) for cut, value in values.items()} for name, values in figures.items()},
        "export": str(export.export) if export.export else None,
    }
    lines = {
        name: "   ".join(f"{cut} {value:.1%}" for cut, value in values.items()) for name, values in figures.items()
    }
    print_result(result, lines, as_json=as_json)


def _export(run: SemRun, options: ExportOptions, marked: list[AnnotatedDialogue], teacher: CauseTeacher | None) -> None:
    from ...training.sem.onnx_export import LICENCE, export_sem

    assert options.export is not None
    licence = options.licence or LICENCE
    if options.large:
        from ...training.sem.large.large_export import export_large

        export_large(run, options.export, name=options.name, licence=licence)
    else:
        export_sem(run, options.export, name=options.name, licence=licence, marked=marked, cause_teacher=teacher)


def _open_run(folder: Path, source: Path, options: SemRecipeOptions, threads: int | None) -> tuple[SemRun, int]:
    """Read the data, print its unreadable rows on stderr, and open the run."""
    from ...training.sem.sem_recipe import RECIPES

    if options.recipe not in RECIPES:
        raise Misuse(f"--recipe is {options.recipe!r}; expected one of {', '.join(RECIPES)}")
    recipe = options.change(RECIPES[options.recipe], backbone=options.backbone, starts=paths(options.start))
    import torch

    from ...data.conversations import read_texts
    from ...sem import EMPATHETIC_DIALOGUES
    from ...training.sem.emotion_training import SemRun

    if threads:
        torch.set_num_threads(threads)
    if options.unlabelled and not options.unlabelled.is_file():
        raise Failure(f"there is no file {options.unlabelled}; give JSON lines with a `text` each, gzipped or not")
    conversations, skipped = load_conversations(source, EMPATHETIC_DIALOGUES.labels)
    texts, unreadable = read_texts(options.unlabelled) if options.unlabelled else ([], [])
    report_skipped_rows(unreadable)
    further = [*(_chat_turns() if options.chats else ()), *texts]
    return SemRun(folder, recipe, EMPATHETIC_DIALOGUES, conversations, further), skipped + len(unreadable)


def _chat_turns() -> Iterator[Sample]:
    """Yield the turns with a feeling of the English chats that are not held out."""
    from ...training.sem.turn_head.turn_samples import felt_turns, is_held_out, training_chats

    return felt_turns([chat for chat in training_chats() if chat.language == "en" and not is_held_out(chat)])


def _annotated_dialogues(
    options: CauseOptions, run: SemRun
) -> tuple[list[AnnotatedDialogue], list[AnnotatedDialogue], int]:
    """Return the dialogues with marked words, those with marked spans, and how many rows were skipped."""
    from ...data.cause_annotations import read_emocause, read_reccon

    dialogues: list[list[AnnotatedDialogue]] = []
    skipped: list[str] = []
    for path, read in ((options.cause_words, read_emocause), (options.cause_spans, read_reccon)):
        if path and not path.is_file():
            raise Failure(f"there is no file {path}; give JSON lines with marked causes, gzipped or not")
        rows, unreadable = read(path, run.taxonomy.labels) if path else ([], [])
        dialogues.append(rows)
        skipped += unreadable
    report_skipped_rows(skipped)
    return dialogues[0], dialogues[1], len(skipped)


def _cause_teacher(run: SemRun, marked: list[AnnotatedDialogue], folder: Path | None) -> CauseTeacher | None:
    if folder is None:
        return None
    from ...training.sem.head_registry import load_cause_teacher

    return load_cause_teacher(run, marked, folder)


def _measure_causes(
    run: SemRun, words: list[AnnotatedDialogue], spans: list[AnnotatedDialogue], teacher: CauseTeacher | None
) -> dict[str, dict[str, float]]:
    """Return the recall of marked words: learned from labels alone, and by heads that saw no row of the conversation.

    Spans are learned from, too, and not measured on.
    """
    from ...training.sem.cause_training import cross_validate, find_causes, mean_recall
    from ...training.sem.head_registry import get_weak_cause_head

    network, encoder, labels, weak = run.finished(), run.forward.encoder, run.taxonomy.labels, get_weak_cause_head(run)
    start: Any = partial(teacher.distil, weak) if teacher else weak
    causes = {
        "causes_weak": find_causes(network, encoder, weak, words, labels),
        "causes": cross_validate(network, encoder, words, labels, start=start, extra=spans),
    }
    return {name: mean_recall(words, rows) for name, rows in causes.items()}
