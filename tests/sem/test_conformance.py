from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hef.contract import Cause, Dialogue, ModelError, Reading, SetupError, View
from hef.sem import EmbeddingSem, LexiconSem, Sem, SemDescription, Taxonomy, check_sem, shipped_sem
from hef.sem.testing import SemContract

TINY = Taxonomy("tiny", ("sad", "happy", "scared"))


@pytest.fixture(scope="module")
def sem() -> Sem:
    return shipped_sem()


class TestShippedSem(SemContract):
    pass


class Good:
    """A sound SEM whose parts each test below breaks."""

    def __init__(self) -> None:
        self.whole = LexiconSem({"sad": ["sad", "died"], "happy": ["happy"], "scared": ["scared"]}, TINY, name="acme")

    @property
    def description(self) -> Any:
        return self.whole.description

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        return [self.reading(reading) for reading in self.whole.read(dialogues, views=views)]

    def reading(self, reading: Reading) -> Reading:
        return reading

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        return [tuple(map(self.cause, causes)) for causes in self.whole.causes(dialogues, emotions)]

    def cause(self, cause: Cause) -> Cause:
        return cause


def changed(reading: Reading, **values: float) -> Reading:
    return reading.model_copy(update={"distribution": {**reading.distribution, **values}})


class WrongSum(Good):
    def reading(self, reading: Reading) -> Reading:
        return changed(reading, sad=reading.distribution["sad"] / 2)


class WrongLabels(Good):
    def reading(self, reading: Reading) -> Reading:
        return changed(reading, glad=0.0)


class LabelMissing(Good):
    def reading(self, reading: Reading) -> Reading:
        return reading.model_copy(update={"distribution": {"sad": 0.5, "happy": 0.5}})


class NotANumber(Good):
    def reading(self, reading: Reading) -> Reading:
        return changed(reading, sad=float("nan"))


class Negative(Good):
    def reading(self, reading: Reading) -> Reading:
        return reading.model_copy(update={"distribution": {"sad": -0.5, "happy": 1.0, "scared": 0.5}})


class Nameless(Good):
    def reading(self, reading: Reading) -> Reading:
        return reading.model_copy(update={"sem": ""})


class RaisesInRead(Good):
    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        raise RuntimeError("no such GPU")


class RaisesOnOddText(Good):
    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        found = super().read(dialogues, views=views)
        if any(not turn.text.strip() for dialogue in dialogues for turn in dialogue):
            raise IndexError("no tokens")
        return found


class OneTooMany(Good):
    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        found = super().read(dialogues, views=views)
        return [*found, *found[:1]]


class Dicts(Good):
    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> Any:
        return [reading.model_dump() for reading in super().read(dialogues, views=views)]


class MixesUpTheBatch(Good):
    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        return super().read(dialogues, views=views)[::-1] if views is None else super().read(dialogues, views=views)


class IgnoresViews(Good):
    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        found = super().read(dialogues)
        pairs = zip(found, views or ["dialogue"] * len(found), strict=True)
        return [reading.model_copy(update={"view": view}) for reading, view in pairs]


class HidesViews(Good):
    def reading(self, reading: Reading) -> Reading:
        return reading.model_copy(update={"view": "dialogue"})


class ReadsNothing(Good):
    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        if any(not dialogue for dialogue in dialogues):
            return [Reading(distribution=dict.fromkeys(TINY.labels, 1 / 3)) for _ in dialogues]
        return super().read(dialogues, views=views)


class RaisesInCauses(Good):
    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        raise RuntimeError("no gradients")


class OffByOne(Good):
    def cause(self, cause: Cause) -> Cause:
        return cause.model_copy(update={"start": cause.start + 1, "end": cause.end + 1})


class TurnAfterTheLast(Good):
    def cause(self, cause: Cause) -> Cause:
        return cause.model_copy(update={"turn": 99})


class TooHeavy(Good):
    def cause(self, cause: Cause) -> Cause:
        return cause.model_copy(update={"weight": 2.0})


class Lists(Good):
    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> Any:
        return [list(causes) for causes in super().causes(dialogues, emotions)]


class AnyEmotion(Good):
    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        return super().causes(dialogues, ["sad"] * len(emotions))


