"""Write the reference of the command line: `python scripts/write_cli_doc.py docs/cli.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hef.cli.app import app
from hef.cli.lazy_commands import LazyCommand
from typer import Context
from typer.main import get_command

HEAD = """\
# Command line

Written by `python scripts/write_cli_doc.py docs/cli.md`; a test compares it with the commands.
Every command also explains itself: `hef reply --help`. One meaning for each option: `--json` prints JSON to stdout and
nothing else there, `--out FILE` writes it to a file, `--run FOLDER` is a run that can be resumed.
"""


def main() -> None:
    """Write the page to the file of the first argument."""
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the page: every command with its arguments and options, in the order of `hef --help`."""
    return "\n".join([HEAD, *_command(get_command(app), "hef", 2)]).rstrip() + "\n"


def _command(command: Any, path: str, level: int) -> Iterator[str]:
    """Yield the lines of a command and of those below it."""
    command = command.load() if isinstance(command, LazyCommand) else command
    context = Context(command)
    words = (word.strip("{}") for word in command.collect_usage_pieces(context))
    yield f"{'#' * level} {path}\n\n{_help(command.help)}\n\n```console\n$ {path} {' '.join(words)}\n```\n"
    panels: dict[str, list[str]] = {}
    for parameter in command.get_params(context):
        names, text = parameter.get_help_record(context) or ("", "")
        if names and "--help" not in names and "-completion" not in names:
            default = "Arguments" if parameter.param_type_name == "argument" else "Options"
            title = getattr(parameter, "rich_help_panel", None) or default
            panels.setdefault(title, []).append(f"- `{names}`: {_escape(text)}")
    for title, rows in panels.items():
        yield f"**{title}**\n\n" + "\n".join(rows) + "\n"
    children = getattr(command, "commands", {})
    if children:
        anchor = path.replace(" ", "-")
        rows = [f"- [`{path} {name}`](#{anchor}-{name}): {_escape(child.help)}" for name, child in children.items()]
        yield "**Commands**\n\n" + "\n".join(rows) + "\n"
    for name, child in children.items():
        yield from _command(child, f"{path} {name}", level if path == "hef" else level + 1)


def _help(text: str) -> str:
    """Return the help of a command; a paragraph whose lines are kept becomes a block of code."""
    return "\n\n".join(_block(one) if one.startswith("\b") else _escape(one) for one in text.split("\n\n"))


def _block(paragraph: str) -> str:
    lines = paragraph.removeprefix("\b").strip("\n").replace("\\[", "[")
    return f"```text\n{lines}\n```"


def _escape(text: str) -> str:
    return text.replace("\\[", "[").replace("<", "\\<")


if __name__ == "__main__":
    main()
