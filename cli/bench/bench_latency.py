"""`hef bench turn --latency`: the wait for a hosted LLM's first token, and what a turn costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from rich.table import Table

from ..options import OutputOptions, option
from ..output import advancing, emit_report, figure_table
from ..render import ACCENT

if TYPE_CHECKING:
    from ...bench.hosted_latency import LatencyReport
    from ..settings import Settings


@dataclass(frozen=True, slots=True)
class LatencyOptions:
    """A hosted LLM instead of the one of the models."""

    panel: ClassVar = "Hosted LLM"
    latency: Annotated[
        bool, option("Time a stub server with a hosted LLM's latencies instead, on built-in sentences.", "--latency")
    ] = False
    first_token_ms: Annotated[
        float, option("Milliseconds to the first token of each of its answers.", metavar="MS", min=0)
    ] = 500
    tokens_per_second: Annotated[float, option("Tokens of an answer a second.", metavar="N", min=1)] = 60
    price_in: Annotated[float | None, option("Price of a million prompt tokens.", metavar="X", min=0)] = None
    price_out: Annotated[float | None, option("Price of a million written tokens.", metavar="X", min=0)] = None


def latency(settings: Settings, hosted: LatencyOptions, output: OutputOptions) -> None:
    """Time HEF turns beside a plain reply of a stub of a hosted LLM, and print what a turn costs."""
    from ...bench.hosted_latency import TokenPrices, measure_latency
    from ...bench.sem_speed import machine
    from ...bench.stub_server import StubLatency
    from ...sem import resolve_sem

    is_priced = hosted.price_in is not None or hosted.price_out is not None
    with advancing() as advance:
        report = measure_latency(
            resolve_sem(settings.sem),
            latency=StubLatency(hosted.first_token_ms / 1000, hosted.tokens_per_second),
            prices=TokenPrices(hosted.price_in or 0.0, hosted.price_out or 0.0) if is_priced else None,
            prompts=settings.prompts,
            fit=settings.fit,
            progress=advance,
        )
    emit_report("latency", None, [report], {"machine": machine(settings.threads)}, output, [_latency_table(report)])


def _latency_table(report: LatencyReport) -> Table:
    """Return one row per way to a reply."""
    columns = (
        "first token s",
        "× plain",
        "last token s",
        "× plain",
        "calls",
        "prompt tokens",
        "written",
        "1,000 turns",
    )
    table = figure_table(
        "Seconds to a hosted LLM's reply",
        ("", *columns),
        f"stub server, {1000 * report.first_token:.0f} ms to the first token and {report.tokens_per_second:.0f} tokens "
        f"a second; {report.sem}, {report.sentences} sentences; times are medians, calls and tokens means per turn. "
        "The LLM judges always or where the SEM is unsure, and looks for danger but in the last row",
    )
    for name, cost in report.variants.items():
        cells = (
            *(f"{cost.first_token:.2f}", f"{cost.first_token_ratio:.2f}"),
            *(f"{cost.last_token:.2f}", f"{cost.last_token_ratio:.2f}"),
            *(f"{cost.calls:.2f}", f"{cost.prompt_tokens:.0f}", f"{cost.completion_tokens:.0f}"),
            "–" if cost.price is None else f"{cost.price:.2f}",
        )
        table.add_row("LLM alone" if name == "plain" else name, *cells, style="" if name == "plain" else ACCENT)
    return table
