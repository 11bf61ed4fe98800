"""The bytes that a checkpointer reads and writes."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer


class CountedSerde:
    """LangGraph's serializer, which counts what passes: `written` and `read`, in bytes."""

    def __init__(self) -> None:
        self._held = JsonPlusSerializer()
        self.written = 0
        self.read = 0

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the type and the bytes of a value."""
        kind, data = self._held.dumps_typed(obj)
        self.written += len(data)
        return kind, data

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the value of a type and bytes."""
        self.read += len(data[1])
        return self._held.loads_typed(data)
