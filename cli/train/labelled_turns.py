"""What the commands that train models of risk share: labelled turns, ordinary ones, and a table of what is found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ..options import option
from ..output import figure_table, report_skipped_rows

if TYPE_CHECKING:
    from rich.table import Table

    from ...training.safety.risk_samples import RiskSample
    from ...training.safety.risk_training import GroupReport

Cases = Annotated[
    list[Path],
    option("Labelled turns as JSON lines, a file for each who wrote them.", "--cases", "-c", metavar="FILE"),
]
Ordinary = Annotated[
    list[Path],
    option("Conversations without danger, as JSON lines: what must not be raised.", "--data", "-d", metavar="FILE"),
]
Limit = Annotated[int, option("Turns of each file of conversations at most, drawn at random.", metavar="N", min=1)]
Chats = Annotated[
    int,
    option(
        "Turns of the chats that ship, as ordinary ones, beside those of them that have a level.", metavar="N", min=0
    ),
]
ORDINARY_WEIGHT = 1.0
"""What a turn of an ordinary conversation counts beside a labelled one."""
ANSWER_WEIGHT = 0.5
"""What a short answer without its question counts beside a labelled turn."""


def read_labelled(paths: Sequence[Path]) -> list[RiskSample]:
    """Return the labelled turns of files, each file a group."""
    from ...evaluation.safety.safety_cases import read_cases
    from ...training.safety.risk_samples import RiskSample

    samples: list[RiskSample] = []
    for path in paths:
        rows, broken = read_cases(path)
        report_skipped_rows(broken)
        samples += [RiskSample(case.turns, case.level, case.kind, path.name) for case in rows]
    return samples


def read_ordinary(paths: Sequence[Path], labelled: Sequence[RiskSample], limit: int) -> list[RiskSample]:
    """Return turns of ordinary conversations, each file two groups, and short answers of labelled turns among them.

    Args:
        paths: Files of conversations.
        labelled: The labelled turns.
        limit: Turns of each file at most.
    """
    from ...data.conversations import read_conversations
    from ...training.safety.risk_samples import RiskSample, draw_ordinary, out_of_context

    samples: list[RiskSample] = []
    for path in paths:
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
    return samples


def group_table(reports: Sequence[GroupReport], title: str) -> Table:
    """Return what is found and raised, a row per group."""
    columns = ["left out", "danger", "by rules", "concern", "raised to danger", "by rules", "to concern"]
    table = figure_table(title, columns)
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
