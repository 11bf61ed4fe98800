"""What `hef evaluate emotion` can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

_FITTING, _EMOTION, _OUTPUT = "Fit", "Emotion", "Output"

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="LLM: embedded, huggingface:<id or path>, or <provider>:<name>; or a scripted judge: oracle:<share it is "
        "right>, constant:<label>, adversary.  \\[env: HEF_MODEL]",
        metavar="MODEL",
        rich_help_panel="Models",
    ),
]
StrategyOption = Annotated[
    Literal["sem_only", "llm_only", "one_prompt", "two_stage", "all"],
    typer.Option(
        "--strategy", help="How the emotion is decided; all measures them side by side.", rich_help_panel=_EMOTION
    ),
]
FitOption = Annotated[
    Path | None,
    typer.Option(
        "--fit",
        dir_okay=False,
        help="Fit the join on a part of the conversations and write it there; the figures are of the others.",
        metavar="FILE",
        rich_help_panel=_FITTING,
    ),
]
ShareOption = Annotated[
    float,
    typer.Option(
        "--fit-share",
        min=0.05,
        max=0.95,
        help="Which share of the conversations is fitted on.",
        metavar="SHARE",
        rich_help_panel=_FITTING,
    ),
]
CrossOption = Annotated[
    bool,
    typer.Option(
        "--cross-fit",
        help="Also fit on the others and measure on those, so that all are measured; the file gets a fit of all.",
        rich_help_panel=_FITTING,
    ),
]
FittedOption = Annotated[
    Path | None,
    typer.Option(
        "--fitted",
        dir_okay=False,
        help="Join as this file says, which --fit wrote before; otherwise the pair's shipped fit, or caution.",
        metavar="FILE",
        rich_help_panel=_FITTING,
    ),
]
AblateOption = Annotated[
    bool,
    typer.Option(
        "--ablate",
        help="Also measure two_stage without each of its parts, and with other primary emotions.",
        rich_help_panel=_EMOTION,
    ),
]
RunOption = Annotated[
    Path | None,
    typer.Option(
        "--run",
        file_okay=False,
        help="Keep the LLM's answers there, go on where a stopped run stood, and write report.md with plots.",
        metavar="FOLDER",
        rich_help_panel=_OUTPUT,
    ),
]
PlotsOption = Annotated[
    Path | None,
    typer.Option(
        "--plots",
        file_okay=False,
        help="Draw confusion.png and reliability.png of the first strategy there.",
        metavar="FOLDER",
        rich_help_panel=_OUTPUT,
    ),
]
SecondLookOption = Annotated[
    bool,
    typer.Option(
        "--second-look",
        help="Also look again at the least certain third, and say what it gains.",
        rich_help_panel=_EMOTION,
    ),
]
RecordOption = Annotated[
    bool,
    typer.Option(
        "--record", help="Keep the SEM's own figures in its folder, for `hef sems`.", rich_help_panel=_EMOTION
    ),
]