class WrongError(Good):
    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        try:
            return super().causes(dialogues, emotions)
        except SetupError as error:
            raise KeyError(emotions[0]) from error


class Embeds(Good):
    dimensions = 2

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[0.6, 0.8] for _ in texts]


class LongVectors(Embeds):
    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[3.0, 4.0] for _ in texts]


class NarrowVectors(Embeds):
    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0] for _ in texts]


class RaisesInEmbed(Embeds):
    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise RuntimeError("no vectors")


@pytest.mark.parametrize("sound", [Good(), Embeds()])
def test_a_sound_sem_passes(sound: Sem) -> None:
    check_sem(sound)

    assert isinstance(sound, EmbeddingSem) == isinstance(sound, Embeds)


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (WrongSum, "sums to 0"),
        (WrongLabels, "other labels"),
        (LabelMissing, "other labels"),
        (NotANumber, "not a probability"),
        (Negative, "not a probability"),
        (Nameless, "`sem` is ''"),
        (RaisesInRead, "`read` raises RuntimeError: no such GPU"),
        (RaisesOnOddText, "`read` raises IndexError: no tokens"),
        (OneTooMany, "5 readings for 4 dialogues"),
        (Dicts, "list of Reading"),
        (MixesUpTheBatch, "of a batch reads otherwise than alone"),
        (IgnoresViews, "the view '.*' reads otherwise than its turns alone"),
        (HidesViews, "view 'speaker' names the view 'dialogue'"),
        (ReadsNothing, r"`read` of \[\[\]\] raises nothing"),
        (RaisesInCauses, "`causes` raises RuntimeError: no gradients"),
        (OffByOne, "is not at turn"),
        (TurnAfterTheLast, "is not at turn 99"),
        (TooHeavy, "weights of causes"),
        (Lists, "tuples of Cause"),
        (AnyEmotion, "'no such emotion'.* raises nothing; expected SetupError"),
        (WrongError, "raises KeyError .*; expected SetupError"),
        (LongVectors, "a vector of length 5.0"),
        (NarrowVectors, "one vector of 2 numbers"),
        (RaisesInEmbed, "`embed` raises RuntimeError: no vectors"),
    ],
)
def test_a_broken_sem_is_named_with_what_is_wrong(broken: type[Good], complaint: str) -> None:
    with pytest.raises(ModelError, match=f"(?s)SEM 'acme'.*{complaint}"):
        check_sem(broken())


class Undescribed(Good):
    @property
    def description(self) -> Any:
        raise RuntimeError("not downloaded")


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (object(), "SEM 'object': it lacks one of"),
        (Good, "SEM 'Good': it lacks one of .*or is a class"),
        (Undescribed(), "SEM 'Undescribed': `description` raises RuntimeError: not downloaded"),
    ],
)
def test_what_cannot_say_its_name_is_named_by_its_class(broken: Any, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        check_sem(broken)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"name": " "}, "`description.name` is blank"),
        ({"name": "a", "licence": ""}, "`description.licence` is blank"),
        ({"name": "a", "languages": ()}, "`description.languages` is empty"),
        ({"name": "a", "size_mb": -1.0}, "size_mb as -1.0"),
        ({"name": "a", "metrics": {"top1": float("nan")}}, "top1 as nan"),
        ({"name": "a", "taxonomy": "sad, glad"}, "not a SemDescription with a Taxonomy"),
    ],
)
def test_a_description_that_lacks_something_is_told_what(fields: dict[str, Any], complaint: str) -> None:
    class Described(Good):
        description = SemDescription(**{"taxonomy": TINY, **fields})  # type: ignore[assignment]

    with pytest.raises(ModelError, match=complaint):
        check_sem(Described())


def test_the_contract_fails_under_pytest_for_a_broken_sem() -> None:
    with pytest.raises(ModelError, match="SEM 'acme'"):
        SemContract().test_reading_is_a_distribution_over_the_labels(WrongSum())


def test_checking_a_sem_needs_no_pytest() -> None:
    code = "import sys; import hef.sem; hef.sem.check_sem; print('pytest' in sys.modules)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.split() == ["False"]
