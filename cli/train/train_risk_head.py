"""`hef train risk-head`: the network that reads a turn in its dialogue, where no single word tells the danger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from ..options import OutputOptions, Threads, option
from ..output import advancing, emit_report
from ..settings import load_settings
from .labelled_turns import Cases, Chats, Limit, Ordinary, group_table, read_labelled, read_ordinary

if TYPE_CHECKING:
    from ...safety.assess import RuleResult
    from ...safety.risk_model import Risk
    from ...training.safety.risk_samples import RiskSample

Target = Annotated[Path, typer.Argument(help="File to write.", metavar="FILE", dir_okay=False)]
Unseen = Annotated[
    list[Path] | None,
    option("Labelled turns that are not trained on: what is found in them is printed.", "--unseen", metavar="FILE"),
]


@dataclass(frozen=True, slots=True)
class RiskHeadOptions:
    """What the network learns from, beside the labelled turns, and how long."""

    panel: ClassVar = "Recipe"
    limit: Limit = 5_000
    chats: Chats = 12_000
    passes: Annotated[float, option("Passes over all turns.", metavar="X")] = 2.0


def train_risk_head(
    target: Target,
    cases: Cases,
    data: Ordinary,
    output: OutputOptions,
    recipe: RiskHeadOptions,
    unseen: Unseen = None,
    threads: Threads = None,
) -> None:
    """Train the network that reads a turn in its dialogue.

    Two layers over those of the shipped SEM learn the level of danger of a turn. The network is asked after the rules
    and the linear model, where that sees a possibility or a rule claims danger, and the mean of both counts.

    Prints what all of them find in files that are not trained on. Needs the extra `train`, and half an hour.
    """
    settings = load_settings(threads=threads)
    import torch

    from ...safety.risk_head import RiskHead, read_risk
    from ...sem.registry import SHIPPED, shipped_sem
    from ...training.safety.risk_head_training import (
        RiskHeadRecipe,
        export_risk_head,
        new_risk_network,
        read_examples,
    )
    from ...training.safety.risk_head_training import (
        train_risk_head as train,
    )
    from ...training.safety.risk_samples import chat_turns
    from ...training.safety.risk_training import report_group

    if settings.threads:
        torch.set_num_threads(settings.threads)
    labelled = read_labelled(cases)
    samples = [*labelled, *read_ordinary(data, labelled, recipe.limit), *chat_turns(recipe.chats)]
    with advancing() as advance:
        examples = read_examples(SHIPPED, samples, advance)
        network = train(
            new_risk_network(SHIPPED),
            examples,
            RiskHeadRecipe(passes=recipe.passes),
            report=lambda step, steps, loss: advance(f"loss {loss:.2f}", step, steps),
        )
    export_risk_head(network, shipped_sem(), target, examples)
    head = RiskHead(shipped_sem(), target)

    def read(rules: RuleResult, sample: RiskSample) -> Risk:
        return read_risk(rules.evidence, () if rules.is_understood else sample.turns, head)

    groups = {path.name: read_labelled([path]) for path in unseen or []}
    reports = [report_group(name, rows, read) for name, rows in groups.items()]
    details = {"samples": len(samples), "passes": recipe.passes, "export": str(target)}
    emit_report("risk head training", None, reports, details, output, [group_table(reports, "Files not trained on")])
