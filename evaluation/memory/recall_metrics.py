"""Whether a later question brings back the turn that answers it: HEF's recall beside plain ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from langgraph.store.base import BaseStore, IndexConfig
from langgraph.store.memory import InMemoryStore
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ...contract import Memory, RecallWeights, Turn
from ...memory import recall_turns, remember_turns, user_namespace
from ...sem import Sem
from ..metrics import DIFFERENCE, Array, Estimate, mean_estimate
from .memory_dialogues import MemoryDialogue
from .retrieval import Embed, embedding_function

CUTS = (1, 3, 5)
_DEPTH = max(CUTS)
_DAY = 86_400.0
_LATER = 7.0
"""Days from the last turn to the questions."""

AnswerCost: TypeAlias = Callable[[MemoryDialogue, str], list[int]]
"""From a person and a question to the places of the turns that are brought back, the best first."""


class MemoryReport(BaseModel):
    """How often the turn that answers a question is among the first that one way brings back."""

    model_config = ConfigDict(frozen=True)

    way: str = Field(description="How turns were brought back")
    users: int = Field(description="People")
    turns: int = Field(description="Turns remembered in all; each person's alone are searched")
    questions: int = Field(description="Questions in all")
    recall: dict[str, Estimate] = Field(description="`at1`, `at3`, `at5`, over all people")
    chosen_on: dict[str, Estimate] | None = Field(
        default=None, description="The same over the people that the formula's defaults were chosen on"
    )
    others: dict[str, Estimate] | None = Field(default=None, description="The same over the other people")
    gain: dict[str, Estimate] | None = Field(default=None, description="HEF's recall minus this one's, in pairs")


class RecallBench:
    """The turns of all people in a store with a SEM's vectors, and the ways to search it.

    Args:
        sem: Reads the emotion of each turn, and gives the vectors.
        dialogues: What is remembered.
        report: Told how many people are remembered, of how many.

    Raises:
        SetupError: The SEM gives no sentence vectors.
    """

    def __init__(
        self,
        sem: Sem,
        dialogues: Sequence[MemoryDialogue],
        report: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        embed = _once(embedding_function(sem))
        index: IndexConfig = {"dims": len(embed(["."])[0]), "embed": embed, "fields": ["text"]}
        self._whole, self._clauses = InMemoryStore(index=index), InMemoryStore(index=index)
        for done, dialogue in enumerate(dialogues, 1):
            memories = _memories(sem, dialogue)
            remember_turns(self._clauses, dialogue.user, memories)
            for memory in memories:
                self._whole.put(user_namespace(dialogue.user), memory.id, memory.model_dump(mode="json"))
            report(done, len(dialogues))

    def ways(self, *, ablate: bool = False) -> dict[str, AnswerCost]:
        """Return HEF's recall, plain vector search, and the newest turns; and HEF without each of its parts."""
        found: dict[str, AnswerCost] = {"HEF": self._hef(), "vectors alone": self._plain, "newest turns": _newest}
        if ablate:
            found["without clauses"] = self._hef(self._whole)
            for name in ("words", "detail", "recency", "emotion"):
                found[f"without {name}"] = self._hef(weights=RecallWeights(**{name: 0.0}))
            for least in (0.1, 0.2):
                found[f"least meaning {least}"] = self._hef(weights=RecallWeights(min_similarity=least))
        return found

    def _hef(self, store: BaseStore | None = None, weights: RecallWeights | None = None) -> AnswerCost:
        def search(dialogue: MemoryDialogue, question: str) -> list[int]:
            now = (dialogue.days[-1] + _LATER) * _DAY
            held = recall_turns(store or self._clauses, dialogue.user, question, _DEPTH, weights=weights, now=now)
            return [int(memory.id) for memory in held]

        return search

    def _plain(self, dialogue: MemoryDialogue, question: str) -> list[int]:
        found = self._whole.search(user_namespace(dialogue.user), query=question, limit=_DEPTH)
        return [int(item.key) for item in found]


def report_memory(
    ways: Mapping[str, AnswerCost], dialogues: Sequence[MemoryDialogue], chosen_on: Collection[str] = ()
) -> list[MemoryReport]:
    """Return the figures of each way on the same questions; intervals are over people.

    Args:
        ways: The first is HEF's.
        dialogues: Whose questions are asked.
        chosen_on: People that settings were chosen on; where there are some, they and the others stand apart.
    """
    asked = [(dialogue, question) for dialogue in dialogues for question in dialogue.questions]
    groups = [dialogue.user for dialogue, _ in asked]
    hits = {
        name: np.array([_hits(way(dialogue, question.text), question.answers) for dialogue, question in asked])
        for name, way in ways.items()
    }
    first = next(iter(hits.values()))
    known = np.array([user in chosen_on for user in groups])
    return [
        MemoryReport(
            way=name,
            users=len(dialogues),
            turns=sum(len(dialogue.texts) for dialogue in dialogues),
            questions=len(asked),
            recall=_estimates(held, groups),
            chosen_on=_part(held, groups, known),
            others=_part(held, groups, ~known) if known.any() else None,
            gain=None if held is first else _estimates(first - held, groups, DIFFERENCE),
        )
        for name, held in hits.items()
    ]


def _part(hits: Array, groups: Sequence[str], kept: NDArray[np.bool_]) -> dict[str, Estimate] | None:
    if not kept.any():
        return None
    return _estimates(hits[kept], [user for user, held in zip(groups, kept, strict=True) if held])


def _hits(found: Sequence[int], answers: Sequence[int]) -> list[float]:
    return [float(bool(set(found[:cut]) & set(answers))) for cut in CUTS]


def _estimates(hits: Array, groups: Sequence[str], bounds: tuple[float, float] = (0.0, 1.0)) -> dict[str, Estimate]:
    return {f"at{cut}": mean_estimate(hits[:, place], groups, bounds=bounds) for place, cut in enumerate(CUTS)}


def _newest(dialogue: MemoryDialogue, question: str) -> list[int]:
    return list(range(len(dialogue.texts)))[::-1][:_DEPTH]


def _memories(sem: Sem, dialogue: MemoryDialogue) -> list[Memory]:
    readings = sem.read([[Turn("speaker", text)] for text in dialogue.texts])
    return [
        Memory(
            id=str(place),
            text=text,
            emotion=reading.ranked[0],
            probability=round(reading.distribution[reading.ranked[0]], 6),
            time=day * _DAY,
            thread=str(day),
        )
        for place, (day, text, reading) in enumerate(zip(dialogue.days, dialogue.texts, readings, strict=True))
    ]


def _once(embed: Embed) -> Embed:
    """Return the same embedding that reads no text twice."""
    known: dict[str, list[float]] = {}

    def read(texts: Sequence[str]) -> list[list[float]]:
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            known.update(zip(new, embed(new), strict=True))
        return [known[text] for text in texts]

    return read
