"""`hef train calibrate`: calibration and prediction sets of a SEM, fitted on a file of conversations."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..options import OutputOptions, Threads, option
from ..output import advancing, emit_report, figure_table, number, percent, report_skipped_rows
from ..render import ACCENT, FAINT
from ..settings import load_settings

if TYPE_CHECKING:
    from rich.table import Table

    from ...data.conversations import Sample
    from ...evaluation.cross_fitted_calibration import CalibrationReport
    from ...sem import LargeSem, OnnxSem
    from ...sem.runtime.calibration import Calibration, PredictionSets
    from ...sem.runtime.manifest import Manifest

CHUNK = 256
"""Dialogues between two steps of the progress bar."""

Folder = Annotated[
    Path,
    typer.Argument(help="A SEM's folder, as `hef train sem --export` writes it.", metavar="FOLDER", file_okay=False),
]
Data = Annotated[Path, option("JSON lines, gzipped or not.", "--data", "-d", metavar="FILE")]
Seed = Annotated[int, option("Of the folds.", metavar="N")]
DryRun = Annotated[bool, option("Print the figures and write nothing into the folder.", "--dry-run")]
Folds = Annotated[int, option("Parts to cross-fit over.", metavar="N", min=2, max=100)]


def calibrate(
    folder: Folder,
    data: Data,
    output: OutputOptions,
    threads: Threads = None,
    folds: Folds = 10,
    seed: Seed = 0,
    dry_run: DryRun = False,
) -> None:
    """Calibrate a SEM's probabilities and prediction sets.

    Give conversations that it was not trained on. Every listener turn is one sample. The calibration fitted on all of
    them is written into the folder's sem.json; the printed figures are cross-fitted: fitted without a tenth of the
    conversations, measured on that tenth, ten times.
    """
    load_settings(threads=threads)
    from ...data.conversations import read_samples
    from ...evaluation.cross_fitted_calibration import calibrate as fit
    from ...evaluation.cross_fitted_calibration import cross_fit
    from ...sem.registry import open_sem, shipped_sem
    from ...sem.runtime.manifest import Manifest

    manifest = Manifest.load(folder)
    if manifest.enlarges and not dry_run:  # the pair is calibrated anew
        manifest = manifest.model_copy(update={"enlarges": shipped_sem().fingerprint})
        manifest.write(folder)
    sem = open_sem(folder)
    labels = manifest.labels
    samples, skipped = read_samples(data, labels)
    report_skipped_rows(skipped)
    logits = _logits(sem, samples)
    report = cross_fit(logits, samples, labels, sem=manifest.name, before=manifest.calibration, folds=folds, seed=seed)
    if not dry_run:
        _write(folder, manifest, *fit(logits, samples, labels), report, data.name)
    details = {"seed": seed, "broken": len(skipped), "written": not dry_run}
    emit_report("calibration", data, [report], details, output, [_table(data.name, report)])
    if not dry_run:
        slopes = " ".join(f"{slope:.2f}" for slope in report.slopes)
        typer.echo(f"slopes {slopes} and sets: {folder / 'sem.json'}", err=True)


def _logits(sem: OnnxSem | LargeSem, samples: list[Sample]) -> Any:
    """Return the logits of a SEM's network, [samples, labels], with a progress bar."""
    import numpy as np

    from ...contract.progress import map_batches

    with advancing() as advance:
        dialogues = [sample.turns for sample in samples]
        rows = map_batches(
            lambda batch: list(sem.logits(batch)), dialogues, size=CHUNK, task="reading", progress=advance
        )
        return np.array(rows)


def _write(
    folder: Path,
    manifest: Manifest,
    calibration: Calibration,
    sets: PredictionSets,
    report: CalibrationReport,
    file: str,
) -> None:
    """Write a calibration into a folder; figures that it changes become the cross-fitted ones."""
    from ...sem.runtime.manifest import CalibratedOn

    sets90 = report.sets["0.9"]["all"]
    changed = {
        "ece": round(report.contexts["all"].ece.value, 4),
        "coverage90": round(sets90.coverage.value, 4),
        "size90": round(sets90.size.value, 2),
    }
    update = {
        "slopes": calibration.slopes,
        "prediction_sets": sets,
        "calibrated_on": CalibratedOn(file=file, turns=report.samples, date=datetime.now(UTC).date().isoformat()),
        "metrics": {**manifest.metrics, **changed} if manifest.metrics else {},
    }
    manifest.model_copy(update=update).write(folder)


def _table(data: str, report: CalibrationReport) -> Table:
    """Return one column per group of contexts: calibration error, and prediction sets of each coverage."""
    from ...evaluation.emotion.emotion_metrics import CONTEXTS

    table = figure_table(
        f"Calibration on {data}: {report.samples:,} samples of {report.conversations:,} conversations",
        ("", *(CONTEXTS[name] for name in report.contexts)),
        f"fitted on {report.folds - 1} of {report.folds} folds of conversations,\nmeasured on the other; "
        f"95% intervals.\nExact probabilities would show an ECE of {report.floor:.3f}.\n"
        f"NLL {report.nll_before.value:.3f} before, {report.nll.value:.3f} after",
    )
    groups = report.contexts.values()
    table.add_row("samples", *(f"{figures.samples:,}" for figures in groups))
    table.add_row("ECE before", *(number(figures.before, 3) for figures in groups))
    table.add_row("ECE", *(number(figures.ece, 3) for figures in groups), style=f"bold {ACCENT}")
    for coverage, sets in report.sets.items():
        table.add_row(f"{float(coverage):.0%} sets include", *(percent(figures.coverage) for figures in sets.values()))
        table.add_row("emotions in a set", *(number(figures.size, 2) for figures in sets.values()), style=FAINT)
    return table
