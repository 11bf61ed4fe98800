"""The commands of `hef`, and the options before a command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer

from .error_messages import HefGroup
from .lazy_commands import LazyCommand, LazyGroup

TALK, READ, BUILD = "Talk", "Read emotions", "Train and measure"

EPILOG = """\
[bold]Examples[/]

[cyan]hef reply "My dog died last night."[/]

[cyan]hef chat --user ana[/]

[cyan]echo '{"id": 7, "text": "I got the job!"}' | hef perceive[/]

[bright_black]The SEM reads fine-grained emotion and its cause words, the LLM weighs it and writes the reply.[/]

[bright_black]Settings: flags, else HEF_MODEL, HEF_SEM, HEF_PROMPTS, HEF_FIT, HEF_HOME, HEF_CHROMA_URL, \
HEF_POSTGRES_URL, HEF_KEYS, HEF_USER, HEF_CHARACTERS, HEF_REGION, HEF_THREADS, HEF_LOG.[/]

[bright_black]Exit codes: 0 done, 1 failed, 2 called wrongly or set up wrongly, 130 after Ctrl-C.[/]
"""


def _group(name: str, help: str, panel: str, commands: Sequence[LazyCommand | LazyGroup]) -> LazyGroup:
    return LazyGroup(name=name, help=help, rich_help_panel=panel, commands=commands, no_args_is_help=True)


MEMORY = [
    LazyCommand("list", "memory.list_turns:list_turns", "List the turns that are stored, newest first."),
    LazyCommand("search", "memory.list_turns:search", "Search the turns that are stored, most similar first."),
    LazyCommand("timeline", "memory.timeline_command:timeline", "Show what was felt over time."),
    LazyCommand("pin", "memory.mark_turns:pin", "Always recall a turn, and keep it beyond its time."),
    LazyCommand("hide", "memory.mark_turns:hide", "Never recall a turn; it stays listed."),
    LazyCommand("export", "memory.export_import:export", "Write all that is stored of a person as JSON lines."),
    LazyCommand("import", "memory.export_import:import_turns", "Store turns that were exported."),
    LazyCommand(
        "reembed", "memory.reembed:reembed", "Compute the vectors of everybody's turns anew, as after an update."
    ),
    LazyCommand("forget", "memory.forget:forget", "Delete turns of a person, by default all, for good."),
    LazyCommand("compact", "memory.forget:compact", "Rewrite the memory's files without what was deleted."),
]
SAFETY = [
    LazyCommand(
        "report",
        "referral_report:report",
        "Count the turns in which somebody was in danger, or may have been.",
    )
]
KEYS = [
    LazyCommand("add", "serve.serve_key:add", "Make a key for a person or a front end."),
    LazyCommand("list", "serve.serve_key:list_keys", "List the keys, without what they open."),
    LazyCommand("revoke", "serve.serve_key:revoke", "Revoke a key, or all keys of a name."),
]
SERVE: list[LazyCommand | LazyGroup] = [
    LazyCommand("chat", "serve.serve_chat:serve_chat", "Serve HEF to front ends that speak OpenAI's chat completions."),
    LazyCommand("sem", "serve.serve_sem:serve_sem", "Serve a SEM to many callers with Ray Serve."),
    _group("key", "Make, list and revoke the keys of the chat server.", READ, KEYS),
]
TRAIN = [
    LazyCommand("sem", "train.train_sem:train_sem", "Train a SEM on conversations with an emotion label."),
    LazyCommand("turns", "train.train_turns:train_turns", "Train the head that reads the last turn of a chat."),
    LazyCommand("adapter", "train.train_adapter:train_adapter", "Train the LoRA adapter of the embedded LLM."),
    LazyCommand("calibrate", "train.calibrate:calibrate", "Calibrate a SEM's probabilities and prediction sets."),
    LazyCommand("safety", "train.train_safety:train_safety", "Train the linear model that may raise a turn."),
    LazyCommand(
        "risk-head", "train.train_risk_head:train_risk_head", "Train the network that reads a turn in its dialogue."
    ),
    LazyCommand("feedback", "memory.export_import:feedback", "Write the emotions that people confirmed as data."),
]
EVALUATE = [
    LazyCommand("emotion", "evaluate.evaluate_emotion:emotion", "Measure emotion accuracy of SEM, LLM and both."),
    LazyCommand("neutral", "evaluate.evaluate_neutral:neutral", "Measure how turns without an emotion are told."),
    LazyCommand("chats", "evaluate.evaluate_chats:chats", "Measure the reading of chats with many subjects."),
    LazyCommand("causes", "evaluate.evaluate_sem:causes", "Measure cause words or spans."),
    LazyCommand("retrieval", "evaluate.evaluate_sem:retrieval", "Measure sentence vectors."),
    LazyCommand("memory", "evaluate.evaluate_sem:memory", "Measure recall of past turns."),
    LazyCommand("replies", "evaluate.evaluate_replies:replies", "Measure replies beside the same LLM's without HEF."),
    LazyCommand("verdicts", "evaluate.evaluate_replies:verdicts", "Count how judges decided on blind pairs."),
    LazyCommand("safety", "evaluate.evaluate_safety:safety", "Measure how danger is noticed and what is raised."),
    LazyCommand("download", "evaluate.download_data:download", "Get EmpatheticDialogues from its official archive."),
]
BENCH = [
    LazyCommand("sem", "bench.bench_models:sem", "Time a SEM: loading, one dialogue, its cause words, many at once."),
    LazyCommand("turn", "bench.bench_models:turn", "Time a HEF turn beside a plain reply of the same LLM."),
    LazyCommand("memory", "bench.bench_memory:memory", "Time recalling and writing beside raw Chroma calls."),
    LazyCommand(
        "chat-server", "bench.bench_chat_server:chat_server", "Time the chat server with many conversations at once."
    ),
    LazyCommand("serving", "bench.bench_serving:serving", "Time many conversations at once, and long threads."),
    LazyCommand("first-token", "bench.bench_models:first_token", "Time `hef reply` from its start to its first token."),
]
COMMANDS = [
    LazyCommand("reply", "chat.reply_command:reply", "Reply to one message, and show emotion and causes.", TALK),
    LazyCommand("chat", "chat.chat_command:chat", "Talk with HEF; with --user, it remembers.", TALK),
    LazyCommand("characters", "characters_list:characters", "List the characters that you can talk with.", TALK),
    LazyCommand(
        "ui", "page.ui_command:ui", "Open a page to talk and to see what was understood and is remembered.", TALK
    ),
    _group("memory", "See, take along and delete what is remembered of a person.", TALK, MEMORY),
    _group(
        "safety", "Count the turns in which somebody was in danger, for the reports that laws ask for.", TALK, SAFETY
    ),
    LazyCommand("perceive", "perceive:perceive", "Read emotion and cause words with the SEM alone.", READ),
    LazyCommand("sems", "sems:sems", "List the installed small empathetic models.", READ),
    LazyCommand("mcp", "serve.mcp_command:mcp", "Serve emotion, cause words and memories to an MCP client.", READ),
    _group("serve", "Serve HEF, or its SEM, to other programs and machines.", READ, SERVE),
    _group("train", "Train and calibrate a SEM, train the embedded LLM's adapter, export feedback.", BUILD, TRAIN),
    _group(
        "evaluate", "Measure emotion, cause words, replies, sentence vectors and recall of past turns.", BUILD, EVALUATE
    ),
    _group("bench", "Measure speed and memory use.", BUILD, BENCH),
]


class RootGroup(HefGroup):
    """All commands of `hef`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": COMMANDS})


app = typer.Typer(
    name="hef",
    cls=RootGroup,
    help="Empathetic replies from a small emotion model and an LLM together (HEF, the Hybrid Empathetic Framework).",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(f"hef {version('hef')}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", envvar="HEF_DEBUG", show_envvar=False, help="Show the traceback of an error.  \\[env: HEF_DEBUG]"
        ),
    ] = False,
    log: Annotated[
        Literal["debug", "info", "warning"] | None,
        typer.Option(
            envvar="HEF_LOG",
            show_envvar=False,
            help="Write HEF's log to stderr; only debug includes the text of messages.  \\[env: HEF_LOG]",
        ),
    ] = None,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take the options before a command; `HefGroup` reads `debug` where an error ends one."""
    if log:
        from .logging_setup import enable_log

        enable_log(log)
