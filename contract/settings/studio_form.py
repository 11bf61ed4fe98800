"""How a setting is shown on the form of LangGraph Studio, and the fields that hold a prompt template."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from pydantic.config import JsonDict


def studio_hints(*nodes: str, prompt: bool = False) -> JsonDict:
    """Return the hints that show a setting on its nodes in LangGraph Studio."""
    hints: JsonDict = {"langgraph_nodes": list(nodes)}
    return {**hints, "langgraph_type": "prompt"} if prompt else hints


def template_field(description: str, *nodes: str) -> Any:
    """Return the field of a prompt template."""
    return Field(
        default="",
        max_length=20_000,
        description=f"{description}; blank means the graph's own",
        json_schema_extra=studio_hints(*nodes, prompt=True),
    )
