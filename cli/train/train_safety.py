"""`hef train safety`: the linear model that may raise the level that the rules give to a turn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from ..options import OutputOptions, option
from ..output import advancing, emit_report
from .labelled_turns import Cases, Chats, Limit, Ordinary, group_table, read_labelled, read_ordinary

Model = Annotated[Path, option("Write the model to this file.", "--model-file", metavar="FILE")]
Penalty = Annotated[float, option("Inverse penalty of the weights.", metavar="C")]
Threshold = Annotated[float, option("Probability from which on a turn is raised.", metavar="P", min=0, max=1)]


@dataclass(frozen=True, slots=True)
class RiskModelOptions:
    """What the model learns from, beside the labelled turns, and from when on it raises a turn."""

    panel: ClassVar = "Recipe"
    limit: Limit = 18_000
    chats: Chats = 14_000
    inverse_penalty: Penalty = 50.0
    concern_from: Threshold = 0.6
    danger_from: Threshold = 0.6


def train_safety(
    cases: Cases, data: Ordinary, model_file: Model, output: OutputOptions, recipe: RiskModelOptions
) -> None:
    """Train the linear model that may raise a turn.

    It raises a turn to concern or danger where the rules do not.

    Prints what rules and model find together in each file of cases by a model that has not seen that file, and how
    many turns of the conversations they raise. Needs the extra `train`.
    """
    from ...training.safety.risk_samples import chat_turns
    from ...training.safety.risk_training import cross_validate, save_risk_model, train_risk_model

    labelled = read_labelled(cases)
    samples = [*labelled, *read_ordinary(data, labelled, recipe.limit), *chat_turns(recipe.chats)]
    penalty, thresholds = recipe.inverse_penalty, (recipe.concern_from, recipe.danger_from)
    with advancing() as advance:
        reports = cross_validate(samples, inverse_penalty=penalty, thresholds=thresholds, progress=advance)
    save_risk_model(train_risk_model(samples, inverse_penalty=penalty, thresholds=thresholds), model_file)
    details = {
        "concern_from": recipe.concern_from,
        "danger_from": recipe.danger_from,
        "inverse_penalty": penalty,
    }
    emit_report(
        "safety training",
        None,
        reports,
        details,
        output,
        [group_table(reports, "Rules and model, which has not seen the file")],
    )
