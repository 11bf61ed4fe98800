"""What the host's tools returned in a conversation, as text: a model without these tools may refuse their messages."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage

from ...prompts import quoted
from .conversation import name_for_providers
from .message_text import message_text
from .tool_call import OWN_CALL

MAX_RESULTS = 20
"""Tool results in a prompt at most; the newest are kept."""
MAX_RESULT_CHARACTERS = 2000
"""Characters of one tool result in a prompt at most."""
_MAX_ARGUMENT_CHARACTERS = 300
_HANDOFF = re.compile(r"transfer_(?:back_)?to_")
"""How tools are called that pass a conversation on to another agent; they return nothing about it."""


def tool_results(messages: Sequence[AnyMessage], limit: int) -> list[str]:
    """Return a line for each result of the host's tools, oldest first: tool, arguments, and what it returned.

    Arguments and result stand in quotation marks, which they cannot leave; a tool's name has the characters that
    providers take. HEF's own tool calls, which `output_mode="trace"` puts among the messages, and handoffs between
    agents are left out.

    Args:
        messages: The conversation.
        limit: Characters of all lines at most; the newest that fit are kept, and at least the newest one.
    """
    arguments = {
        call["id"]: call["args"]
        for message in messages
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    }
    lines: list[str] = []
    for message in reversed(messages):
        if not isinstance(message, ToolMessage) or message.tool_call_id.startswith(OWN_CALL):
            continue
        name = name_for_providers(message.name or "") or "a tool"
        result = quoted(message_text(message), MAX_RESULT_CHARACTERS)
        if not result or _HANDOFF.match(name):
            continue
        line = f'{name}{_with(arguments.get(message.tool_call_id))} {_verb(message)} "{result}"'
        limit -= len(line)
        if lines and (limit < 0 or len(lines) == MAX_RESULTS):
            break
        lines.append(line)
    return lines[::-1]


def _with(arguments: object) -> str:
    if not arguments:
        return ""
    text = json.dumps(arguments, ensure_ascii=False, default=str)
    return f' with "{quoted(text, _MAX_ARGUMENT_CHARACTERS)}"'


def _verb(message: ToolMessage) -> str:
    return "failed with" if message.status == "error" else "returned"
