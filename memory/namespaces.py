"""Which namespaces there are, filtered as LangGraph's `list_namespaces` asks."""

from __future__ import annotations

import json

from langgraph.store.base import ListNamespacesOp, MatchCondition

from .rows import Namespace
from .table import Table


def list_namespaces(table: Table, op: ListNamespacesOp) -> list[Namespace]:
    """Return one page of the namespaces that an op asks for, sorted."""
    every = (tuple(json.loads(document)) for document in table.documents({"space": True}))
    kept = {space[: op.max_depth] for space in every if all(_fits(space, one) for one in op.match_conditions or ())}
    return sorted(kept)[op.offset : op.offset + op.limit]


def _fits(space: Namespace, condition: MatchCondition) -> bool:
    path = condition.path
    if len(space) < len(path):
        return False
    labels = space[: len(path)] if condition.match_type == "prefix" else space[len(space) - len(path) :]
    return all(wanted in ("*", label) for label, wanted in zip(labels, path, strict=True))
