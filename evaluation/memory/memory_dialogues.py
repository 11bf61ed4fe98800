"""Dialogues of people over several days, and later questions about them in other words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from ...data.json_lines import read_rows


@dataclass(frozen=True, slots=True)
class MemoryQuestion:
    """A later utterance that a past turn answers."""

    text: str
    """The utterance; it is not a turn of the dialogues."""
    answers: tuple[int, ...]
    """Indices of the turns that contain the answer, from 0; any of them is right."""


@dataclass(frozen=True, slots=True)
class MemoryDialogue:
    """One person's turns, oldest first, and the questions about them."""

    user: str
    """The person."""
    days: tuple[float, ...]
    """Time of each turn, in days; turns of one day are one conversation."""
    texts: tuple[str, ...]
    """Text of each turn."""
    questions: tuple[MemoryQuestion, ...]
    """Questions a week after the last turn."""


def make_memory_dialogue(row: dict[str, Any]) -> MemoryDialogue:
    """Parse one row of a file of memory dialogues.

    Raises:
        ValueError: A text is blank, the days do not rise, or a question's answer is not a turn.
    """
    days = tuple(float(turn["day"]) for turn in row["turns"])
    texts = tuple(str(turn["text"]) for turn in row["turns"])
    questions = tuple(MemoryQuestion(str(item["text"]), tuple(item["turns"])) for item in row["questions"])
    if not all(text.strip() for text in (*texts, *(question.text for question in questions))):
        raise ValueError("a text is blank")
    if list(days) != sorted(days):
        raise ValueError("the days do not rise")
    if not all(question.answers and set(question.answers) <= set(range(len(texts))) for question in questions):
        raise ValueError("a question's answer is no turn of this person")
    return MemoryDialogue(str(row["user"]), days, texts, questions)


def read_memory_dialogues(path: Path | None = None) -> tuple[list[MemoryDialogue], list[str]]:
    """Read a file of dialogues, by default the shipped one; return one message for each row that was skipped.

    Raises:
        SetupError: The file does not exist, or no row of it can be read.
    """
    if path is not None:
        return read_rows(path, make_memory_dialogue)
    with as_file(files("hef.evaluation.memory") / "memory_dialogues.jsonl") as shipped:
        return read_rows(shipped, make_memory_dialogue)


def tuning_users(dialogues: Sequence[MemoryDialogue]) -> frozenset[str]:
    """Return the people of the shipped file that the defaults of `RecallWeights` were chosen on: every second."""
    return frozenset(dialogue.user for dialogue in dialogues[::2])
