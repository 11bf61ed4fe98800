"""`hef calibrate`: make a SEM's probabilities and prediction sets hold on a file of conversations."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..report_output import DataOption, JsonOption, SeedOption, emit_report, report_skipped_rows

if TYPE_CHECKING:
    from ...data.conversations import Sample
    from ...evaluation.cross_fitted_calibration import CalibrationReport
    from ...sem import OnnxSem
    from ...sem.runtime.calibration import Calibration
    from ...sem.runtime.manifest import Manifest
    from ...sem.runtime.prediction_sets import PredictionSets

PART = 256
"""Dialogues between two steps of the progress bar."""

FolderArgument = Annotated[
    Path, typer.Argument(help="A SEM's folder, as `hef train --export` writes it.", metavar="FOLDER", file_okay=False)
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Print the figures and write nothing.")]
FoldsOption = Annotated[int, typer.Option("--folds", min=2, max=100, help="Parts to cross-fit over.", metavar="N")]


def calibrate(
    folder: FolderArgument,
    data: DataOption,
    threads: options.ThreadsOption = None,
    folds: FoldsOption = 10,
    seed: SeedOption = 0,
    dry_run: DryOption = False,
    out: JsonOption = None,
) -> None:
    """Fit a SEM's calibration and prediction sets on conversations it was not trained on.

    Every listener turn is one sample. What is fitted on all of them goes into the folder's sem.json; what is printed
    is measured by cross-fitting: fitted without a tenth of the conversations, measured on that tenth, ten times.
    """
    from ..settings import settings

    settings(threads=threads)
    from ...evaluation import read_samples
    from ...evaluation.cross_fitted_calibration import calibrate as fit
    from ...evaluation.cross_fitted_calibration import cross_fit
    from ...sem import OnnxSem
    from ...sem.runtime.manifest import Manifest
    from ..tables import calibration_table

    reader, manifest = OnnxSem(folder), Manifest.of(folder)
    labels = manifest.labels
    samples, broken = read_samples(data, labels)
    report_skipped_rows(broken)
    logits = _read(reader, samples)
    report = cross_fit(logits, samples, labels, sem=manifest.name, before=manifest.calibration, folds=folds, seed=seed)
    if not dry_run:
        _write(folder, manifest, *fit(logits, samples, labels), report, data.name)
    held = {"seed": seed, "broken": len(broken), "written": not dry_run}
    emit_report("calibration", data, [report], held, out, [calibration_table(data.name, report)])
    if not dry_run:
        typer.echo(
            f"slopes {' '.join(f'{slope:.2f}' for slope in report.slopes)} and sets: {folder / 'sem.json'}", err=True
        )


def _read(sem: OnnxSem, samples: list[Sample]) -> Any:
    """Return what a SEM's network says, [samples, labels], with a progress bar."""
    import numpy as np

    from ..progress_bars import advancing

    parts = []
    with advancing() as advance:
        for start in range(0, len(samples), PART):
            parts.append(sem.logits([sample.turns for sample in samples[start : start + PART]]))
            advance("reading", min(start + PART, len(samples)), len(samples))
    return np.concatenate(parts)


def _write(
    folder: Path,
    manifest: Manifest,
    fitted: Calibration,
    sets: PredictionSets,
    report: CalibrationReport,
    file: str,
) -> None:
    """Write a calibration into a folder; figures that it changes become the cross-fitted ones."""
    from ...sem.runtime.manifest import CalibratedOn

    whole = report.sets["0.9"]["all"]
    changed = {
        "ece": round(report.contexts["all"].ece.value, 4),
        "coverage90": round(whole.coverage.value, 4),
        "size90": round(whole.size.value, 2),
    }
    update = {
        "slopes": fitted.slopes,
        "prediction_sets": sets,
        "calibrated_on": CalibratedOn(file=file, turns=report.samples, date=datetime.now(UTC).date().isoformat()),
        "figures": {**manifest.figures, **changed} if manifest.figures else {},
    }
    manifest.model_copy(update=update).write(folder)
