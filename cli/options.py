"""Options that several commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

_MODELS = "Models"
_EMOTION = "Emotion"
_MEMORY = "Memory"
_OUTPUT = "Output"
_CLUSTER = "Cluster"

StrategyName: TypeAlias = Literal["two_stage", "one_prompt", "sem_only", "llm_only"]

ModelOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="LLM: embedded, huggingface:<id or path>, or <provider>:<name>.  \\[env: HEF_MODEL]",
        metavar="MODEL",
        rich_help_panel=_MODELS,
    ),
]
SemOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--sem",
        "-s",
        help="SEM: a name that `hef sems` lists, a folder, huggingface:<id or path>, "
        "ensemble:<one>,<other>, or the address of a service.  "
        "\\[env: HEF_SEM]",
        metavar="NAME",
        rich_help_panel=_MODELS,
    ),
]
ThreadsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        max=256,
        help="CPU threads of the models.  \\[env: HEF_THREADS]",
        metavar="N",
        rich_help_panel=_MODELS,
    ),
]
StrategyOption: TypeAlias = Annotated[
    StrategyName,
    typer.Option("--strategy", help="How the emotion is decided.", rich_help_panel=_EMOTION),
]
PrimaryOption: TypeAlias = Annotated[
    float,
    typer.Option(
        "--primary",
        help="Primary emotions: how many (1-32), or how often they shall hold the true one (0.9).",
        metavar="K",
        rich_help_panel=_EMOTION,
    ),
]
RequeriesOption: TypeAlias = Annotated[
    int,
    typer.Option(
        "--max-requeries",
        min=0,
        max=5,
        help="How often the SEM is asked again when the LLM disagrees.",
        metavar="N",
        rich_help_panel=_EMOTION,
    ),
]
UserOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--user",
        "-u",
        help="Whose memory is recalled and written.  \\[env: HEF_USER]",
        metavar="NAME",
        rich_help_panel=_MEMORY,
    ),
]
NoMemoryOption: TypeAlias = Annotated[
    bool,
    typer.Option("--no-memory", help="Recall nothing and store nothing.", rich_help_panel=_MEMORY),
]
HomeOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--home",
        file_okay=False,
        help="Folder of memories and conversations.  \\[env: HEF_HOME]",
        metavar="FOLDER",
        rich_help_panel=_MEMORY,
    ),
]
PersonaOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--persona", help="Who the assistant is when it replies.", metavar="TEXT", rich_help_panel=_OUTPUT),
]
JsonOption: TypeAlias = Annotated[
    bool,
    typer.Option("--json", help="Print JSON and nothing else.", rich_help_panel=_OUTPUT),
]
RayOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--ray",
        help="Read with Ray, one SEM an actor: local starts it here, auto or an address joins a cluster.",
        metavar="ADDRESS",
        rich_help_panel=_CLUSTER,
    ),
]
ActorsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--ray-actors",
        min=1,
        help="How many SEMs read at once; as many as there are processors for otherwise.",
        metavar="N",
        show_default=False,
        rich_help_panel=_CLUSTER,
    ),
]
CpusOption: TypeAlias = Annotated[
    float,
    typer.Option("--ray-cpus", min=0.1, help="Processors of each SEM.", metavar="N", rich_help_panel=_CLUSTER),
]
