"""What `hef train` can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_RECIPE = "Recipe"

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        "-d",
        dir_okay=False,
        help="JSON lines of conversations, .gz or not.  \\[default: empathetic_dialogues/train.jsonl.gz in HEF_DATA]",
        metavar="FILE",
        show_default=False,
    ),
]
ValidOption = Annotated[
    Path | None,
    typer.Option("--valid", dir_okay=False, help="Conversations to measure the finished run on.", metavar="FILE"),
]
OutOption = Annotated[
    Path,
    typer.Option("--out", "-o", file_okay=False, help="Run folder; an unfinished run in it goes on.", metavar="FOLDER"),
]
ExportOption = Annotated[
    Path | None,
    typer.Option("--export", file_okay=False, help="Write the finished SEM here, as int8 ONNX.", metavar="FOLDER"),
]
NameOption = Annotated[
    str | None, typer.Option("--name", help="What the exported SEM is called; else its folder's name.", metavar="NAME")
]
LicenceOption = Annotated[
    str | None,
    typer.Option(
        "--licence", help="Licence of the exported weights, and of the data where it binds them.", metavar="TEXT"
    ),
]
RecipeOption = Annotated[
    str,
    typer.Option(
        "--recipe",
        help="default (the 22M encoder that ships), large or teacher (110M), adapter (LoRA for the embedded LLM); "
        "the options below change it.",
        metavar="NAME",
        rich_help_panel=_RECIPE,
    ),
]
StartOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--start",
        file_okay=False,
        help="Folder of a finished run of the same backbone to go on from; several: from their mean weights. "
        "With --recipe adapter: folder of an exported one.",
        metavar="FOLDER",
        rich_help_panel=_RECIPE,
    ),
]
TeacherOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--teacher",
        file_okay=False,
        help="Folder of a finished run to learn from, too; may be given several times.",
        metavar="FOLDER",
        rich_help_panel=_RECIPE,
    ),
]
UnlabelledOption = Annotated[
    Path | None,
    typer.Option(
        "--unlabelled",
        dir_okay=False,
        help='JSON lines with "text", for the teachers to label.',
        metavar="FILE",
        rich_help_panel=_RECIPE,
    ),
]
WordsOption = Annotated[
    Path | None,
    typer.Option(
        "--cause-words",
        dir_okay=False,
        help="Sentences with marked cause words (EmoCause's form); --export learns causes from them.",
        metavar="FILE",
    ),
]
SpansOption = Annotated[
    Path | None,
    typer.Option(
        "--cause-spans", dir_okay=False, help="The same as spans in dialogues (RECCON's form).", metavar="FILE"
    ),
]
CauseTeacherOption = Annotated[
    Path | None,
    typer.Option(
        "--cause-teacher",
        file_okay=False,
        help="Folder of a finished larger run that learns the marked words first and teaches this one.",
        metavar="FOLDER",
    ),
]
BackboneOption = Annotated[
    str | None,
    typer.Option("--backbone", help="Another encoder: hub id or folder.", metavar="NAME", rich_help_panel=_RECIPE),
]
PassesOption = Annotated[
    float | None,
    typer.Option("--passes", help="Passes over the conversations.", metavar="X", rich_help_panel=_RECIPE),
]
BatchOption = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Samples a step.", metavar="N", rich_help_panel=_RECIPE)
]
RateOption = Annotated[
    float | None, typer.Option("--learning-rate", help="Highest learning rate.", metavar="X", rich_help_panel=_RECIPE)
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", help="Of shuffling and dropout.", metavar="N", rich_help_panel=_RECIPE)
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Any other setting of the recipe, such as agreement_weight=0.5; may be given several times.",
        metavar="NAME=VALUE",
        rich_help_panel=_RECIPE,
    ),
]
