"""The ops of one call, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from langgraph.store.base import GetOp, ListNamespacesOp, Op, PutOp, SearchOp, validate_op_namespace

from .filters import check_filter
from .rows import Namespace


@dataclass(frozen=True, slots=True)
class Batch:
    """The ops of one call, checked."""

    ops: Sequence[Op]
    """All of them, in their order."""
    puts: Sequence[PutOp]
    """The last write of each item."""
    searches: Sequence[SearchOp]
    """The searches among them."""

    @classmethod
    def of(cls, ops: Iterable[Op]) -> Self:
        """Return the batch of some ops.

        Raises:
            ValueError: If one is no op, or has a namespace, a filter or a time to live that no store knows.
        """
        ops = list(ops)
        for op in ops:
            _check(op)
        last = {(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)}
        return cls(ops, list(last.values()), [op for op in ops if isinstance(op, SearchOp)])

    @property
    def reads(self) -> bool:
        """Whether anything is asked."""
        return any(not isinstance(op, PutOp) for op in self.ops)

    @property
    def spaces(self) -> set[Namespace]:
        """The namespaces that are written."""
        return {put.namespace for put in self.puts}


def _check(op: Op) -> None:
    if not isinstance(op, GetOp | SearchOp | PutOp | ListNamespacesOp):
        raise ValueError(f"Unknown operation type: {type(op)}")
    validate_op_namespace(op)
    if isinstance(op, SearchOp):
        check_filter(op.filter)
    if isinstance(op, PutOp) and not _is_ttl(op.ttl):
        raise ValueError(f"The time to live of {op.key!r} is {op.ttl!r}; give minutes as a number, or None for ever.")


def _is_ttl(ttl: object) -> bool:
    return ttl is None or (isinstance(ttl, int | float) and not isinstance(ttl, bool) and math.isfinite(ttl))
