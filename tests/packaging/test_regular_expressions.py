"""Every regular expression of the tree reads 50,000 hostile characters in linear time."""

from __future__ import annotations

import ast
import re
import time
from functools import cache
from importlib import import_module
from typing import Any

import pytest
from project import MODULES, module_name

LENGTH = 50_000
SECONDS = 1.0
"""Processor time for one text; a linear pattern needs a few milliseconds, a quadratic one some seconds."""
LENGTHS = (LENGTH // 10, LENGTH // 7, LENGTH // 5, LENGTH // 3, LENGTH)
"""A text is lengthened until so little time is enough that it would be for the whole length, growing by its cube."""
FUNCTIONS = {"compile", "sub", "subn", "split", "match", "fullmatch", "search", "findall", "finditer"}


def literal_patterns(tree: ast.AST) -> list[str]:
    """Return the patterns that are written out in calls of `re`."""
    return [
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and (call.func.value.id, call.func.attr in FUNCTIONS) == ("re", True)
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    ]


def collected() -> dict[str, re.Pattern[str]]:
    """Return the patterns of all modules: those in their namespace, and those that a function writes out."""
    patterns: dict[str, re.Pattern[str]] = {}
    for path in MODULES:
        source = path.read_text(encoding="utf-8")
        if "import re\n" not in source:
            continue
        name = module_name(path)
        patterns |= {f"{name}: {text}": re.compile(text) for text in literal_patterns(ast.parse(source))}
        if re.search(r"^\w+(?:: \w+)? = re\.compile\(", source, re.MULTILINE):
            namespace: dict[str, Any] = vars(import_module(name.removesuffix(".__init__")))
            patterns |= {f"{name}.{key}": value for key, value in namespace.items() if isinstance(value, re.Pattern)}
    return patterns


PATTERNS = collected()


def units(pattern: str) -> list[str]:
    """Return what hostile texts are made of: blanks, letters, and the marks and words of the pattern itself."""
    marks = sorted({character for character in pattern if not character.isalnum()} | {" ", "\n", ".", "\u0301"})
    words = re.findall(r"[A-Za-z<>/|]{2,}", pattern)[:4]
    return ["a", *marks, *(f"{mark}a" for mark in marks), *words, *(f" {word} " for word in words), ". ", " - "]


def seconds(pattern: re.Pattern[str], unit: str, length: int) -> float:
    text = (unit * length)[:length] + "\x00"
    start = time.process_time()
    for _ in pattern.finditer(text):
        pass
    return time.process_time() - start


@cache  # a pattern at the top of a module is found there and in its call
def is_slow(pattern: re.Pattern[str], unit: str) -> bool:
    return all(seconds(pattern, unit, length) > SECONDS * (length / LENGTH) ** 3 for length in LENGTHS)


def test_the_patterns_of_the_tree_are_found() -> None:
    assert {"hef.contract.text._CLAUSE_BOUNDARY", "hef.prompts.fence._FENCE"} <= PATTERNS.keys()


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_a_pattern_is_linear(name: str) -> None:
    pattern = PATTERNS[name]

    assert [unit for unit in units(pattern.pattern) if is_slow(pattern, unit)] == []
