"""The Markdown report of an emotion run, with its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .emotion_rows import Row, ablation_rows, notes, strategy_rows
from .emotion_run import EmotionRun
from .plots import draw_accuracy, draw_plots


def write_report(run: EmotionRun, folder: Path, *, data: str, command: str, date: str) -> Path:
    """Write `report.md` and its pictures into a folder, which is made where it is missing.

    Args:
        run: What was found.
        folder: Where it is written.
        data: Name of the file that was measured on.
        command: How to take the figures again.
        date: Day of the run.

    Raises:
        SetupError: matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.md"
    path.write_text(report_text(run, _draw(run, folder), data=data, command=command, date=date), encoding="utf-8")
    return path


def report_text(run: EmotionRun, pictures: Sequence[str] = (), *, data: str, command: str, date: str) -> str:
    """Return the report as Markdown."""
    conversations = len({sample.conv_id for sample in run.samples})
    names = dict.fromkeys(name for report in run.reports for name in (report.sem, report.model) if name)
    parts = [
        f"# Emotion on {data}: {len(run.samples):,} samples of {conversations:,} conversations",
        f"{' + '.join(names)}; {date}; 95% intervals over conversations.",
        f"```\n{command}\n```",
        _table(strategy_rows(run.reports)),
    ]
    parts += [f"{line}." for line in notes(run)]
    parts += ["## Without its parts", _table(ablation_rows(run.ablations))] if run.ablations else []
    parts += ["## Pictures", *(f"![{name}]({name})" for name in pictures)] if pictures else []
    return "\n\n".join(parts) + "\n"


def _draw(run: EmotionRun, folder: Path) -> list[str]:
    shown = next((report for report in run.reports if report.strategy == "two_stage"), run.reports[0])
    several = [draw_accuracy(run.reports, folder)] if len(run.reports) > 1 else []
    return [path.name for path in (*several, *draw_plots(shown, folder))]


def _table(rows: Sequence[Row]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])
