"""The command line as a whole: its commands, what they share, and the way it ends."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import typer

from .error_messages import HefGroup
from .lazy_commands import LazyCommand

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


class Commands(HefGroup):
    """All commands of `hef`."""

    lazy_commands: ClassVar[dict[str, LazyCommand]] = {
        "reply": LazyCommand("chat.reply_command:reply", "Answer one sentence, with the emotion and its causes.", TALK),
        "chat": LazyCommand("chat.chat_command:chat", "Talk; with --user, remember across conversations.", TALK),
        "memory": LazyCommand(
            "memory.memory_group:memory", "See, take along and delete what is remembered of a person.", TALK
        ),
        "perceive": LazyCommand(
            "perceive:perceive", "Read emotion and cause words, of one sentence or a pipeline.", READ
        ),
        "sems": LazyCommand("sems:sems", "List the installed small empathetic models.", READ),
        "mcp": LazyCommand("serve.mcp_command:mcp", "Serve HEF's tools over the Model Context Protocol.", READ),
        "serve": LazyCommand("serve.serve_sem:serve", "Serve parts of HEF over HTTP.", READ),
        "train": LazyCommand("train.train_sem:train", "Train a SEM, or the adapter of the embedded LLM.", BUILD),
        "calibrate": LazyCommand("train.calibrate:calibrate", "Calibrate a SEM's probabilities on a file.", BUILD),
        "feedback": LazyCommand("train.export_feedback:feedback", "Export confirmed emotions as training data.", BUILD),
        "evaluate": LazyCommand(
            "evaluate.evaluate_group:evaluate", "Measure accuracy, causes, replies, recall.", BUILD
        ),
        "bench": LazyCommand("bench.bench_group:bench", "Measure speed and memory use.", BUILD),
    }


app = typer.Typer(
    name="hef",
    cls=Commands,
    help="Empathetic replies from a small emotion model and an LLM together (HEF, the Hybrid Empathetic Framework).",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

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
        from .logging_setup import enable_log

        enable_log(log)
