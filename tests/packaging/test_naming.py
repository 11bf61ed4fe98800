"""Words of a private dialect that came back before: they name no function and no data."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from project import MODULES, ROOT

REFUSED = {"found", "held", "place", "said", "wanted"}
"""Participles and the like, which say nothing of a value: `matches`, `row`, `index`, `utterance`, `labels` do."""


def names(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yield each name that code gives to something, and whether that is a function."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, True
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, False
            case ast.ClassDef(name=name) | ast.alias(asname=str(name)):
                yield name, False
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name, False


def refused(source: str) -> set[str]:
    """Return the names in code that tell a reader nothing."""
    return {
        name
        for name, is_function in names(ast.parse(source))
        if name.strip("_").lower() in REFUSED or (is_function and name.endswith("_of"))
    }


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("def character_of(thread): ...", "character_of"),
        ("class A:\n    async def _person_of(self): ...", "_person_of"),
        ("if found := search(): ...", "found"),
        ("class Row:\n    said: str", "said"),
        ("self._held, other = [], 1", "_held"),
        ("_HELD = 60", "_HELD"),
        ("class Place: ...", "Place"),
        ("def score(*, wanted): ...", "wanted"),
        ("[place for place in row]", "place"),
        ("match row:\n    case [place, _]: ...", "place"),
    ],
)
def test_a_name_of_the_dialect_is_seen(source: str, name: str) -> None:
    assert refused(source) == {name}


def test_a_name_of_the_field_is_not_refused() -> None:
    assert refused("def wishes_of_turn(row): matches, last_said = row['said'], one_of") == set()


def test_functions_and_data_have_names_of_the_field() -> None:
    seen = {path.relative_to(ROOT).as_posix(): refused(path.read_text(encoding="utf-8")) for path in MODULES}
    assert {file: words for file, words in seen.items() if words} == {}
