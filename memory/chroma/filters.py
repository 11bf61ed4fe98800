"""What a search filter means, and the part of it that Chroma can decide.

`matches` is the meaning. `facets` and `clauses` are only a sieve: they let Chroma leave out rows that
cannot match, never one that does, and whatever passes is judged again by `matches`.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from operator import ge, gt, le, lt
from typing import Any, TypeAlias

Clause: TypeAlias = dict[str, Any]

_LONGEST_TEXT = 48
"""Names, states and ids are shorter; what is longer is prose or a hash, which costs a write more than it sieves."""
_RANGES: dict[str, Callable[[Any, Any], bool]] = {"$gt": gt, "$gte": ge, "$lt": lt, "$lte": le}
_OPERATORS = frozenset({"$eq", "$ne", *_RANGES})


def check_filter(wanted: Any) -> None:
    """Raise a `ValueError` when a filter holds an operator that no store of LangGraph knows."""
    if not isinstance(wanted, Mapping):
        return
    operators = _is_operators(wanted)
    for name, inner in wanted.items():
        if operators and name not in _OPERATORS:
            raise ValueError(f"Unsupported operator: {name}. Use one of {', '.join(sorted(_OPERATORS))}.")
        if not operators:
            check_filter(inner)


def matches(value: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> bool:
    """Tell whether a stored value passes a filter.

    Nested mappings and lists are compared part by part. A range compares numbers (and texts that
    read as numbers), otherwise two texts by their characters; anything else does not match.
    """
    return all(_agrees(value.get(key), inner) for key, inner in (wanted or {}).items())


def _agrees(held: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if _is_operators(wanted):
            return all(_operate(held, operator, operand) for operator, operand in wanted.items())
        return isinstance(held, Mapping) and all(_agrees(held.get(key), inner) for key, inner in wanted.items())
    if isinstance(wanted, list | tuple):
        return (
            isinstance(held, list | tuple)
            and len(held) == len(wanted)
            and all(_agrees(one, other) for one, other in zip(held, wanted, strict=True))
        )
    return bool(held == wanted)


def _is_operators(wanted: Mapping[str, Any]) -> bool:
    return any(str(key).startswith("$") for key in wanted)


def _operate(held: Any, operator: str, operand: Any) -> bool:
    if operator == "$eq":
        return bool(held == operand)
    if operator == "$ne":
        return bool(held != operand)
    one, other = as_number(held), as_number(operand)
    if one is not None and other is not None:
        return _RANGES[operator](one, other)
    if isinstance(held, str) and isinstance(operand, str):
        return _RANGES[operator](held, operand)
    return False


def as_number(value: Any) -> float | None:
    """Return what a value is as a number, None when it is none."""
    if not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def facets(value: Mapping[str, Any]) -> dict[str, str | float]:
    """Return the metadata by which Chroma can sieve a value: its short texts and its numbers."""
    found: dict[str, str | float] = {}
    for key, held in value.items():
        if _is_short(held):
            found[_text_facet(key)] = _plain(held)
        number = as_number(held)
        if number is not None and not math.isnan(number):
            found[_number_facet(key)] = max(-sys.float_info.max, min(sys.float_info.max, number))
    return found


def clauses(wanted: Mapping[str, Any] | None) -> Iterator[Clause]:
    """Yield the conditions of a filter that Chroma can decide without losing a match."""
    for key, inner in (wanted or {}).items():
        asked = inner if isinstance(inner, Mapping) and _is_operators(inner) else {"$eq": inner}
        for operator, operand in asked.items():
            clause = _clause(key, operator, operand)
            if clause is not None:
                yield clause


def _clause(key: str, operator: str, operand: Any) -> Clause | None:
    if _is_short(operand) and operator in ("$eq", "$ne"):
        return {_text_facet(key): {operator: _plain(operand)}}
    number = None if isinstance(operand, str) else as_number(operand)
    if number is None or not math.isfinite(number) or operator == "$ne":
        return None
    return {_number_facet(key): {operator: number}}


def _is_short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT


def _plain(text: str) -> str:
    """Escape what Chroma refuses: NUL and lone surrogates."""
    return json.dumps(text)[1:-1]


def _text_facet(key: str) -> str:
    return f"text:{_plain(str(key))}"


def _number_facet(key: str) -> str:
    return f"number:{_plain(str(key))}"
