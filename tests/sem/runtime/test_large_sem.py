"""The larger SEM that ships, on top of the small one."""

from __future__ import annotations

import pytest
from hef.contract import Turn
from hef.sem import LargeSem, resolve_sem, shipped_sem
from hef.sem.registry import LARGE
from hef.sem.runtime.manifest import Manifest
from hef.sem.testing import SemContract

NEW_SUBJECT = (
    Turn("speaker", "My dog died last night and I can't stop crying."),
    Turn("listener", "I am so sorry. How old was he?"),
    Turn("speaker", "how long do I boil eggs?"),
    Turn("listener", "About eight minutes for hard ones."),
    Turn("speaker", "By the way, my daughter graduated from college with honors today, I'm so proud of her!"),
)


@pytest.fixture(scope="module")
def sem() -> LargeSem:
    large = resolve_sem("large")
    assert isinstance(large, LargeSem)
    return large


class TestLargeSem(SemContract):
    pass


def test_it_belongs_to_the_small_sem_that_ships(sem: LargeSem) -> None:
    assert Manifest.load(LARGE).enlarges == shipped_sem().fingerprint
    assert sem.description.size_mb > shipped_sem().description.size_mb
    assert (sem.description.languages, sem.dimensions) == (shipped_sem().description.languages, 384)


def test_what_is_felt_now_is_read_of_the_turns_about_it(sem: LargeSem) -> None:
    (reading,) = sem.read([NEW_SUBJECT])

    assert (reading.sem, reading.ranked[0]) == ("large", "proud")
    assert reading.topic_turns == (4,)


def test_batches_of_several_languages_and_views_are_read_as_each_by_itself(sem: LargeSem) -> None:
    dialogues = [NEW_SUBJECT, (Turn("speaker", "我今天被老板骂了，气死我了"),), NEW_SUBJECT[:1]]
    views = ["speaker", "dialogue", "last_turn"]

    together = sem.read(dialogues, views=views)  # type: ignore[arg-type]
    alone = [sem.read([one], views=[view])[0] for one, view in zip(dialogues, views, strict=True)]  # type: ignore[list-item]

    for one, other in zip(together, alone, strict=True):
        assert one.ranked[:3] == other.ranked[:3]
        assert one.distribution == pytest.approx(other.distribution, abs=1e-4)


def test_no_dialogues_have_no_readings(sem: LargeSem) -> None:
    assert sem.read([]) == []
