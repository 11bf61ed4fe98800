"""`hef evaluate safety`: how danger is noticed, and what is raised wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..options import OutputOptions, model_option, option
from ..output import advancing, emit_report, faint_margin, figure_table, report_skipped_rows
from .batch_round import ending_with_questions, open_batch

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from rich.table import Table
    from rich.text import Text

    from ...evaluation.safety.measured_llm import MeasuredLlmCheck
    from ...evaluation.safety.safety_report import ConversationReport, RaisedTurn, SafetyReport, Share

Cases = Annotated[
    Path | None, option("Other cases than those that ship, as JSON lines.", "--cases", "-c", metavar="FILE")
]
Data = Annotated[
    Path | None,
    option("Ordinary conversations: every turn of theirs that is raised is counted and listed.", "--data", "-d"),
]
Chats = Annotated[
    bool, option("The project's everyday chats, those of `hef evaluate chats`, as ordinary conversations.", "--chats")
]
Listed = Annotated[bool, option("List the cases whose level is another than expected.", "--list")]


Llm = Annotated[
    str | None,
    model_option(
        " that is asked as `LlmSafetyCheck` asks it; or batch:<folder>, which answers in rounds", from_environment=False
    ),
]


def safety(
    output: OutputOptions,
    cases: Cases = None,
    data: Data = None,
    chats: Chats = False,
    listed: Listed = False,
    model: Llm = None,
) -> None:
    """Measure how danger is noticed and what is raised.

    By default on the project's own cases: the open half was read while the rules were written, the closed half and the
    outside cases, by another writer, were not. With `--data` or `--chats` on ordinary conversations in place of cases.
    No LLM is asked, unless one is named.
    """
    from ...contract import SetupError
    from ...data.conversations import read_conversations
    from ...data.json_lines import require_file
    from ...evaluation.safety.safety_cases import CASE_SETS, everyday_chats, read_cases, shipped_cases, speaker_turns
    from ...evaluation.safety.safety_report import report_cases, report_conversations
    from ...safety import assess as shipped_assess

    if sum(map(bool, (cases, data, chats))) > 1:
        raise SetupError("give one of --cases, --data and --chats")
    llm, check = _open_llm(model)
    assess = check or shipped_assess
    if data or chats:
        if data:
            require_file(data)
        conversations, skipped = read_conversations(data) if data else (everyday_chats(), [])
        report_skipped_rows(skipped)
        name = data.name if data else "chats"
        with ending_with_questions(llm), advancing() as advance:
            if check:
                check.ask_ahead(turns for one in conversations for turns in speaker_turns(one))
            report = report_conversations(conversations, name, assess, advance)
        _report_failures(check)
        emit_report("safety", data, [report], _details(skipped, check), output, [_conversation_table(report)])
        if not output.as_json:
            _list_turns(report.raised)
        return
    sets = {cases.name: read_cases(cases)} if cases else {half: shipped_cases(half) for half in CASE_SETS}
    with ending_with_questions(llm):
        if check:
            check.ask_ahead(case.turns for read, _ in sets.values() for case in read)
        reports = [one for name, (read, _) in sets.items() for one in report_cases(read, name, assess)]
    skipped = [message for _, messages in sets.values() for message in messages]
    report_skipped_rows(skipped)
    _report_failures(check)
    tables = [_level_table(reports), _kind_table(reports)]
    emit_report("safety", cases, reports, _details(skipped, check), output, tables)
    if listed and not output.as_json:
        _list_turns([turn for report in reports for turn in report.wrong])


def _open_llm(spec: str | None) -> tuple[BaseChatModel | None, MeasuredLlmCheck | None]:
    """Return the LLM that looks for danger, and its check; None for both without one."""
    if spec is None:
        return None, None
    from ...evaluation.caching_models import with_cache
    from ...evaluation.safety.measured_llm import MeasuredLlmCheck
    from ...llm import resolve_model

    llm = open_batch(spec) or resolve_model(spec)
    return llm, MeasuredLlmCheck(with_cache(llm)[0])


def _report_failures(check: MeasuredLlmCheck | None) -> None:
    """Say how often the LLM said nothing that could be used, and HEF's own check judged."""
    if check and check.failures:
        typer.echo(f"{check.failures:,} answers of the LLM could not be used; HEF's own check judged there.", err=True)


def _details(skipped: Sequence[str], check: MeasuredLlmCheck | None) -> dict[str, int]:
    """Return what is told beside the figures."""
    return {"broken": len(skipped)} | ({"unusable answers": check.failures} if check else {})


def _level_table(reports: list[SafetyReport]) -> Table:
    """Return recall and false alarms, a row per set, language and figure."""
    table = figure_table("Safety", ["cases", "", "figure", "share"], "95% intervals by Wilson's score")
    for report in reports:
        shares = {
            "danger given danger": report.danger_recall,
            "concern given concern or danger": report.concern_recall,
            "concern given concern": report.concern_exact,
            "harmless raised to danger": report.harmless_to_danger,
            "harmless raised to concern": report.harmless_to_concern,
        }
        for name, share in shares.items():
            table.add_row(report.half, report.language, name, _share(share))
    return table


def _kind_table(reports: list[SafetyReport]) -> Table:
    """Return the share of right levels, a row per kind."""
    table = figure_table(None, ["cases", "", "level", "kind", "right"])
    for report in reports:
        for kind in report.kinds:
            table.add_row(report.half, report.language, kind.expected, kind.kind, _share(kind.right))
    return table


def _conversation_table(report: ConversationReport) -> Table:
    """Return how many turns of ordinary conversations are raised."""
    table = figure_table("Safety", ["conversations", "turns", "to danger", "to concern"])
    table.add_row(report.data, f"{report.turns:,}", _share(report.danger), _share(report.concern))
    return table


def _share(share: Share) -> Text:
    """Return a share in percent with its interval and its count."""
    if share.share is None:
        return faint_margin("–")
    low, high = 100 * share.share.low, 100 * share.share.high
    return faint_margin(f"{share.share.value:.1%} ({low:.1f} to {high:.1f}; {share.count} of {share.total})")


def _list_turns(turns: tuple[RaisedTurn, ...] | list[RaisedTurn]) -> None:
    """Print turns, the gravest first."""
    for turn in sorted(turns, key=lambda turn: ("danger", "concern", "none").index(turn.level)):
        expected = f" (expected {turn.expected})" if turn.expected else ""
        typer.echo(f"{turn.level}{expected}  {turn.id}  {turn.kind}: {turn.text}  <- {', '.join(turn.words) or '–'}")
