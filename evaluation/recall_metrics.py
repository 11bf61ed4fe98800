"""Recall of the past turn that a later question or message is about, on dialogues of several days."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from langgraph.store.base import BaseStore, IndexConfig
from langgraph.store.memory import InMemoryStore
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from ..contract import Memory, RecallWeights, SetupError, Turn
from ..contract.numerics import Array
from ..contract.progress import Progress, ignore_progress
from ..data.json_lines import read_rows
from ..memory import recall_turns, remember_turns, user_namespace
from ..sem import Sem
from .metrics import CUTS, DIFFERENCE, PROPORTION, Estimate, mean_estimate
from .retrieval import Embed, embedding_function

_CUTS = (*CUTS, 10)
_DEPTH = max(_CUTS)
_DAY = 86_400.0
_DAYS_BEFORE = 60.0
"""Days before a person's first turn from which on others' turns are put among them."""
_DELAY = 7.0
"""Days from the last turn to the questions."""


@dataclass(frozen=True, slots=True)
class MemoryQuestion:
    """A later utterance that a past turn answers."""

    text: str
    """The utterance; it is not a turn of the dialogues."""
    answers: tuple[int, ...]
    """Indices of the turns that contain the answer, or that a message is about, from 0; any of them is right."""


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
    language: str = "en"
    """Language of the turns."""


def make_memory_dialogue(row: dict[str, Any]) -> MemoryDialogue:
    """Parse one row of a file of memory dialogues.

    Raises:
        ValueError: There are no turns, a text is blank, the days do not rise, or a question's answer is not a turn.
    """
    days = tuple(float(turn["day"]) for turn in row["turns"])
    texts = tuple(str(turn["text"]) for turn in row["turns"])
    questions = tuple(MemoryQuestion(str(item["text"]), tuple(item["turns"])) for item in row["questions"])
    if not all(text.strip() for text in (*texts, *(question.text for question in questions))):
        raise ValueError("a text is blank")
    if not texts:
        raise ValueError("there are no turns")
    if list(days) != sorted(days):
        raise ValueError("the days do not rise")
    if not all(question.answers and set(question.answers) <= set(range(len(texts))) for question in questions):
        raise ValueError("a question's answer is not a turn of this person")
    return MemoryDialogue(str(row["user"]), days, texts, questions, str(row.get("language", "en")))


MemoryKind: TypeAlias = Literal["questions", "messages"]
"""Shipped dialogues: with questions about what was said, or with messages that mean it unasked ("she called")."""
_SHIPPED: Mapping[MemoryKind, str] = {"questions": "memory_dialogues.jsonl", "messages": "memory_messages.jsonl"}


def read_memory_dialogues(
    path: Path | None = None, kind: MemoryKind = "questions"
) -> tuple[list[MemoryDialogue], list[str]]:
    """Read a file of dialogues, by default a shipped one; return one message for each row that was skipped.

    Args:
        path: The file.
        kind: Which of the shipped ones.

    Raises:
        SetupError: The file does not exist, or no row of it can be read.
    """
    if path is not None:
        return read_rows(path, make_memory_dialogue)
    with as_file(files("hef.evaluation") / _SHIPPED[kind]) as shipped:
        return read_rows(shipped, make_memory_dialogue)


def with_questions(dialogues: Sequence[MemoryDialogue]) -> list[MemoryDialogue]:
    """Return the people who are asked something: the turns of others need not be read.

    Raises:
        SetupError: Nobody is.
    """
    if people := [dialogue for dialogue in dialogues if dialogue.questions]:
        return people
    raise SetupError("nobody is asked anything in these dialogues: give rows with questions")


def among_others(dialogues: Sequence[MemoryDialogue], count: int, seed: int = 0) -> list[MemoryDialogue]:
    """Return the dialogues with turns of other people put among each person's own, as if they had said them.

    A memory of some dozen turns says little of one of months. The others' turns are of the same language, and of days
    from two months before the person's first to their last.

    Args:
        dialogues: The people.
        count: How many turns; of fewer in a language all are taken.
        seed: Of which ones.
    """
    return [
        _among_others(dialogue, dialogues, count, random.Random(f"{seed}:{dialogue.user}")) for dialogue in dialogues
    ]


def _among_others(
    dialogue: MemoryDialogue, dialogues: Sequence[MemoryDialogue], count: int, rng: random.Random
) -> MemoryDialogue:
    others = [
        text
        for other in dialogues
        if other.user != dialogue.user and other.language == dialogue.language
        for text in other.texts
        if text not in dialogue.texts
    ]
    drawn = rng.sample(others, min(count, len(others)))
    days = [day + _DAYS_BEFORE for day in dialogue.days]  # counted from the first of the others'
    own = [(day, index, text) for index, (day, text) in enumerate(zip(days, dialogue.texts, strict=True))]
    added = [(rng.uniform(dialogue.days[0], days[-1]), -1, text) for text in drawn]
    turns = sorted([*own, *added], key=lambda turn: turn[0])
    moved = {before: now for now, (_, before, _) in enumerate(turns) if before >= 0}
    questions = tuple(
        replace(question, answers=tuple(moved[answer] for answer in question.answers))
        for question in dialogue.questions
    )
    return replace(
        dialogue,
        days=tuple(day for day, _, _ in turns),
        texts=tuple(text for _, _, text in turns),
        questions=questions,
    )


def tuning_users(dialogues: Sequence[MemoryDialogue]) -> frozenset[str]:
    """Return the people of the shipped file that the defaults of `RecallWeights` were chosen on: every second."""
    return frozenset(dialogue.user for dialogue in dialogues[::2])


SearchMethod: TypeAlias = Callable[[MemoryDialogue, str], list[int]]
"""From a person and a question to the indices of the recalled turns, the best first."""


class MemoryReport(BaseModel, frozen=True):
    """How often the turn that answers a question is among the first that one method recalls."""

    method: str = Field(description="How turns were searched")
    users: int = Field(description="People who are asked something")
    turns: int = Field(description="Stored turns of all people; only the person's own are searched")
    questions: int = Field(description="Questions of all people")
    recall: dict[str, Estimate] = Field(description="`at1`, `at3`, `at5`, `at10`, over all people")
    chosen_on: dict[str, Estimate] | None = Field(
        default=None, description="The same over the people that the formula's defaults were chosen on"
    )
    others: dict[str, Estimate] | None = Field(default=None, description="The same over the other people")
    gain: dict[str, Estimate] | None = Field(
        default=None, description="HEF's recall minus this one's; a paired difference"
    )


class RecallBench:
    """The turns of all people in a store with a SEM's vectors, and the methods that search it.

    The SEM reads the emotion of each turn and embeds it.

    Raises:
        SetupError: The SEM has no sentence vectors.
    """

    def __init__(self, sem: Sem, dialogues: Sequence[MemoryDialogue], progress: Progress = ignore_progress) -> None:
        embed = _cached(embedding_function(sem))
        index: IndexConfig = {"dims": len(embed(["."])[0]), "embed": embed, "fields": ["text"]}
        self._whole_turns, self._clauses = InMemoryStore(index=index), InMemoryStore(index=index)
        for done, dialogue in enumerate(dialogues, 1):
            memories = _memories(sem, dialogue)
            remember_turns(self._clauses, dialogue.user, memories)
            for memory in memories:
                self._whole_turns.put(user_namespace(dialogue.user), memory.id, memory.model_dump(mode="json"))
            progress("people", done, len(dialogues))

    def methods(self, *, ablate: bool = False) -> dict[str, SearchMethod]:
        """Return HEF's recall, plain vector search, and the newest turns; and HEF without each of its parts."""
        methods = {"HEF": self._hef(), "vectors alone": self._vector_search, "newest turns": _newest}
        if ablate:
            methods["without clauses"] = self._hef(self._whole_turns)
            parts = {"words": "lexical", "detail": "length", "recency": "recency", "emotion": "emotion"}
            for name, weight in parts.items():
                methods[f"without {name}"] = self._hef(weights=RecallWeights(**{weight: 0.0}))
            for threshold in (0.1, 0.2):
                methods[f"least meaning {threshold}"] = self._hef(weights=RecallWeights(min_similarity=threshold))
        return methods

    def _hef(self, store: BaseStore | None = None, weights: RecallWeights | None = None) -> SearchMethod:
        def search(dialogue: MemoryDialogue, question: str) -> list[int]:
            now = (dialogue.days[-1] + _DELAY) * _DAY
            memories = recall_turns(store or self._clauses, dialogue.user, question, _DEPTH, weights=weights, now=now)
            return [int(memory.id) for memory in memories]

        return search

    def _vector_search(self, dialogue: MemoryDialogue, question: str) -> list[int]:
        items = self._whole_turns.search(user_namespace(dialogue.user), query=question, limit=_DEPTH)
        return [int(item.key) for item in items]


