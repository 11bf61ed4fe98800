"""A SEM that reads each dialogue once, for runs that differ in what comes after it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ..contract import Cause, Dialogue, Reading, Turn, View
from ..sem import Sem, SemDescription


class RememberedSem:
    """Remember what another SEM read and found.

    Args:
        sem: The SEM that reads.
    """

    def __init__(self, sem: Sem) -> None:
        self._sem = sem
        self._readings: dict[Hashable, Reading] = {}
        self._causes: dict[Hashable, tuple[Cause, ...]] = {}

    @property
    def description(self) -> SemDescription:
        """Return the other SEM's description."""
        return self._sem.description

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one reading a dialogue; see `Sem`."""
        seen = zip(dialogues, views or _whole(dialogues), strict=True)
        keys: list[tuple[tuple[Turn, ...], View]] = [(tuple(turns), view) for turns, view in seen]
        new = [key for key in dict.fromkeys(keys) if key not in self._readings]
        if new:
            read = self._sem.read([turns for turns, _ in new], views=[view for _, view in new])
            self._readings |= zip(new, read, strict=True)
        return [self._readings[key] for key in keys]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return cause words of each dialogue; see `Sem`."""
        keys = [(tuple(turns), emotion) for turns, emotion in zip(dialogues, emotions, strict=True)]
        new = [key for key in dict.fromkeys(keys) if key not in self._causes]
        if new:
            found = self._sem.causes([turns for turns, _ in new], [emotion for _, emotion in new])
            self._causes |= zip(new, found, strict=True)
        return [self._causes[key] for key in keys]


def _whole(dialogues: Sequence[Dialogue]) -> list[View]:
    return ["dialogue" for _ in dialogues]
