"""The tool `assess_safety`: whether somebody in a conversation is in danger, and whom they can call."""

from __future__ import annotations

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, ConfigDict

from ..contract import Safety
from ..contract.settings.region import read_region
from ..prompts import Prompts, concern_note, danger_note
from ..safety import assess, contact_text, help_line
from .sem_tools import DialogueArgument, Utterance, to_turns


class SafetyArguments(BaseModel):
    """Arguments of `assess_safety`."""

    model_config = ConfigDict(extra="forbid")

    dialogue: DialogueArgument


def assess_safety_tool(region: str | None = None) -> BaseTool:
    """Return the tool that looks for danger in what a person said, without asking any LLM.

    Its content tells an LLM what to do, with the numbers to name; its artifact is the `Safety`.

    Args:
        region: Two letters of the person's country; None gives the international directory.
    """
    country, prompts = read_region(region), Prompts()

    def assess_safety(dialogue: list[Utterance]) -> tuple[str, Safety]:
        safety = assess(to_turns(dialogue))
        if safety.level == "danger":
            return danger_note(prompts, safety, contact_text(safety, country)), safety
        return concern_note(prompts, safety, contact=help_line(safety, country)) or "No sign of danger.", safety

    return StructuredTool.from_function(
        assess_safety,
        name="assess_safety",
        description="Look whether the person, or somebody they speak of, is in danger: suicide, self-harm, an "
        "overdose, violence, abuse. Use it first, with the whole conversation, and do what it says before all else.",
        args_schema=SafetyArguments,
        response_format="content_and_artifact",
    )
