"""`hef train safety`: the linear model that may raise the level that the rules give to a turn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ..options import OutputOptions, option
from ..output import advancing, emit_report, figure_table, report_skipped_rows

if TYPE_CHECKING:
    from rich.table import Table

    from ...training.safety.risk_training import GroupReport

Cases = Annotated[
    list[Path],
    option("Labelled turns as JSON lines, a file for each who wrote them.", "--cases", "-c", metavar="FILE"),
]
Ordinary = Annotated[
    list[Path],
    option("Conversations without danger, as JSON lines: what must not be raised.", "--data", "-d", metavar="FILE"),
]
Model = Annotated[Path, option("Write the model to this file.", "--model-file", metavar="FILE")]
Limit = Annotated[int, option("Turns of each file of conversations at most, drawn at random.", metavar="N", min=1)]
Penalty = Annotated[float, option("Inverse penalty of the weights.", metavar="C")]
Threshold = Annotated[float, option("Probability from which on a turn is raised.", metavar="P", min=0, max=1)]
ORDINARY_WEIGHT = 1.0
"""What a turn of an ordinary conversation counts beside a labelled one."""
ANSWER_WEIGHT = 0.5
"""What a short answer without its question counts beside a labelled turn."""


def train_safety(
    cases: Cases,
    data: Ordinary,
    model_file: Model,
    output: OutputOptions,
    limit: Limit = 18_000,
    inverse_penalty: Penalty = 50.0,
    concern_from: Threshold = 0.6,
    danger_from: Threshold = 0.6,
) -> None:
    """Train the model that may raise a turn.

    It raises a turn to concern or danger where the rules do not.

    Prints what rules and model find together in each file of cases by a model that has not seen that file, and how
    many turns of the conversations they raise. Needs the extra `train`.
    """
    from ...data.conversations import read_conversations
    from ...evaluation.safety.safety_cases import read_cases
    from ...training.safety.risk_training import (
        RiskSample,
        cross_validate,
        draw_ordinary,
        out_of_context,
        save_risk_model,
        train_risk_model,
    )

    samples: list[RiskSample] = []
    for path in cases:
        rows, broken = read_cases(path)
        report_skipped_rows(broken)
        samples += [RiskSample(case.turns, case.level, case.kind, path.name) for case in rows]
    labelled = [*samples]
    for path in data:
        conversations, broken = read_conversations(path)
        report_skipped_rows(broken)
        turns = draw_ordinary(conversations, limit, seed=0)
        questions = [turn for dialogue in turns for turn in dialogue if turn.role == "listener"]
        samples += out_of_context(labelled, questions, weight=ANSWER_WEIGHT)
        half = len(turns) // 2
        samples += [
            RiskSample(dialogue, "none", group=f"{path.name}, {name}", weight=ORDINARY_WEIGHT)
            for name, part in (("one half", turns[:half]), ("other half", turns[half:]))
            for dialogue in part
        ]
    thresholds = (concern_from, danger_from)
    with advancing() as advance:
        reports = cross_validate(samples, inverse_penalty=inverse_penalty, thresholds=thresholds, progress=advance)
    save_risk_model(train_risk_model(samples, inverse_penalty=inverse_penalty, thresholds=thresholds), model_file)
    details = {"concern_from": concern_from, "danger_from": danger_from, "inverse_penalty": inverse_penalty}
    emit_report("safety training", None, reports, details, output, [_table(reports)])


def _table(reports: Sequence[GroupReport]) -> Table:
    """Return what is found and raised, a row per group."""
    columns = ["left out", "danger", "by rules", "concern", "raised to danger", "by rules", "to concern"]
    table = figure_table("Rules and model, which has not seen the file", columns)
    for report in reports:
        shares = (
            report.danger_found,
            report.danger_by_rules,
            report.concern_found,
            report.raised_to_danger,
            report.raised_by_rules,
            report.raised_to_concern,
        )
        table.add_row(report.group, *("" if share is None else f"{share:.1%}" for share in shares))
    return table
