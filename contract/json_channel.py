"""A state channel that keeps our types out of checkpoints: they are stored as plain JSON values.

LangGraph's serializer warns about types it does not know and will block them one day; what is
stored as JSON loads back under every checkpointer and every setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from langgraph.channels import LastValue
from pydantic import TypeAdapter


class JsonValue(LastValue[Any]):
    """Hold the last value of a Pydantic type, as JSON values in checkpoints."""

    def update(self, values: Sequence[Any]) -> bool:
        """Take a value, of the type or as JSON values: so it comes from a fork, or a turn that was broken off.

        What a node wrote lies beside the checkpoint until the next one; the serializer may give it back as a dict.

        Raises:
            ValidationError: It is neither.
        """
        return super().update([TypeAdapter(self.typ).validate_python(value) for value in values])

    def checkpoint(self) -> Any:
        """Return the value as dicts, lists, texts and numbers."""
        held = super().checkpoint()
        return TypeAdapter(self.typ).dump_python(held, mode="json") if self.is_available() else held

    def from_checkpoint(self, checkpoint: Any) -> Self:
        """Return the channel with the value read back."""
        empty = self.__class__(self.typ, self.key)
        if checkpoint is not empty.value:
            empty.value = TypeAdapter(self.typ).validate_python(checkpoint)
        return empty
