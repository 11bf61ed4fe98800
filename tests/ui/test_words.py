"""The tables of words: each word is used, and said in both languages."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import fields
from string import Formatter
from typing import Any

import pytest
from hef.cli.chat import chat_words
from hef.graph.turn_events import STATUS_AFTER_EVENT
from hef.ui import page_words, turn_words
from project import ROOT

BY_STATUS = [f"status_{kind}" for kind in ("begin", *STATUS_AFTER_EVENT)]
TABLES = {
    # The words of a language, the files that say them, and the words that are chosen by their names.
    "chat": (chat_words.WORDS, ["cli/chat/*.py"], []),
    "page": (page_words.WORDS, ["ui/[!t]*.py", "ui/views/*.py"], BY_STATUS),
    "turn": (turn_words.WORDS, ["ui/turn_words.py", "cli/render.py", "cli/perceive.py"], []),
}
SAME_IN_BOTH = ("no_character",)
FILLED_IN_ENGLISH = ("guess",)
"""A language that the SEM does not read has an English name alone."""


def said_words(files: Collection[str]) -> Iterator[str]:
    """Yield the names of the words that files say: attributes of a table, and names that are given to a function."""
    for path in (path for pattern in files for path in ROOT.glob(pattern)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and "words" in ast.unparse(node.value).casefold():
                yield node.attr
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "in_all_languages":
                yield ast.literal_eval(node.args[0])
            elif isinstance(node, ast.ListComp) and "getattr(words" in ast.unparse(node.elt):
                yield from ast.literal_eval(node.generators[0].iter)


@pytest.mark.parametrize("table", TABLES)
def test_each_word_is_said_somewhere(table: str) -> None:
    words, files, by_name = TABLES[table]
    names: set[str] = {field.name for field in fields(words["en"])}

    assert names - {*said_words(files), *by_name} == set()


@pytest.mark.parametrize("table", TABLES)
def test_both_languages_fill_in_the_same_names(table: str) -> None:
    words: Any = TABLES[table][0]
    for field in fields(words["en"]):
        english, chinese = (str(getattr(words[language], field.name)) for language in ("en", "zh"))
        assert english
        assert chinese
        names = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (english, chinese)]
        assert names[0] == names[1] or (field.name in FILLED_IN_ENGLISH and not names[1]), field.name
        assert field.name in SAME_IN_BOTH or english != chinese, field.name
