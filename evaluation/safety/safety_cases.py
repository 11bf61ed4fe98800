"""Test cases of the safety rules: the project's own, which ship, and the turns of files of conversations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal, get_args

from ...contract import Turn
from ...contract.safety import SafetyLevel
from ...data.conversations import Conversation, read_conversations
from ...data.json_lines import read_rows
from ..emotion.chat_metrics import measured_chats

CASE_SETS = ("open", "closed", "outside", "broad")
"""The open half of two writers' cases may be read while rules are written. Their closed half may not, nor may those of
another writer, and of four further ones who were asked for many kinds and long messages."""


@dataclass(frozen=True, slots=True)
class SafetyCase:
    """A dialogue and the level of the person's last turn."""

    id: str
    """Identifier in its file."""
    language: Literal["en", "zh"]
    """Language of the dialogue."""
    kind: str
    """What it tests: plan_preparation, idiom, third_person; free text of its writer."""
    level: SafetyLevel
    """The level that a reader gave it."""
    turns: tuple[Turn, ...]
    """All turns, the last one the person's."""


def shipped_cases(half: str) -> tuple[list[SafetyCase], list[str]]:
    """Return the project's cases of a half in both languages, and a message for each row that could not be read.

    The list is empty where a half does not ship.
    """
    cases: list[SafetyCase] = []
    broken: list[str] = []
    for language in ("en", "zh"):
        with as_file(files("hef.evaluation.safety").joinpath(f"cases/{half}_{language}.jsonl")) as path:
            if path.is_file():
                more, unread = read_cases(path)
                cases += more
                broken += unread
    return cases, broken


def read_cases(path: Path) -> tuple[list[SafetyCase], list[str]]:
    """Return the cases of a file of JSON lines, and a message for each row that could not be read.

    A row has `id`, `language`, `kind`, `level` and `turns`, each of these with `role` (`user` or `assistant`) and
    `text`.

    Raises:
        SetupError: The file does not exist, or no row of it can be read.
    """
    return read_rows(path, _parse_case)


def everyday_talk() -> dict[str, list[Conversation]]:
    """Return the project's everyday conversations by what they are; no model of risk has learned from them.

    The chats for measuring the SEM, and those in which the feeling changes, where a few are in danger; and talks of
    days by four writers, who were asked for what people say to a companion in a week or two, with nobody in danger.
    """
    talk = {
        name: [Conversation(chat.id, "", "", chat.turns[-1].turns) for chat in measured_chats(name)]
        for name in ("chats", "changes")
    }
    talk["talks"] = [one for language in ("en", "zh") for one in _read_talks(language)]
    return talk


def speaker_turns(conversation: Conversation) -> Iterator[tuple[Turn, ...]]:
    """Yield each turn of the speaker with all turns before it."""
    for index, turn in enumerate(conversation.turns):
        if turn.role == "speaker":
            yield conversation.turns[: index + 1]


def _read_talks(language: str) -> list[Conversation]:
    with as_file(files("hef.evaluation.safety").joinpath(f"cases/talks_{language}.jsonl")) as path:
        talks, broken = read_conversations(path)
    if broken:
        raise ValueError(broken[0])
    return talks


def _parse_case(row: dict[str, Any]) -> SafetyCase:
    if row["language"] not in ("en", "zh") or row["level"] not in get_args(SafetyLevel):
        raise ValueError("`language` is neither en nor zh, or `level` is none of none, concern and danger")
    roles: dict[str, Literal["speaker", "listener"]] = {"user": "speaker", "assistant": "listener"}
    turns = tuple(Turn(roles[turn["role"]], str(turn["text"])) for turn in row["turns"])
    if not turns or turns[-1].role != "speaker":
        raise ValueError("the last turn is not the user's")
    return SafetyCase(str(row["id"]), row["language"], str(row["kind"]), row["level"], turns)