def report_memory(
    methods: Mapping[str, SearchMethod], dialogues: Sequence[MemoryDialogue], chosen_on: Collection[str] = ()
) -> list[MemoryReport]:
    """Return the recall of each method on the same questions; intervals are over people.

    Args:
        methods: The first is HEF's.
        dialogues: The people, each of whom is asked something.
        chosen_on: People that settings were chosen on; if any, they and the others are also reported separately.
    """
    questions = [(dialogue, question) for dialogue in dialogues for question in dialogue.questions]
    users = [dialogue.user for dialogue, _ in questions]
    hits = {
        name: np.array([_hits(search(dialogue, question.text), question.answers) for dialogue, question in questions])
        for name, search in methods.items()
    }
    first = next(iter(hits.values()))
    tuned = np.array([user in chosen_on for user in users])
    return [
        MemoryReport(
            method=name,
            users=len(dialogues),
            turns=sum(len(dialogue.texts) for dialogue in dialogues),
            questions=len(questions),
            recall=_recall(values, users),
            chosen_on=_recall_subset(values, users, tuned),
            others=_recall_subset(values, users, ~tuned) if tuned.any() else None,
            gain=None if values is first else _recall(first - values, users, DIFFERENCE),
        )
        for name, values in hits.items()
    ]


def _recall_subset(hits: Array, users: Sequence[str], rows: NDArray[np.bool_]) -> dict[str, Estimate] | None:
    if not rows.any():
        return None
    return _recall(hits[rows], [user for user, included in zip(users, rows, strict=True) if included])


