"""`hef mcp`: HEF's tools for any client of the Model Context Protocol, over stdin and stdout."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import typer

from ..options import Home, Region, Sem, Threads, User
from ..settings import load_settings


def mcp(sem: Sem = None, threads: Threads = None, region: Region = None, user: User = None, home: Home = None) -> None:
    """Serve emotion, cause words and memories to an MCP client.

    Over stdin and stdout; no LLM is loaded. The client starts this command itself. It offers the tools assess_safety,
    sem_emotion and sem_causes, and with a user recall_memories, which searches what `hef chat` remembers of them;
    nothing is written.
    """
    from ...contract import SetupError

    if find_spec("mcp") is None:
        raise SetupError("the MCP server needs the protocol's SDK: install it with `pip install 'hef[mcp]'`")
    settings = load_settings(sem=sem, threads=threads, region=region, user=user, home=home)
    from .mcp_server import serve, served_tools

    tools = served_tools(settings)
    if sys.stdin.isatty():
        typer.echo("waiting for an MCP client on stdin; Ctrl-D ends it", err=True)
    serve(tools)
