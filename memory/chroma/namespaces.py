"""Which namespaces there are, filtered as LangGraph's `list_namespaces` asks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import takewhile

from langgraph.store.base import ListNamespacesOp, MatchCondition

from .client.row_access import Table
from .filters import Clause
from .rows import Namespace, all_of, is_item_row, namespace_clause, namespace_hash, parse_namespace


async def list_namespaces(table: Table, op: ListNamespacesOp) -> list[Namespace]:
    """Return one page of the namespaces that an op asks for, sorted.

    Chroma narrows them by the labels before the first wildcard of a prefix, or after the last of a suffix;
    the rest of each condition, the depth and the page are worked out here. What holds nothing but expired items
    is left out.
    """
    conditions = op.match_conditions or ()
    sieve = [{"space": True}, *(clause for one in conditions if (clause := _clause(one)) is not None)]
    every = map(parse_namespace, await table.documents(all_of(sieve)))
    fitting = [space for space in every if all(_fits(space, one) for one in conditions)]
    kept = {space[: op.max_depth] for space in await _live(table, fitting)}
    return sorted(kept)[op.offset : op.offset + op.limit]


async def holds_items(table: Table, space: Namespace, but: Collection[str]) -> bool:
    """Tell whether a namespace holds items of its own, whose first rows are not among some."""
    under, own = {f"p{len(space)}": namespace_hash(space)}, f"{namespace_hash(space)}-"

    def stays(row: str) -> bool:
        return row.startswith(own) and is_item_row(row) and row not in but

    # Mostly one of the first rows says it; only then are those of the namespaces below looked through.
    some = await table.ids(under, limit=len(but) + 1)
    return any(map(stays, some)) or (len(some) > len(but) and any(map(stays, await table.ids(under))))


async def _live(table: Table, spaces: Sequence[Namespace]) -> list[Namespace]:
    gone = set(await table.expired()) if spaces else set()
    touched = {row.partition("-")[0] for row in gone}
    return [space for space in spaces if namespace_hash(space) not in touched or await holds_items(table, space, gone)]


def _clause(condition: MatchCondition) -> Clause | None:
    suffix = condition.match_type == "suffix"
    path = tuple(reversed(condition.path)) if suffix else tuple(condition.path)
    literal = tuple(takewhile(lambda label: label != "*", path))
    return namespace_clause(tuple(reversed(literal)) if suffix else literal, suffix)


def _fits(space: Namespace, condition: MatchCondition) -> bool:
    path = condition.path
    if len(space) < len(path):
        return False
    labels = space[: len(path)] if condition.match_type == "prefix" else space[len(space) - len(path) :]
    return all(wanted in ("*", label) for label, wanted in zip(labels, path, strict=True))
