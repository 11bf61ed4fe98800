"""Tables of `hef evaluate emotion`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from ..output import faint_margin, figure_table, number, percent
from ..render import ACCENT

if TYPE_CHECKING:
    from ...evaluation.emotion.ablations import Ablation
    from ...evaluation.emotion.emotion_metrics import SetMetrics
    from ...evaluation.emotion.emotion_run import EmotionRun
    from ...evaluation.emotion.requery_gain import RequeryGain


def emotion_table(data: str, run: EmotionRun) -> Table:
    """Return one row per figure and one column per strategy; the gain of joining is the caption."""
    from ...evaluation.emotion.emotion_report import notes, strategy_rows

    first = run.reports[0]
    title = f"Emotion on {data}: {first.samples:,} samples of {first.conversations:,} conversations"
    names, *rows = strategy_rows(run.reports)
    models = dict.fromkeys(name for report in run.reports for name in (report.sem, report.model) if name)
    caption = "\n".join([f"{' + '.join(models)}; 95% intervals over conversations", *notes(run)])
    table = figure_table(title, names, caption, no_wrap=True)
    table.min_width = len(title)  # a single strategy makes a table narrower than its title
    for row in rows:
        table.add_row(*row, style=f"bold {ACCENT}" if row[0] == "accuracy" else "")
    return table


def ablation_table(ablations: Sequence[Ablation]) -> Table:
    """Return one row per variant of two_stage."""
    from ...evaluation.emotion.emotion_report import ablation_rows

    names, *rows = ablation_rows(ablations)
    table = figure_table("Two-stage prediction without its parts", names)
    for row in rows:
        table.add_row(*row)
    return table


def sets_table(sets: Mapping[str, SetMetrics]) -> Table:
    """Return one row per group of contexts: how often prediction sets include the emotion, and their size."""
    from ...evaluation.emotion.emotion_metrics import CONTEXTS

    title = "Prediction sets meant to include the emotion in 90% of cases"
    table = figure_table(title, ("contexts", "samples", "included", "emotions in a set"))
    for name, figures in sets.items():
        table.add_row(CONTEXTS[name], f"{figures.samples:,}", percent(figures.coverage), number(figures.size, 2))
    return table


def second_look_table(looks: Sequence[RequeryGain]) -> Table:
    """Return one row per view: accuracy on the least certain third, with and without it."""
    first = looks[0]
    table = figure_table(
        f"Second look: the {first.samples:,} least certain samples (first choice at most {first.confidence:.0%})",
        ("second look at", "first alone", "both", "gain in points", "samples it changes"),
        "pooled as the graph pools its rounds; 95% intervals over conversations",
    )
    for look in looks:
        name = {"last_turn": "the last turn", "speaker": "the speaker"}.get(look.view, look.view)
        table.add_row(
            name, percent(look.first), percent(look.both), faint_margin(look.gain.signed()), f"{look.differing:,}"
        )
    return table
