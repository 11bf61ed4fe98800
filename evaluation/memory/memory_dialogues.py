"""People who told of themselves over some days, and what is asked of it later in other words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from ...data.samples import read_rows


@dataclass(frozen=True, slots=True)
class MemoryQuestion:
    """Something said later that a past turn answers."""

    text: str
    """What is said; it is no turn of the dialogues."""
    answers: tuple[int, ...]
    """Places of the turns that hold the answer, from 0; any of them is right."""


@dataclass(frozen=True, slots=True)
class MemoryDialogue:
    """One person's turns, oldest first, and the questions about them."""

    user: str
    """Who it is."""
    days: tuple[float, ...]
    """When each turn was said, in days; turns of one day are one conversation."""
    texts: tuple[str, ...]
    """What was said in each turn."""
    questions: tuple[MemoryQuestion, ...]
    """What is asked a week after the last turn."""


def make_memory_dialogue(row: dict[str, Any]) -> MemoryDialogue:
    """Return one row of a file of dialogues to be remembered.

    Raises:
        ValueError: A text is blank, the days do not rise, or a question's answer is no turn.
    """
    days = tuple(float(turn["day"]) for turn in row["turns"])
    texts = tuple(str(turn["text"]) for turn in row["turns"])
    questions = tuple(MemoryQuestion(str(asked["text"]), tuple(asked["turns"])) for asked in row["questions"])
    if not all(text.strip() for text in (*texts, *(question.text for question in questions))):
        raise ValueError("a text is blank")
    if list(days) != sorted(days):
        raise ValueError("the days do not rise")
    if not all(question.answers and set(question.answers) <= set(range(len(texts))) for question in questions):
        raise ValueError("a question's answer is no turn of this person")
    return MemoryDialogue(str(row["user"]), days, texts, questions)


def read_memory_dialogues(path: Path | None = None) -> tuple[list[MemoryDialogue], list[str]]:
    """Read a file of dialogues, by default the one that ships, and name each row that is none.

    Raises:
        SetupError: There is no such file, or nothing in it can be read.
    """
    if path is not None:
        return read_rows(path, make_memory_dialogue)
    with as_file(files("hef.evaluation.memory") / "memory_dialogues.jsonl") as shipped:
        return read_rows(shipped, make_memory_dialogue)


def chosen_on(dialogues: Sequence[MemoryDialogue]) -> frozenset[str]:
    """Return the people of the shipped file that the defaults of `RecallWeights` were chosen on: every second."""
    return frozenset(dialogue.user for dialogue in dialogues[::2])
