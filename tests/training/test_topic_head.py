from __future__ import annotations

import numpy as np
from hef.sem.runtime.topic_cut import Passages, passage_features
from hef.training.sem.topic_head import CutExample, fit_topic_cut, fit_topic_head, map_passages

WIDTH = 16


def example(rng: np.random.Generator, *, changes: bool) -> CutExample:
    """Return a dialogue of two exchanges: the first eight numbers are its topic, the others are noise."""
    topics = rng.normal(size=(2, 8)) * 2
    after = topics[1 if changes else 0]

    def passage(topic: np.ndarray) -> np.ndarray:
        return np.concatenate([topic, rng.normal(size=WIDTH - 8)]).astype(np.float32)

    parts = passage(topics[0]), passage(topics[0]), passage(after), passage(after)
    return CutExample([Passages(2, *parts, np.ones(2, dtype=np.float32))], 2 if changes else 0, (changes,))


def test_a_fitted_head_tells_changes_in_dialogues_that_it_has_not_seen() -> None:
    rng = np.random.default_rng(0)
    mapped, fitted, new = ([example(rng, changes=bool(i % 2)) for i in range(count)] for count in (600, 300, 200))
    weights, bias = fit_topic_head(mapped, dimensions=8)
    cut = fit_topic_cut(fitted, weights, bias, threshold=0.5, slope=4.0)
    scores = [
        float(passage_features(map_passages(one.passages[0], weights, bias), 1) @ np.array(cut.weights) + cut.bias)
        for one in new
    ]
    right = [(score > 0) == bool(one.first_turn) for score, one in zip(scores, new, strict=True)]
    assert np.mean(right) > 0.85
