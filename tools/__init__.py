"""The LangChain tools that nodes call, and that any other agent can be given."""

from __future__ import annotations

from .assess_safety import assess_safety_tool
from .recall_memories import recall_memories_tool
from .sem_tools import sem_causes_tool, sem_emotion_tool

__all__ = ["assess_safety_tool", "recall_memories_tool", "sem_causes_tool", "sem_emotion_tool"]
