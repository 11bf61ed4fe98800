"""Choosing the next token, against transformers' logits processors."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hef.contract.settings.model_settings import read_model_settings
from hef.llm.engine.sampling import Sampling, make_sampler, process_logits, sampling

LOGITS = np.random.default_rng(0).normal(0, 3, 200).astype(np.float32)
SEEN = [3, 3, 17, 60, int(LOGITS.argmax()), int(LOGITS.argmin())]


def theirs(settings: Sampling) -> Any:
    import torch
    from transformers import (
        LogitsProcessorList,
        RepetitionPenaltyLogitsProcessor,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    chosen = LogitsProcessorList()
    if settings.repetition_penalty:
        chosen.append(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty))
    if settings.temperature:
        chosen.append(TemperatureLogitsWarper(settings.temperature))
        if settings.top_k:
            chosen.append(TopKLogitsWarper(settings.top_k))
        if settings.top_p:
            chosen.append(TopPLogitsWarper(settings.top_p))
    return chosen(torch.tensor([SEEN]), torch.tensor(LOGITS)[None])[0].numpy()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"repetition_penalty": 1.3},
        {"repetition_penalty": 0.7, "temperature": 0.6},
        {"temperature": 0.7, "top_k": 5},
        {"temperature": 2.0, "top_k": 1000},
        {"temperature": 1.5, "top_p": 0.8},
        {"temperature": 1.0, "top_p": 1e-6},
        {"temperature": 0.5, "top_p": 1.0, "top_k": 0},
        {"temperature": 1.2, "top_k": 40, "top_p": 0.9, "repetition_penalty": 1.1},
    ],
)
def test_settings_change_the_logits_as_transformers_does(given: dict[str, Any]) -> None:
    settings = Sampling(**given)
    assert process_logits(settings, SEEN, LOGITS) == pytest.approx(theirs(settings), rel=1e-5)


def test_penalties_count_the_tokens_of_the_reply_as_openai_does() -> None:
    settings = Sampling(presence_penalty=0.5, frequency_penalty=0.25)

    scores = process_logits(settings, [9, 3, 3, 17], LOGITS, prompt_length=1)

    expected = LOGITS.astype(np.float64)
    expected[3] -= 0.5 + 2 * 0.25
    expected[17] -= 0.5 + 0.25
    assert scores == pytest.approx(expected)
    picked = make_sampler(Sampling(presence_penalty=2.0), prompt_length=1)([0, 1, 1], np.array([1.0, 2.0, 1.5]))
    assert picked == 2


@pytest.mark.parametrize(
    "given",
    [
        {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "max_tokens": 300},  # SillyTavern
        {"temperature": 2, "top_p": 0, "presence_penalty": 2, "frequency_penalty": -2, "seed": 0, "stop": ["\n"]},
        {"temperature": 0, "top_p": 0.5, "top_k": 0, "presence_penalty": -2.0, "frequency_penalty": 2.0},
    ],
)
def test_a_local_model_takes_each_setting_that_a_client_may_give(given: dict[str, Any]) -> None:
    settings = sampling({"max_tokens": 60}, read_model_settings(given))

    token = make_sampler(settings, prompt_length=2)(SEEN, LOGITS)

    assert 0 <= token < len(LOGITS)
    assert settings.max_tokens == given.get("max_tokens", 60)


def test_logits_that_are_given_stay_as_they_are() -> None:
    before = LOGITS.copy()
    make_sampler(Sampling(temperature=1, top_k=3, top_p=0.5, repetition_penalty=2))(SEEN, LOGITS)
    assert np.array_equal(before, LOGITS)


def test_draws_follow_the_probabilities() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.2, 1e-30], np.float32))
    pick = make_sampler(Sampling(temperature=1, seed=1))
    drawn = Counter(pick([], logits) for _ in range(4000))
    assert [drawn[token] / 4000 for token in range(4)] == pytest.approx([0.5, 0.3, 0.2, 0], abs=0.03)
