"""What an emotion report says beyond accuracy: confusions, prediction sets, reliability, the second look."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hef.contract import Reading, SetupError, Turn
from hef.data.conversations import Sample
from hef.evaluation.emotion.emotion_metrics import Confusion, Prediction, compare_labels, report_emotion
from hef.evaluation.emotion.emotion_report import draw_plots
from hef.evaluation.emotion.requery_gain import evaluate_second_look
from hef.evaluation.emotion.turn_record import record_sem
from hef.evaluation.metrics import expected_calibration_error
from hef.evaluation.report import to_json
from hef.sem import SemDescription, Taxonomy
from hef.sem.distribution import primary_emotions
from hef.sem.runtime.calibration import PredictionSets
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

LABELS = ("afraid", "joyful", "proud", "sad")
SETS = PredictionSets(coverages=(0.5, 0.9), one_turn=(0.6, 0.2), more_turns=(0.5, 0.05))


def sample(emotion: str, number: int, turns: int = 1) -> Sample:
    said = [Turn("listener" if place % 2 else "speaker", f"{emotion} {number} {place}") for place in range(turns)]
    return Sample(tuple(said), emotion, f"own:{number}")


def drawn(count: int = 300, seed: int = 0) -> tuple[list[Prediction], list[Sample]]:
    chance = np.random.default_rng(seed)
    found, samples = [], []
    for number in range(count):
        row = chance.dirichlet(np.ones(len(LABELS)))
        shares = dict(zip(LABELS, row.tolist(), strict=True))
        found.append(Prediction(LABELS[int(row.argmax())], shares))
        samples.append(sample(str(chance.choice(LABELS, p=row)), number // 2, turns=1 + 2 * (number % 2)))
    return found, samples


def reported(**named: Any) -> Any:
    return report_emotion(*drawn(), LABELS, strategy="sem_only", seconds=1.0, sem="own", **named)


def indices(names: list[str]) -> Any:
    return np.array([LABELS.index(name) for name in names])


def test_figures_of_each_emotion_are_those_of_scikit_learn():
    found, samples = drawn()
    true, read = [held.emotion for held in samples], [row.emotion for row in found]
    report = reported()
    expected = precision_recall_fscore_support(true, read, labels=LABELS, zero_division=0)

    for place, label in enumerate(LABELS):
        ours = report.by_emotion[label]
        assert (ours.precision, ours.recall, ours.f1) == pytest.approx(tuple(part[place] for part in expected[:3]))
        assert ours.samples == expected[3][place]
    assert np.array(report.confusion.counts).tolist() == confusion_matrix(true, read, labels=LABELS).tolist()


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(SetupError, match=r"pip install 'hef\[evaluate\]'"):
        reported()


def test_an_emotion_that_is_never_true_or_never_read_has_zeros():
    held, _ = compare_labels(indices(["sad", "sad"]), indices(["sad", "afraid"]), LABELS)
    assert (held["afraid"].precision, held["afraid"].recall, held["afraid"].f1) == (0, 0, 0)
    assert (held["proud"].samples, held["proud"].recall) == (0, 0)
    assert held["sad"].precision == 0.5


def test_shares_are_those_of_the_true_emotion():
    _, confusion = compare_labels(indices(["sad", "sad", "joyful"]), indices(["sad", "afraid", "sad"]), LABELS)
    shares = confusion.row_normalised
    assert shares[LABELS.index("sad")].tolist() == [0, 0.5, 0, 0.5]
    assert shares[LABELS.index("afraid")].tolist() == [0, 0, 0, 1]
    assert shares[LABELS.index("proud")].tolist() == [0, 0, 0, 0]


def test_the_likelihood_is_that_of_scikit_learn():
    found, samples = drawn()
    shares = [[row.distribution[label] for label in LABELS] for row in found]
    nll = reported().nll
    assert nll.value == pytest.approx(log_loss([held.emotion for held in samples], shares, labels=LABELS))
    assert nll.low < nll.value < nll.high


def test_the_bins_add_up_to_the_calibration_error():
    found, samples = drawn()
    report = reported()
    assert sum(held.samples for held in report.reliability) == len(samples)
    gaps = sum(held.samples * abs(held.confidence - held.accuracy) for held in report.reliability)
    assert gaps / len(samples) == pytest.approx(report.ece.value)
    confidence = np.array([max(row.distribution.values()) for row in found])
    correct = np.array([row.emotion == held.emotion for row, held in zip(found, samples, strict=True)], dtype=float)
    assert report.ece.value == pytest.approx(expected_calibration_error(confidence, correct))


def test_sets_are_measured_as_users_get_them_over_groups_of_contexts():
    found, samples = drawn()
    sets = reported(sets=SETS).sets
    assert {name: held.samples for name, held in sets.items()} == {"all": 300, "one_turn": 150, "more_turns": 150}
    pairs = zip(found, samples, strict=True)
    given = [primary_emotions(row.distribution, 0.9, SETS, len(held.turns)) for row, held in pairs]
    held = [sample.emotion in labels for labels, sample in zip(given, samples, strict=True)]
    assert sets["all"].coverage.value == pytest.approx(np.mean(held))
    assert sets["more_turns"].size.value == pytest.approx(np.mean([len(labels) for labels in given[1::2]]))
    assert sets["more_turns"].size.value > sets["one_turn"].size.value > 1


def test_a_sem_without_sets_has_no_figures_of_sets():
    assert reported().sets is None


def test_labels_that_are_taken_for_one_another_stand_together():
    counts = np.full((6, 6), 1)
    for a, b in ((0, 3), (1, 4), (2, 5)):
        counts[a, b] = counts[b, a] = 40
    held = Confusion(labels=tuple("abcdef"), counts=tuple(map(tuple, counts.tolist())))
    order = held.by_similarity()
    assert sorted(order) == list(range(6))
    assert all(abs(order.index(a) - order.index(b)) == 1 for a, b in ((0, 3), (1, 4), (2, 5)))


def test_plots_are_pictures(tmp_path: Path):
    for path in draw_plots(reported(), tmp_path / "new"):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 10_000


def test_a_row_of_numbers_takes_one_line_of_the_document():
    held = {"counts": [[1, 2], [3, 4]], "name": "[\n1, 2]", "empty": [], "mixed": [1, "a"]}
    text = to_json(held)
    assert "[1, 2]" in text
    assert json.loads(text) == held


class Looker:
    """A SEM that reads what each view was told to show, and otherwise nothing."""

    description = SemDescription("looker", Taxonomy("own", LABELS))

    def __init__(self, **views: dict[str, float]) -> None:
        self.views = views
        self.looked: list[tuple[str, int]] = []

    def read(self, dialogues: Any, *, views: Any = None) -> list[Reading]:
        views = views or ["dialogue"] * len(dialogues)
        self.looked += [(view, len(dialogue)) for dialogue, view in zip(dialogues, views, strict=True)]
        return [
            Reading(distribution=self._of(dialogue, view), view=view)
            for dialogue, view in zip(dialogues, views, strict=True)
        ]

    def _of(self, dialogue: Any, view: str) -> dict[str, float]:
        sure = dialogue[0].text.startswith("joyful")
        return dict.fromkeys(LABELS, 0.0) | {"joyful": 1.0} if sure else self.views[view]

    def causes(self, dialogues: Any, emotions: Any) -> Any:
        raise NotImplementedError


def test_the_second_look_is_at_the_least_certain_third_and_pooled_as_the_graph_does():
    samples = [sample("joyful", n) for n in range(4)] + [sample("sad", n, turns=3) for n in range(4, 6)]
    leaning = {"afraid": 0.4, "sad": 0.3, "joyful": 0.2, "proud": 0.1}
    right = {"proud": 0.4, "sad": 0.35, "afraid": 0.15, "joyful": 0.1}
    wrong = {"proud": 0.9, "sad": 0.05, "afraid": 0.04, "joyful": 0.01}
    sem = Looker(dialogue=leaning, speaker=right, last_turn=wrong)
    found = [record.prediction for record in record_sem(sem, samples, 5)]
    sem.looked.clear()

    speaker, last = evaluate_second_look(sem, samples, found)

    assert sem.looked == [("speaker", 3)] * 2 + [("last_turn", 3)] * 2
    assert (speaker.samples, speaker.conversations, speaker.differing) == (2, 2, 2)
    assert speaker.confidence == 0.4
    assert (speaker.first.value, speaker.both.value, speaker.gain.value) == (0.0, 1.0, 1.0)
    assert (last.both.value, last.gain.value) == (0.0, 0.0)


def test_a_second_look_that_harms_has_a_gain_below_zero():
    samples = [sample("joyful", n) for n in range(4)] + [sample("sad", n, turns=3) for n in range(4, 6)]
    sem = Looker(
        dialogue={"sad": 0.4, "afraid": 0.3, "joyful": 0.2, "proud": 0.1},
        speaker={"sad": 0.01, "afraid": 0.9, "joyful": 0.05, "proud": 0.04},
    )
    found = [record.prediction for record in record_sem(sem, samples, 5)]
    (look,) = evaluate_second_look(sem, samples, found, views=["speaker"])

    assert look.gain.value == look.gain.low == -1.0
