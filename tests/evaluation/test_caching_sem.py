"""A SEM that reads each dialogue once."""

from __future__ import annotations

from typing import Any

from hef.contract import View
from hef.evaluation.caching_models import CachingSem
from hef.sem import Sem
from synthetic import SyntheticSem


class Counted(SyntheticSem):
    """A SEM that counts the dialogues it reads."""

    def __init__(self) -> None:
        super().__init__(3)
        self.read_views: list[View] = []
        self.found: list[str] = []

    def read(self, dialogues: Any, *, views: Any = None) -> Any:
        self.read_views += views
        return super().read(dialogues)

    def causes(self, dialogues: Any, emotions: Any) -> Any:
        self.found += emotions
        return super().causes(dialogues, emotions)


def test_a_dialogue_is_read_once_a_view() -> None:
    sem = Counted()
    remembered = CachingSem(sem)
    one, two, three = (sample.turns for sample in sem.samples)
    assert isinstance(remembered, Sem)

    first = remembered.read([one, two])
    again = remembered.read([two, three, one])
    remembered.read([one], views=["speaker"])

    assert [again[0], again[2]] == first[::-1]
    assert again[1] == SyntheticSem(3).read([three])[0]
    assert sem.read_views == ["dialogue"] * 3 + ["speaker"]


def test_causes_are_found_once_an_emotion() -> None:
    sem = Counted()
    remembered = CachingSem(sem)
    turns = sem.samples[0].turns
    for emotion in ("sad", "sad", "joyful"):
        assert remembered.causes([turns], [emotion]) == [()]

    assert sem.found == ["sad", "joyful"]
