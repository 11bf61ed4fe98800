"""The tool `sem_causes`: a SEM names the words that speak for an emotion."""

from __future__ import annotations

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, ConfigDict, Field

from ..contract import Cause, ModelError
from ..sem import Sem
from ..sem.checks import causes_fault
from .sem_emotion import Utterance, turns_of


class CauseArguments(BaseModel):
    """Arguments of `sem_causes`."""

    model_config = ConfigDict(extra="forbid")

    dialogue: list[Utterance] = Field(description="All turns, oldest first", min_length=1)
    emotion: str = Field(description="The emotion whose causes are wanted")


def sem_causes_tool(sem: Sem) -> BaseTool:
    """Return the tool that finds cause words with the given SEM.

    Its content lists the words, strongest first; its artifact is a tuple of `Cause`. Causes whose
    offsets do not fit the text are a `ModelError`.
    """

    def sem_causes(dialogue: list[Utterance], emotion: str) -> tuple[str, tuple[Cause, ...]]:
        turns = turns_of(dialogue)
        (causes,) = sem.causes([turns], [emotion])
        if fault := causes_fault(causes, turns):
            raise ModelError(f"SEM {sem.description.name!r}: {fault}")
        return ", ".join(cause.text for cause in causes) or "none found", causes

    return StructuredTool.from_function(
        sem_causes,
        name="sem_causes",
        description="Find the words of a dialogue that speak for an emotion, strongest first.",
        args_schema=CauseArguments,
        response_format="content_and_artifact",
    )
