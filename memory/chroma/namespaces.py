"""Which namespaces there are, filtered as LangGraph's `list_namespaces` asks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import takewhile

from langgraph.store.base import ListNamespacesOp, MatchCondition

from .client.row_access import Table
from .filters import Clause
from .rows import Namespace, all_of, is_item_row, namespace_clause, namespace_hash, parse_namespace, prefix_clause


async def list_namespaces(table: Table, op: ListNamespacesOp) -> list[Namespace]:
    """Return one page of the namespaces that an op asks for, sorted.

    Chroma narrows them by the labels before the first wildcard of a prefix, or after the last of a suffix;
    the rest of each condition, the depth and the page are worked out here. What holds nothing but expired items
    is left out.
    """
    conditions = op.match_conditions or ()
    clauses = [clause for condition in conditions if (clause := _clause(condition)) is not None]
    listed = map(parse_namespace, await table.documents(all_of([{"space": True}, *clauses])))
    matching = [namespace for namespace in listed if all(_matches(namespace, condition) for condition in conditions)]
    shortened = {namespace[: op.max_depth] for namespace in await _without_expired(table, matching)}
    return sorted(shortened)[op.offset : op.offset + op.limit]


async def has_items(table: Table, namespace: Namespace, ignored_rows: Collection[str]) -> bool:
    """Return whether a namespace itself, not one below it, has items whose first rows are not among the ignored."""
    under, row_prefix = prefix_clause(namespace), f"{namespace_hash(namespace)}-"

    def is_other_item(row: str) -> bool:
        return row.startswith(row_prefix) and is_item_row(row) and row not in ignored_rows

    # One of the first rows usually decides; only otherwise are those of the namespaces below looked through.
    first_rows = await table.ids(under, limit=len(ignored_rows) + 1)
    if any(map(is_other_item, first_rows)):
        return True
    return len(first_rows) > len(ignored_rows) and any(map(is_other_item, await table.ids(under)))


async def _without_expired(table: Table, namespaces: Sequence[Namespace]) -> list[Namespace]:
    """Return the namespaces that have an item that has not expired."""
    expired = set(await table.expired()) if namespaces else set()
    affected = {row.partition("-")[0] for row in expired}
    return [
        namespace
        for namespace in namespaces
        if namespace_hash(namespace) not in affected or await has_items(table, namespace, expired)
    ]


def _clause(condition: MatchCondition) -> Clause | None:
    is_suffix = condition.match_type == "suffix"
    path = tuple(reversed(condition.path)) if is_suffix else tuple(condition.path)
    literal = tuple(takewhile(lambda label: label != "*", path))
    return namespace_clause(tuple(reversed(literal)) if is_suffix else literal, is_suffix)


def _matches(namespace: Namespace, condition: MatchCondition) -> bool:
    path = condition.path
    if len(namespace) < len(path):
        return False
    labels = namespace[: len(path)] if condition.match_type == "prefix" else namespace[len(namespace) - len(path) :]
    return all(pattern in ("*", label) for label, pattern in zip(labels, path, strict=True))
