"""The tool `sem_causes`: a SEM names the words that speak for an emotion."""

from __future__ import annotations

from functools import lru_cache

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, ConfigDict, Field, create_model

from ..contract import Cause, ModelError
from ..prompts import cause_words
from ..sem import Sem, resolve_sem
from ..sem.validation import causes_fault
from .arguments import DialogueArgument, Utterance, label_type, to_turns


class CauseArguments(BaseModel):
    """Arguments of `sem_causes` that do not depend on the labels of a SEM."""

    model_config = ConfigDict(extra="forbid")

    dialogue: DialogueArgument


def sem_causes_tool(sem: Sem | str | None = None) -> BaseTool:
    """Return the tool that finds cause words with a SEM, given as in `create_hef`.

    Its content lists the words, strongest first; its artifact is a tuple of `Cause`. Causes whose
    offsets do not fit the text are a `ModelError`.
    """
    resolved_sem = resolve_sem(sem)
    description = resolved_sem.description

    def sem_causes(dialogue: list[Utterance], emotion: str) -> tuple[str, tuple[Cause, ...]]:
        turns = to_turns(dialogue)
        (causes,) = resolved_sem.causes([turns], [emotion])
        if fault := causes_fault(causes, turns):
            raise ModelError(f"SEM {description.name!r}: {fault}")
        return ", ".join(cause_words(cause.text) for cause in causes) or "none found", causes

    return StructuredTool.from_function(
        sem_causes,
        name="sem_causes",
        description="Find the words in a dialogue that show why the person feels an emotion, strongest first. "
        "Use it after sem_emotion, with one of the emotions that it named.",
        args_schema=_arguments(description.taxonomy.labels),
        response_format="content_and_artifact",
    )


@lru_cache(maxsize=16)
def _arguments(labels: tuple[str, ...]) -> type[CauseArguments]:
    """Return the arguments for the labels of a SEM; every graph of that SEM has the same."""
    return create_model(
        "CauseArguments",
        __base__=CauseArguments,
        emotion=(label_type(labels), Field(description="The emotion whose causes are searched")),
    )
