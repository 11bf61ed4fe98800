"""`hef evaluate safety`: how danger is noticed, and what is raised wrongly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from ..options import OutputOptions, model_option, option
from ..output import advancing, emit_report, faint_margin, figure_table, report_skipped_rows
from .batch_round import ending_with_questions, open_batch

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from rich.table import Table
    from rich.text import Text

    from ...contract import Dialogue
    from ...data.conversations import Conversation
    from ...evaluation.safety.measured_llm import MeasuredLlmCheck
    from ...evaluation.safety.safety_report import Assess, ConversationReport, RaisedTurn, SafetyReport, Share

Cases = Annotated[
    Path | None, option("Other cases than those that ship, as JSON lines.", "--cases", "-c", metavar="FILE")
]
Data = Annotated[
    Path | None,
    option("Ordinary conversations: every turn of theirs that is raised is counted and listed.", "--data", "-d"),
]
Chats = Annotated[
    bool, option("The project's everyday talk: the chats of `hef evaluate chats`, and talks of days.", "--chats")
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
    from ...evaluation.safety.safety_cases import CASE_SETS, everyday_talk, read_cases, shipped_cases, speaker_turns
    from ...evaluation.safety.safety_report import report_cases, report_conversations

    if sum(map(bool, (cases, data, chats))) > 1:
        raise SetupError("give one of --cases, --data and --chats")
    judge = _Judge.from_spec(model)
    if data or chats:
        talk, skipped = _read_talk(data) if data else (everyday_talk(), [])
        report_skipped_rows(skipped)
        turns = (turns for group in talk.values() for one in group for turns in speaker_turns(one))
        with judge.ask_ahead(turns), advancing() as advance:
            raised = [report_conversations(group, name, judge.assess, advance) for name, group in talk.items()]
        emit_report("safety", data, raised, judge.details(skipped), output, [_conversation_table(raised)])
        if not output.as_json:
            _list_turns([turn for report in raised for turn in report.raised])
        return
    sets = {cases.name: read_cases(cases)} if cases else {half: shipped_cases(half) for half in CASE_SETS}
    with judge.ask_ahead(case.turns for read, _ in sets.values() for case in read):
        reports = [one for name, (read, _) in sets.items() for one in report_cases(read, name, judge.assess)]
    skipped = [message for _, messages in sets.values() for message in messages]
    report_skipped_rows(skipped)
    tables = [_level_table(reports), _kind_table(reports)]
    emit_report("safety", cases, reports, judge.details(skipped), output, tables)
    if listed and not output.as_json:
        _list_turns([turn for report in reports for turn in report.wrong])


def _read_talk(path: Path) -> tuple[dict[str, list[Conversation]], list[str]]:
    """Return the conversations of a file by its name, and a message for each row that could not be read."""
    from ...data.conversations import read_conversations
    from ...data.json_lines import require_file

    require_file(path)
    conversations, skipped = read_conversations(path)
    return {path.name: conversations}, skipped


@dataclass(frozen=True, slots=True)
class _Judge:
    """What looks for danger: HEF's own check, or that of an LLM."""

    assess: Assess
    llm: BaseChatModel | None = None
    check: MeasuredLlmCheck | None = None

    @classmethod
    def from_spec(cls, spec: str | None) -> Self:
        """Return the check of an LLM that is named, else HEF's own."""
        if spec is None:
            from ...safety import assess

            return cls(assess)
        from ...evaluation.caching_models import with_cache
        from ...evaluation.safety.measured_llm import MeasuredLlmCheck
        from ...llm import resolve_model

        llm = open_batch(spec) or resolve_model(spec)
        check = MeasuredLlmCheck(with_cache(llm)[0])
        return cls(check, llm, check)

    @contextmanager
    def ask_ahead(self, dialogues: Iterable[Dialogue]) -> Iterator[None]:
        """Ask the LLM about all dialogues first; without answers the command ends. Say which could not be used."""
        with ending_with_questions(self.llm):
            if self.check:
                self.check.ask_ahead(dialogues)
            yield
        if self.check and self.check.failures:
            count = f"{self.check.failures:,} answers of the LLM could not be used"
            typer.echo(f"{count}; HEF's own check judged there.", err=True)

    def details(self, skipped: Sequence[str]) -> dict[str, int]:
        """Return what is told beside the figures."""
        return {"broken": len(skipped)} | ({"unusable answers": self.check.failures} if self.check else {})


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


def _conversation_table(reports: list[ConversationReport]) -> Table:
    """Return how many turns of ordinary conversations are raised, a row per file."""
    table = figure_table("Safety", ["conversations", "turns", "to danger", "to concern"])
    for report in reports:
        table.add_row(report.data, f"{report.turns:,}", _share(report.danger), _share(report.concern))
    return table


def _share(share: Share) -> Text:
    """Return a share in percent with its interval and its count."""
    if share.share is None:
        return faint_margin("–")
    low, high = 100 * share.share.low, 100 * share.share.high
    return faint_margin(f"{share.share.value:.1%} ({low:.1f} to {high:.1f}; {share.count} of {share.total})")


def _list_turns(turns: list[RaisedTurn]) -> None:
    """Print turns, the gravest first."""
    for turn in sorted(turns, key=lambda turn: ("danger", "concern", "none").index(turn.level)):
        expected = f" (expected {turn.expected})" if turn.expected else ""
        typer.echo(f"{turn.level}{expected}  {turn.id}  {turn.kind}: {turn.text}  <- {', '.join(turn.words) or '–'}")
