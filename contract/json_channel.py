"""A state channel that stores Pydantic types as plain JSON values in checkpoints.

LangGraph's serializer warns about types it does not know and will block them one day; JSON values
load back under every checkpointer and every setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from langgraph.channels import LastValue
from pydantic import TypeAdapter


class JsonValue(LastValue[Any]):
    """The last value of a Pydantic type, stored as JSON values in checkpoints."""

    def update(self, values: Sequence[Any]) -> bool:
        """Take a value of the type, or its JSON values, which a fork or an interrupted turn gives.

        Writes of a node are stored beside the checkpoint until the next one; the serializer may return them as a dict.

        Raises:
            ValidationError: It is neither.
        """
        return super().update([TypeAdapter(self.typ).validate_python(value) for value in values])

    def checkpoint(self) -> Any:
        """Return the value as dicts, lists, texts and numbers."""
        value = super().checkpoint()
        return TypeAdapter(self.typ).dump_python(value, mode="json") if self.is_available() else value

    def from_checkpoint(self, checkpoint: Any) -> Self:
        """Return the channel with the value read back."""
        channel = self.__class__(self.typ, self.key)
        if checkpoint is not channel.value:  # which marks an empty channel
            channel.value = TypeAdapter(self.typ).validate_python(checkpoint)
        return channel
