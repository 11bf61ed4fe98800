"""Calls of the SEM's tools by nodes, as an agent would make them: they are seen in traces and `output_mode="trace"`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from langchain_core.tools import BaseTool

from ...contract import Turn

OWN_CALL = "hef-"
"""How the ids of HEF's own tool calls begin."""


def dialogue_argument(dialogue: Sequence[Turn]) -> list[dict[str, str]]:
    """Return turns as the argument `dialogue` of a tool."""
    return [{"role": turn.role, "text": turn.text} for turn in dialogue]


def call_tool(tool: BaseTool, arguments: dict[str, Any]) -> tuple[ToolMessage, list[AnyMessage]]:
    """Call a tool; return its message, and the pair of messages that a trace shows."""
    call = {"name": tool.name, "args": arguments, "id": f"{OWN_CALL}{uuid4()}", "type": "tool_call"}
    answer: ToolMessage = tool.invoke(call)
    return answer, [AIMessage(content="", tool_calls=[call]), answer]
