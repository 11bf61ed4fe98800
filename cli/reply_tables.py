"""Tables of replies: their figures, how judges decided, and what a turn costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from .render import ACCENT, FAINT
from .tables import new_table, percent

if TYPE_CHECKING:
    from ..bench.turn_speed import TurnReport
    from ..evaluation.metrics import Estimate
    from ..evaluation.replies.blind_pairs import WinRate
    from ..evaluation.replies.reply_metrics import ReplyFigures

_WAYS = {"plain": "LLM alone", "hef": "HEF", "hef_fresh": "HEF without caches"}


def reply_table(data: str, model: str, figures: Sequence[ReplyFigures], context: Estimate) -> Table:
    """Return one column a way to reply, HEF's standing out."""
    from ..evaluation.replies.reply_page import NAMES, ROWS

    first = figures[0]
    table = new_table(f"Replies on {data}: {first.samples:,} samples of {first.conversations:,} conversations")
    table.add_column("")
    for held in figures:
        style = f"bold {ACCENT}" if held.variant == "hef" else FAINT if held.variant == "human" else ""
        table.add_column(NAMES[held.variant], justify="right", style=style)
    for name, cell in ROWS:
        cells = [cell(held) for held in figures]
        table.add_row(
            name, *(Text(value).append(f" {margin}" if margin else "", style=FAINT) for value, margin in cells)
        )
    table.caption = (
        f"{model}; 95% intervals over conversations; the SEM reads the true emotion of {context.value:.1%} of the "
        "dialogues without any reply"
    )
    return table


def win_table(held: WinRate) -> Table:
    """Return how often HEF's reply was judged better."""
    table = new_table(f"Judged: {held.verdicts:,} verdicts on {held.pairs:,} pairs")
    for name in ("HEF better", "tie", "LLM alone better", "win rate", "sign test p"):
        table.add_column(name, justify="right")
    counts = (f"{count:,}" for count in (held.wins, held.ties, held.losses))
    table.add_row(*counts, percent(held.rate), f"{held.p_value:.2g}")
    table.caption = f"a tie counts half; 95% interval over pairs; {held.unjudged:,} pairs of the key without a verdict"
    return table


def turn_table(report: TurnReport) -> Table:
    """Return one row a way to answer, the ratio in the title."""
    table = new_table(
        f"A HEF turn takes {report.ratio.value:.2f} times a plain reply ({report.ratio.low:.2f} to "
        f"{report.ratio.high:.2f})"
    )
    for name in ("", "seconds", "first token s", "tokens written", "LLM calls", "prompt tokens", "computed"):
        table.add_column(name, justify="right" if name else "left")
    for name, way in report.ways.items():
        counts = (way.written, way.calls, way.given, way.computed)
        cells = ["–" if count is None else f"{count:,.1f}".removesuffix(".0") for count in counts]
        style = f"bold {ACCENT}" if name == "hef" else ""
        table.add_row(_WAYS[name], f"{way.seconds:.2f}", f"{way.first_token:.2f}", *cells, style=style)
    lengths = ", ".join(f"{ratio:.2f} after {turns}" for turns, ratio in report.by_length.items())
    nodes = ", ".join(f"{name} {1000 * seconds:.0f}" for name, seconds in report.nodes.items())
    other = "" if report.held else "; mind: the replies are not of one length"
    table.caption = (
        f"{report.model} + {report.sem}, {report.turns} dialogues, replies of {report.tokens} tokens{other}; medians, "
        f"calls and prompt tokens are means; ratio by turns of the dialogue: {lengths}; milliseconds by node: {nodes}"
    )
    return table
