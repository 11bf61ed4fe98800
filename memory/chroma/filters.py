"""Search filters: whether a value matches one, and the part of a filter that Chroma can decide.

`matches` defines what a filter means. `filter_metadata` and `prefilter` only let Chroma leave out rows that
cannot match, never one that does; whatever passes is judged again by `matches`.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from operator import ge, gt, le, lt
from typing import Any, TypeAlias

Clause: TypeAlias = dict[str, Any]
"""Condition in Chroma's `where` language."""

_MAX_TEXT_LENGTH = 48
"""Characters of a text up to which Chroma can filter by it. Names, states and ids are shorter; what is longer is prose
or a hash, which costs a write more than it saves a search."""
_RANGES: dict[str, Callable[[Any, Any], bool]] = {"$gt": gt, "$gte": ge, "$lt": lt, "$lte": le}
MAX_DEPTH = 200
"""Levels of mappings and lists in a value or a filter; Python's own recursion ends at some hundred more."""
_OPERATORS = frozenset({"$eq", "$ne", *_RANGES})


def is_too_deep(value: Any) -> bool:
    """Return whether mappings and lists are nested deeper than `MAX_DEPTH`, or in themselves."""
    level = [value]
    for _ in range(MAX_DEPTH):
        parts = [part for part in level if isinstance(part, Mapping | list | tuple)]
        level = [inner for part in parts for inner in (part.values() if isinstance(part, Mapping) else part)]
        if not level:
            return False
    return any(isinstance(part, Mapping | list | tuple) for part in level)


def check_filter(condition: Any) -> None:
    """Check a filter.

    Raises:
        ValueError: It holds an operator that LangGraph's stores do not know, or is nested too deep.
    """
    if is_too_deep(condition):
        raise ValueError(f"The filter is nested deeper than {MAX_DEPTH} levels.")
    _check_operators(condition)


def _check_operators(condition: Any) -> None:
    if not isinstance(condition, Mapping):
        return
    has_operators = _has_operators(condition)
    for name, inner in condition.items():
        if has_operators and name not in _OPERATORS:
            raise ValueError(f"Unsupported operator: {name}. Use one of {', '.join(sorted(_OPERATORS))}.")
        if not has_operators:
            _check_operators(inner)


def matches(value: Mapping[str, Any], conditions: Mapping[str, Any] | None) -> bool:
    """Return whether a stored value passes a filter.

    Nested mappings and lists are compared part by part. A range compares numbers (and texts that
    read as numbers), otherwise two texts by their characters; anything else does not match.
    """
    return all(_matches(value.get(key), condition) for key, condition in (conditions or {}).items())


def _matches(value: Any, condition: Any) -> bool:
    if isinstance(condition, Mapping):
        if _has_operators(condition):
            return all(_compare(value, operator, operand) for operator, operand in condition.items())
        return isinstance(value, Mapping) and all(_matches(value.get(key), inner) for key, inner in condition.items())
    if isinstance(condition, list | tuple):
        return (
            isinstance(value, list | tuple)
            and len(value) == len(condition)
            and all(_matches(part, inner) for part, inner in zip(value, condition, strict=True))
        )
    return bool(value == condition)


def _has_operators(condition: Mapping[str, Any]) -> bool:
    return any(str(key).startswith("$") for key in condition)


def _compare(value: Any, operator: str, operand: Any) -> bool:
    if operator == "$eq":
        return bool(value == operand)
    if operator == "$ne":
        return bool(value != operand)
    left, right = as_number(value), as_number(operand)
    if left is not None and right is not None:
        return _RANGES[operator](left, right)
    if isinstance(value, str) and isinstance(operand, str):
        return _RANGES[operator](value, operand)
    return False


def as_number(value: Any) -> float | None:
    """Return a value as a number, None when it cannot be read as one."""
    if not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def filter_metadata(value: Mapping[str, Any]) -> dict[str, str | float]:
    """Return the metadata by which Chroma can filter a value: its short texts and its numbers."""
    metadata: dict[str, str | float] = {}
    for key, part in value.items():
        if _is_short_text(part):
            metadata[_text_key(key)] = _escape(part)
        number = as_number(part)
        if number is not None and not math.isnan(number):
            metadata[_number_key(key)] = max(-sys.float_info.max, min(sys.float_info.max, number))
    return metadata


def prefilter(conditions: Mapping[str, Any] | None) -> Iterator[Clause]:
    """Yield the conditions of a filter that Chroma can decide without losing a match."""
    for key, condition in (conditions or {}).items():
        comparisons = condition if isinstance(condition, Mapping) and _has_operators(condition) else {"$eq": condition}
        for operator, operand in comparisons.items():
            clause = _clause(key, operator, operand)
            if clause is not None:
                yield clause


def _clause(key: str, operator: str, operand: Any) -> Clause | None:
    if _is_short_text(operand) and operator in ("$eq", "$ne"):
        return {_text_key(key): {operator: _escape(operand)}}
    number = None if isinstance(operand, str) else as_number(operand)
    if number is None or not math.isfinite(number) or operator == "$ne":
        return None
    return {_number_key(key): {operator: number}}


def _is_short_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT_LENGTH


def _escape(text: str) -> str:
    """Escape what Chroma refuses: NUL and lone surrogates."""
    return json.dumps(text)[1:-1]


def _text_key(key: str) -> str:
    return f"text:{_escape(str(key))}"


def _number_key(key: str) -> str:
    return f"number:{_escape(str(key))}"