def _hits(recalled: Sequence[int], answers: Sequence[int]) -> list[float]:
    return [float(bool(set(recalled[:cut]) & set(answers))) for cut in _CUTS]


def _recall(hits: Array, users: Sequence[str], bounds: tuple[float, float] = PROPORTION) -> dict[str, Estimate]:
    return {f"at{cut}": mean_estimate(hits[:, column], users, bounds=bounds) for column, cut in enumerate(_CUTS)}


def _newest(dialogue: MemoryDialogue, question: str) -> list[int]:
    return list(range(len(dialogue.texts)))[::-1][:_DEPTH]


def _memories(sem: Sem, dialogue: MemoryDialogue) -> list[Memory]:
    readings = sem.read([[Turn("speaker", text)] for text in dialogue.texts])
    return [
        Memory(
            id=str(number),
            text=text,
            emotion=reading.ranked[0],
            probability=round(reading.distribution[reading.ranked[0]], 6),
            time=day * _DAY,
            thread=str(day),
        )
        for number, (day, text, reading) in enumerate(zip(dialogue.days, dialogue.texts, readings, strict=True))
    ]


def _cached(embed: Embed) -> Embed:
    """Return the same embedding, which embeds each text once."""
    vectors: dict[str, list[float]] = {}

    def embed_new(texts: Sequence[str]) -> list[list[float]]:
        if new := [text for text in dict.fromkeys(texts) if text not in vectors]:
            vectors.update(zip(new, embed(new), strict=True))
        return [vectors[text] for text in texts]

    return embed_new
