"""Tables of figures, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from .render import ACCENT, FAINT

if TYPE_CHECKING:
    from ..bench.sem_speed import SpeedReport
    from ..evaluation import CauseReport, Estimate, RetrievalReport, SpanReport
    from ..evaluation.cross_fitted_calibration import CalibrationReport
    from ..evaluation.emotion.ablations import Ablation
    from ..evaluation.emotion.coverage import SetFigures
    from ..evaluation.emotion.emotion_run import EmotionRun
    from ..evaluation.emotion.requery_gain import RequeryGain


def emotion_table(data: str, run: EmotionRun) -> Table:
    """Return one row a figure, one column a strategy; what joining gains stands below."""
    from ..evaluation.emotion.emotion_rows import notes, strategy_rows

    first = run.reports[0]
    title = f"Emotion on {data}: {first.samples:,} samples of {first.conversations:,} conversations"
    table = new_table(title)
    table.min_width = len(title)  # a single strategy makes a table narrower than its title
    head, *rows = strategy_rows(run.reports)
    for name in head:
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row, style=f"bold {ACCENT}" if row[0] == "accuracy" else "")
    models = dict.fromkeys(name for report in run.reports for name in (report.sem, report.model) if name)
    table.caption = "\n".join([f"{' + '.join(models)}; 95% intervals over conversations", *notes(run)])
    return table


def ablation_table(ablations: Sequence[Ablation]) -> Table:
    """Return one row a variant of two_stage."""
    from ..evaluation.emotion.emotion_rows import ablation_rows

    table = new_table("Two-stage prediction without its parts")
    head, *rows = ablation_rows(ablations)
    for name in head:
        table.add_column(name, justify="left" if name == head[0] else "right")
    for row in rows:
        table.add_row(*row)
    return table


def cause_table(data: str, report: CauseReport) -> Table:
    """Return recall beside chance and ceiling."""
    table = new_table(f"Cause words on {data}: {report.samples:,} situations")
    for name in ("", "recall@1", "recall@3", "recall@5"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("random content words", *(f"{value:.1%}" for value in report.chance.values()), style=FAINT)
    table.add_row(report.sem, *(percent(value) for value in report.recall.values()), style=f"bold {ACCENT}")
    table.add_row("the marked words themselves", *(f"{value:.1%}" for value in report.ceiling.values()), style=FAINT)
    table.caption = "mean over situations; 95% intervals"
    return table


def span_table(data: str, report: SpanReport) -> Table:
    """Return agreement with marked spans beside chance."""
    table = new_table(f"Cause spans on {data}: {report.samples:,} utterances, content words")
    for name in ("", "precision", "recall", "F1"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("as many content words at random", "", "", f"{report.chance:.1%}", style=FAINT)
    table.add_row("all content words of the speaker", "", "", f"{report.everything:.1%}", style=FAINT)
    shares = (percent(value) for value in (report.precision, report.recall, report.f1))
    table.add_row(report.sem, *shares, style=f"bold {ACCENT}")
    table.caption = "mean over utterances; 95% intervals"
    return table


def sets_table(sets: Mapping[str, SetFigures]) -> Table:
    """Return one row a group of contexts: how often prediction sets hold the emotion, and their size."""
    from ..evaluation.emotion.coverage import CONTEXTS

    table = new_table("Prediction sets asked to hold the emotion in 90% of cases")
    for name in ("contexts", "samples", "held", "emotions in a set"):
        table.add_column(name, justify="left" if name == "contexts" else "right")
    for name, held in sets.items():
        table.add_row(CONTEXTS[name], f"{held.samples:,}", percent(held.coverage), _number(held.size))
    return table


def second_look_table(looks: Sequence[RequeryGain]) -> Table:
    """Return one row a view: accuracy on the least certain third, with and without it."""
    first = looks[0]
    table = new_table(
        f"Second look: the {first.samples:,} least certain samples (first choice at most {first.confidence:.0%})"
    )
    for name in ("second look at", "first alone", "both", "gain in points", "samples it changes"):
        table.add_column(name, justify="left" if name == "second look at" else "right")
    for look in looks:
        gain = Text(f"{100 * look.gain.value:+z.1f}")
        gain.append(f" ({100 * look.gain.low:+z.1f} to {100 * look.gain.high:+z.1f})", style=FAINT)
        name = {"last_turn": "the last turn", "speaker": "the speaker"}.get(look.view, look.view)
        table.add_row(name, percent(look.first), percent(look.both), gain, f"{look.differing:,}")
    table.caption = "pooled as the graph pools its rounds; 95% intervals over conversations"
    return table


def retrieval_table(data: str, reports: Sequence[RetrievalReport]) -> Table:
    """Return recall of each encoder beside chance, and what share of the plain one's the SEM reaches."""
    first = reports[0]
    table = new_table(f"Situations of {data}: {first.samples:,} looked for among {first.situations:,}")
    for name in ("", "recall@1", "recall@5"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("situations at random", *(f"{value:.2%}" for value in first.chance.values()), style=FAINT)
    for report in reports[1:]:
        table.add_row(report.encoder, *(percent(held) for held in report.recall.values()))
    table.add_row(first.encoder, *(percent(held) for held in first.recall.values()), style=f"bold {ACCENT}")
    if first.share:
        table.add_row(f"share of {reports[1].encoder}", *(percent(held) for held in first.share.values()))
    table.caption = "found from the first utterance; 95% intervals over conversations"
    return table


def calibration_table(data: str, report: CalibrationReport) -> Table:
    """Return one column a group of contexts: calibration error, and prediction sets of each coverage."""
    from ..evaluation.emotion.coverage import CONTEXTS

    table = new_table(f"Calibration on {data}: {report.samples:,} samples of {report.conversations:,} conversations")
    table.add_column("")
    for name in report.contexts:
        table.add_column(CONTEXTS[name], justify="right")
    held = report.contexts.values()
    table.add_row("samples", *(f"{figures.samples:,}" for figures in held))
    table.add_row("ECE before", *(_error(figures.before) for figures in held))
    table.add_row("ECE", *(_error(figures.ece) for figures in held), style=f"bold {ACCENT}")
    for coverage, sets in report.sets.items():
        table.add_row(f"{float(coverage):.0%} sets hold", *(percent(found.coverage) for found in sets.values()))
        table.add_row("emotions in a set", *(_number(found.size) for found in sets.values()), style=FAINT)
    table.caption = (
        f"fitted on {report.folds - 1} of {report.folds} folds of conversations,\nmeasured on the other; "
        f"95% intervals.\nExact probabilities would show an ECE of {report.floor:.3f}.\n"
        f"NLL {report.nll_before.value:.3f} before, {report.nll.value:.3f} after"
    )
    return table


def speed_table(reports: Sequence[SpeedReport], threads: int | None) -> Table:
    """Return one row a model, with the unit of each column in its heading."""
    first = reports[0]
    table = new_table("Speed, medians" + (f"; {threads} threads" if threads else ""))
    names = ("", "load s", "memory MB", "one dialogue ms", "with causes ms", "many dialogues/s")
    for name in names:
        table.add_column(name, justify="right" if name else "left")
    for report in reports:
        load = Text(f"{report.load.seconds:.2f}").append(f" ({report.load.import_seconds:.2f})", style=FAINT)
        memory = Text(f"{report.load.memory_mb:.0f}").append(f" ({report.load.import_mb:.0f})", style=FAINT)
        causes = f"{report.causes_ms:.1f}" if report.causes_ms else "–"
        cells = (load, memory, f"{report.one_ms:.1f}", causes, f"{report.dialogues_per_second:.0f}")
        table.add_row(report.name, *cells, style=f"bold {ACCENT}" if report is first else "")
    table.caption = (
        f"from a fresh process to the first answer, the imports' part in brackets; one dialogue of about 60 tokens, "
        f"{first.repeats} times; {first.dialogues} dialogues at once"
    )
    return table


def new_table(title: str) -> Table:
    """Return an empty table of figures."""
    return Table(
        title=title,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        padding=(0, 1),
    )


def percent(held: Estimate) -> Text:
    """Return a share in percent with half its interval behind it."""
    return Text(f"{held.value:.1%}").append(f" ±{50 * (held.high - held.low):.1f}", style=FAINT)


def _error(held: Estimate) -> Text:
    return Text(f"{held.value:.3f}").append(f" ±{(held.high - held.low) / 2:.3f}", style=FAINT)


def _number(held: Estimate) -> Text:
    return Text(f"{held.value:.2f}").append(f" ±{(held.high - held.low) / 2:.2f}", style=FAINT)
