from __future__ import annotations

from collections.abc import Sequence
from math import fsum, sqrt
from pathlib import Path
from typing import Any

import pytest
from hef.contract import Cause, Dialogue, ModelError, Reading, SetupError, Turn, View
from hef.graph.default_store import open_store
from hef.sem import EmbeddingSem, EnsembleSem, LexiconSem, Sem, SemDescription, Taxonomy, shipped_sem
from hef.sem.testing import SemContract

TINY = Taxonomy("tiny", ("sad", "happy"))
DOG = [Turn("speaker", "My dog died.")]


class Fixed:
    """A SEM that always says the same."""

    def __init__(self, name: str, sad: float, causes: Sequence[Cause] = (), *, dropped: int = 0) -> None:
        self.description = SemDescription(name, TINY, languages=("en", "de"), licence=f"{name}'s", size_mb=2.0)
        self.sad, self.found, self.dropped = sad, tuple(causes), dropped

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        shares = {"sad": self.sad, "happy": 1 - self.sad}
        return [Reading(distribution=shares, view=view, truncated_turns=self.dropped) for view in views or ()]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        return [self.found for _ in dialogues]


class Vectors(Fixed):
    dimensions = 2

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[self.sad, sqrt(1 - self.sad**2)] for _ in texts]


def cause(text: str, weight: float) -> Cause:
    start = DOG[0].text.index(text)
    return Cause(text=text, turn=0, start=start, end=start + len(text), weight=weight)


@pytest.fixture(scope="module")
def sem() -> Sem:
    return EnsembleSem([shipped_sem(), LexiconSem()], [0.8, 0.2])


class TestEnsembleSem(SemContract):
    pass


def test_distributions_are_pooled_as_a_geometric_mean() -> None:
    (reading,) = EnsembleSem([Fixed("a", 0.9), Fixed("b", 0.4)]).read([DOG])

    sad, happy = sqrt(0.9 * 0.4), sqrt(0.1 * 0.6)
    assert reading.distribution["sad"] == pytest.approx(sad / (sad + happy))
    assert reading.sem == "ensemble(a, b)"


def test_weights_are_powers() -> None:
    (reading,) = EnsembleSem([Fixed("a", 0.9), Fixed("b", 0.4)], [2.0, 0.5]).read([DOG])

    sad, happy = 0.9**2 * 0.4**0.5, 0.1**2 * 0.6**0.5
    assert reading.distribution["sad"] == pytest.approx(sad / (sad + happy))


def test_a_part_that_was_not_read_by_any_counts_as_dropped() -> None:
    (reading,) = EnsembleSem([Fixed("a", 0.9, dropped=3), Fixed("b", 0.4, dropped=1)]).read([DOG])

    assert reading.truncated_turns == 3


def test_causes_of_the_same_span_are_summed() -> None:
    one = Fixed("a", 0.9, [cause("dog", 0.7), cause("died", 0.3)])
    other = Fixed("b", 0.9, [cause("died", 1.0)])

    (causes,) = EnsembleSem([one, other], [1.0, 3.0]).causes([DOG], ["sad"])

    assert [(found.text, round(found.weight, 6)) for found in causes] == [("died", 0.825), ("dog", 0.175)]
    assert fsum(found.weight for found in causes) == pytest.approx(1)


def test_no_more_causes_than_asked_for() -> None:
    one = Fixed("a", 0.9, [cause("dog", 0.7), cause("died", 0.3)])

    assert [found.text for found in EnsembleSem([one], cause_limit=1).causes([DOG], ["sad"])[0]] == ["dog"]


def test_it_embeds_only_where_a_member_does_and_by_the_first_that_does(tmp_path: Path) -> None:
    mute = EnsembleSem([Fixed("a", 0.9), Fixed("b", 0.4)])
    able = EnsembleSem([Fixed("a", 0.9), Vectors("b", 0.6), Vectors("c", 0.8)])

    assert not isinstance(mute, EmbeddingSem)
    assert isinstance(able, EmbeddingSem)
    assert isinstance(able, EnsembleSem)
    assert (able.dimensions, able.embed(["x"])) == (2, [[0.6, 0.8]])
    with pytest.raises(SetupError, match=r"ensemble\(a, b\).* gives no sentence vectors"):
        open_store(tmp_path, mute)


def test_it_is_described_by_its_members() -> None:
    about = EnsembleSem([Fixed("a", 0.9), LexiconSem({"sad": ["sad"]}, TINY)], name="mine").description

    assert (about.name, about.taxonomy, about.languages) == ("mine", TINY, ("en",))
    assert about.licence == "a's; Apache-2.0"
    assert (about.size_mb, about.metrics) == (2.0, {})


@pytest.mark.parametrize(
    ("sems", "weights", "complaint"),
    [
        ([], None, "at least one SEM"),
        ([Fixed("a", 0.5), shipped_sem()], None, "has the labels of 'empathetic_dialogues', SEM 'a' those of 'tiny'"),
        (["minilm"], None, "holds 'minilm', which is not a SEM"),
        ([Fixed], None, "which is not a SEM"),
        ([Fixed("a", 0.5)], [0.5, 0.5], "for 1 SEMs"),
        ([Fixed("a", 0.5)], [0.0], "above 0"),
        ([Fixed("a", 0.5)], [float("nan")], "above 0"),
    ],
)
def test_what_cannot_be_joined_is_refused(sems: Any, weights: Any, complaint: str) -> None:
    with pytest.raises(SetupError, match=complaint):
        EnsembleSem(sems, weights)


class Raising(Fixed):
    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        raise RuntimeError("no such GPU")

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        return []


@pytest.mark.parametrize(
    ("member", "complaint"),
    [
        (Raising("b", 0.5), r"'b' of 'ensemble\(a, b\)' failed: RuntimeError"),
        (Fixed("b", float("nan")), "'b' returned something that is not a probability"),
    ],
)
def test_a_broken_member_is_named(member: Sem, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        EnsembleSem([Fixed("a", 0.5), member]).read([DOG])


def test_a_member_that_loses_causes_is_named() -> None:
    with pytest.raises(ModelError, match="'b' returned causes for 0 of 1 dialogues"):
        EnsembleSem([Fixed("a", 0.5), Raising("b", 0.5)]).causes([DOG], ["sad"])
