"""The command line as a whole: its commands, what they share, and the way it ends."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Literal

import typer

from .bench.bench_group import bench
from .chat.chat_command import chat
from .chat.reply_command import reply
from .error_messages import HefGroup
from .evaluate.evaluate_group import evaluate
from .logging_setup import enable_log
from .memory.memory_group import memory
from .perceive import perceive
from .sems import sems
from .serve.mcp_command import mcp
from .serve.serve_sem import serve
from .train.calibrate import calibrate
from .train.export_feedback import feedback
from .train.train_sem import train

TALK, READ, BUILD = "Talk", "Read emotions", "Train and measure"

EPILOG = """\
[bold]Examples[/]

[cyan]hef reply "My dog died last night."[/]

[cyan]hef chat --user ana[/]

[cyan]echo '{"id": 7, "text": "I got the job!"}' | hef perceive[/]

[bright_black]The SEM reads fine-grained emotion and its cause words, the LLM weighs it and writes the reply.[/]

[bright_black]Settings: flags, else HEF_MODEL, HEF_SEM, HEF_PROMPTS, HEF_FIT, HEF_HOME, HEF_CHROMA_URL, HEF_USER, \
HEF_THREADS, HEF_LOG.[/]

[bright_black]Exit codes: 0 done, 1 failed, 2 called wrongly.[/]
"""

app = typer.Typer(
    name="hef",
    cls=HefGroup,
    help="Empathetic replies from a small emotion model and an LLM together (HEF, the Hybrid Empathetic Framework).",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hef {version('hef')}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", envvar="HEF_DEBUG", help="Show the traceback of an error.")] = False,
    log: Annotated[
        Literal["debug", "info", "warning"] | None,
        typer.Option("--log", envvar="HEF_LOG", help="Write HEF's log to stderr; only debug holds what was said."),
    ] = None,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take the options that stand before a command; `HefGroup` reads `debug` where an error ends one."""
    if log:
        enable_log(log)


app.command(rich_help_panel=TALK)(reply)
app.command(rich_help_panel=TALK)(chat)
app.add_typer(memory, name="memory", rich_help_panel=TALK)
app.command(rich_help_panel=READ)(perceive)
app.command(rich_help_panel=READ)(sems)
app.command(rich_help_panel=READ)(mcp)
app.add_typer(serve, name="serve", rich_help_panel=READ)
app.command(rich_help_panel=BUILD)(train)
app.command(rich_help_panel=BUILD)(calibrate)
app.add_typer(feedback, name="feedback", rich_help_panel=BUILD)
app.add_typer(evaluate, name="evaluate", rich_help_panel=BUILD)
app.add_typer(bench, name="bench", rich_help_panel=BUILD)
