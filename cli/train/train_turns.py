"""`hef train turns`: a SEM that reads the last turn of a chat, whatever was spoken of before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ..options import Json, Threads, option
from ..output import advancing
from ..settings import load_settings
from .training_run import load_conversations, print_result

Source = Annotated[
    Path, typer.Argument(help="Folder of the SEM to begin with.", metavar="SEM", file_okay=False, exists=True)
]
Target = Annotated[Path, typer.Argument(help="Folder to write.", metavar="FOLDER", file_okay=False)]
English = Annotated[Path, option("Labelled conversations in English, as JSON lines.", "--data", "-d", metavar="FILE")]
Chinese = Annotated[list[Path] | None, option("The same in Chinese; several times.", "--chinese", metavar="FILE")]
Comments = Annotated[
    list[Path] | None, option("Rows that are marked neutral or not, as `hef evaluate neutral` takes.", metavar="FILE")
]
SINGLE_TURNS = 700
"""Turns without a feeling of each file of comments, and half as many with one."""


@dataclass(frozen=True, slots=True)
class TurnRecipeOptions:
    """How the head is trained."""

    panel: ClassVar = "Recipe"
    passes: Annotated[float, option("Passes over all dialogues.", metavar="X")] = 1.6
    seed: Annotated[int, option("Of what is drawn, and of dropout.", metavar="N")] = 0


def train_turns(
    source: Source,
    target: Target,
    data: English,
    recipe: TurnRecipeOptions,
    chinese: Chinese = None,
    comments: Comments = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Train the head that reads the last turn of a chat.

    Two layers over those of a SEM learn what the person feels now, whether anything is felt, and which turns are about
    the same subject: from the conversations, from some joined to others, and from chats that ship. The folder is then
    calibrated with `hef train calibrate`. Needs the extra `train`.
    """
    settings = load_settings(threads=threads)
    import torch

    from ...data.conversations import subsample
    from ...data.plain_turns import read_plain_turns
    from ...sem.runtime.manifest import Manifest
    from ...training.sem.turn_head.turn_sem import TurnData, add_turn_head
    from ...training.sem.turn_head.turn_training import TurnRecipe

    if settings.threads:
        torch.set_num_threads(settings.threads)
    labels = Manifest.load(source).labels
    english, broken = load_conversations(data, labels)
    others = [load_conversations(file, labels) for file in chinese or []]
    plain, felt = [], []
    for file in comments or []:
        without, with_emotion = read_plain_turns(file)
        plain += subsample(without, SINGLE_TURNS, 1)
        felt += subsample(with_emotion, SINGLE_TURNS // 2, 1)
    known = TurnData(english, [one for rows, _ in others for one in rows], plain, felt)
    with advancing() as advance:
        manifest = add_turn_head(
            source,
            target,
            known,
            TurnRecipe(passes=recipe.passes, seed=recipe.seed),
            report=lambda step, steps, loss: advance(f"loss {loss:.2f}", step, steps),
            progress=advance,
        )
    scales = {"neutral": manifest.neutral, "topic": manifest.topic}
    result = {
        "run": str(target),
        "conversations": len(known.english) + len(known.chinese),
        "broken": broken + sum(count for _, count in others),
        **{name: scale.model_dump() for name, scale in scales.items() if scale},
        "export": str(target),
    }
    print_result(result, {}, as_json=as_json)
