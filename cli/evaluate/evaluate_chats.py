"""`hef evaluate chats`: how chats are read that change their subject and often carry no feeling."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from ..options import OutputOptions, StrategyName, option
from ..output import advancing, emit_report, figure_table, report_skipped_rows
from ..settings import load_settings
from .batch_round import BatchModelOptions, ending_with_questions, open_batch

if TYPE_CHECKING:
    from rich.table import Table

    from ...evaluation.emotion.chat_metrics import ChatReport
    from ...evaluation.metrics import Estimate

Chats = Annotated[Path | None, option("Other chats than those that ship, as JSON lines.", "--chats", metavar="FILE")]
STRATEGIES: tuple[StrategyName, ...] = ("sem_only", "llm_only", "two_stage")


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """Who decides."""

    panel: ClassVar = "Chats"
    strategy: Annotated[
        Literal["sem_only", "llm_only", "two_stage", "all"],
        option("How the emotion is decided; all measures them side by side."),
    ] = "sem_only"
    kind: Annotated[
        Literal["chats", "changes"],
        option("Which of the project's chats: of many subjects, or brief ones in which the feeling changes."),
    ] = "chats"
    anew: Annotated[
        bool, option("Forget before each chat what was learned of the LLM, as in a process that has just begun.")
    ] = False


def chats(models: BatchModelOptions, options: ChatOptions, output: OutputOptions, chats: Chats = None) -> None:
    """Measure the reading of chats with many subjects, or with feelings that change.

    Each turn of the person is read behind all that was said before it, as in an app. By default on the project's own
    chats, by writers who saw no code, and on which nothing is fitted. The LLM is asked only with another strategy.
    """
    settings = load_settings(models)
    from ...contract import HefContext, PoolingWeights
    from ...data.labelled_chats import read_chats
    from ...evaluation.caching_models import with_cache
    from ...evaluation.emotion.chat_metrics import chat_samples, measure_chats, measured_chats
    from ...evaluation.emotion.sem_llm_pair import SemLlmPair
    from ...llm import resolve_model
    from ...sem import resolve_sem

    marked, broken = read_chats(chats) if chats else (measured_chats(options.kind), [])
    report_skipped_rows(broken)
    names = STRATEGIES if options.strategy == "all" else (options.strategy,)
    llm = None if names == ("sem_only",) else open_batch(settings.model) or resolve_model(settings.model)
    with ending_with_questions(llm), advancing() as advance:
        model, cache = with_cache(llm, None) if llm else (None, None)
        pair = SemLlmPair(resolve_sem(settings.sem), model, cache, advance, settings.prompts)
        contexts = [HefContext(strategy=name) for name in names]
        fit = PoolingWeights.from_file(settings.fit) if settings.fit else None
        if llm:
            pair.ask_ahead([one for one in contexts if one.strategy != "sem_only"], chat_samples(marked))
        reports = [
            report for context in contexts for report in measure_chats(pair, marked, context, fit, anew=options.anew)
        ]
    details = {"broken": len(broken), "chats": chats.name if chats else options.kind, "anew": options.anew}
    emit_report("chats", chats, reports, details, output, [_chat_table(reports)])


def _chat_table(reports: list[ChatReport]) -> Table:
    """Return a row for each figure, a column for each language and strategy."""
    columns = [f"{report.language}, {report.strategy}" for report in reports]
    table = figure_table("Chats", ["", *columns])
    table.add_row("chats", *(str(report.chats) for report in reports))
    table.add_row("turns with a feeling / without", *(f"{one.with_feeling} / {one.without}" for one in reports))
    shares = {
        "read right": "right",
        "with a feeling: right emotion": "emotion_right",
        "  among the first three": "emotion_in_three",
        "  called neutral": "missed",
        "  behind another feeling: right emotion": "behind_another",
        "  … read as the earlier one": "stuck",
        "without a feeling: called neutral": "called_neutral",
        "  read as an earlier subject's": "carried_over",
        "cause words in the current subject": "causes_in_subject",
        "  one of them marked by the reader": "causes_right",
    }
    for title, name in shares.items():
        table.add_row(title, *(_percent(getattr(report, name)) for report in reports))
    return table


def _percent(estimate: Estimate | None) -> str:
    return "" if estimate is None else estimate.percent()
