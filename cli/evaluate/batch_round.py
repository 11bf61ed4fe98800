"""LLMs that answer from files: `batch:FOLDER`, whose rounds end with new questions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ..error_messages import UNANSWERED
from ..options import ModelOptions, model_option
from ..output import report_skipped_rows

if TYPE_CHECKING:
    from ...evaluation.batch_chat import BatchChat


@dataclass(frozen=True, slots=True)
class BatchModelOptions(ModelOptions):
    """The SEM, and an LLM that answers at once or in rounds."""

    model: Annotated[str | None, model_option("; or one that answers in rounds: batch:<folder>")] = None


def open_batch(spec: str | None) -> BatchChat | None:
    """Return the LLM of `batch:FOLDER`, None for another; lines of its answers that cannot be read are named."""
    from ...evaluation.batch_chat import batch_chat

    if model := batch_chat(spec):
        report_skipped_rows(model.folder.broken)
    return model


@contextmanager
def ending_with_questions(model: object) -> Iterator[None]:
    """End the command where questions have no answer: write them, and say what to do."""
    from ...evaluation.batch_chat import BatchChat, UnansweredQuestion

    try:
        yield
    except UnansweredQuestion:
        if not isinstance(model, BatchChat):
            raise
        typer.echo(model.folder.write_questions(), err=True)
        raise typer.Exit(UNANSWERED) from None
