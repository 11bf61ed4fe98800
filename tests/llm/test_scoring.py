"""Scoring of choices, against the same sums done the slow way."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from hef.contract import SetupError
from hef.llm import ChoiceScorer, LocalChat, ReplyScorer
from hef.llm.engine.backend import Backend
from hef.llm.scoring import log_likelihoods
from langchain_core.messages import HumanMessage

ASKED = [("human", "Somebody says: “My dog died last night.” How do they feel?")]
CHOICES = ["sad", "joyful", "furious", "nostalgic", "apprehensive", "deeply sad and alone", "sad and alone"]
PREFIX = "The speaker feels"


@pytest.fixture(scope="module", params=["auto", "float32"])
def chat(request: pytest.FixtureRequest) -> LocalChat:
    """The embedded model on either engine."""
    return LocalChat(precision=request.param, threads=1)


def naive(chat: LocalChat, head: str, choice: str) -> float:
    """A fresh start before each token."""
    known, ids = chat._engine.encode(head), chat._engine.encode(f"{head} {choice}")
    assert ids[: len(known)] == known
    return naive_ids(chat, ids, len(known))


def naive_ids(chat: LocalChat, ids: list[int], known: int) -> float:
    return math.fsum(log_probabilities(chat._engine.backend, tuple(ids[:at]))[ids[at]] for at in range(known, len(ids)))


@cache
def log_probabilities(network: Backend, ids: tuple[int, ...]) -> Any:
    """Return those of the token that follows; texts begin alike, and each beginning is read once."""
    row = network.forward(list(ids), network.new_cache()).astype(float)
    return row - math.log(math.fsum(np.exp(row)))


def test_local_chat_is_a_choice_scorer(chat: LocalChat) -> None:
    assert isinstance(chat, ChoiceScorer)


def test_likelihoods_equal_a_full_forward_over_each_text(chat: LocalChat) -> None:
    head = f"<|im_start|>user\nMy dog died.<|im_end|>\n{PREFIX}"
    expected = [naive(chat, head, choice) for choice in CHOICES]
    assert log_likelihoods(chat._engine, head, CHOICES) == pytest.approx(expected, abs=1e-3)
    assert log_likelihoods(chat._engine, head + " ", CHOICES) == pytest.approx(expected, abs=1e-3)


def test_many_long_choices_are_computed_in_several_batches(chat: LocalChat) -> None:
    choices = [f"number {n} of these" for n in range(10)]
    expected = [naive(chat, "I like", choice) for choice in choices]
    assert log_likelihoods(chat._engine, "I like", choices) == pytest.approx(expected, abs=1e-3)


def test_scores_are_log_probabilities_over_the_choices(chat: LocalChat) -> None:
    scores = chat.score_choices(ASKED, CHOICES, prefix=PREFIX)
    assert list(scores) == CHOICES
    assert math.fsum(map(math.exp, scores.values())) == pytest.approx(1)
    assert scores["sad"] > scores["joyful"]


def test_content_free_prompts_take_the_bias_off(chat: LocalChat) -> None:
    nothing = [[("human", f"Somebody says: “{text}” How do they feel?")] for text in ("", "N/A")]
    plain = chat.score_choices(ASKED, CHOICES, prefix=PREFIX)
    biases = [chat.score_choices(empty, CHOICES, prefix=PREFIX) for empty in nothing]
    lifted = {choice: plain[choice] - math.fsum(bias[choice] for bias in biases) / 2 for choice in CHOICES}
    total = math.log(math.fsum(map(math.exp, lifted.values())))
    expected = {choice: value - total for choice, value in lifted.items()}
    assert chat.score_choices(ASKED, CHOICES, prefix=PREFIX, content_free=nothing) == pytest.approx(expected, abs=1e-3)


def test_a_prompt_calibrated_by_itself_leaves_all_choices_equal(chat: LocalChat) -> None:
    scores = chat.score_choices(ASKED, CHOICES, prefix=PREFIX, content_free=[ASKED])
    assert list(scores.values()) == pytest.approx([-math.log(len(CHOICES))] * len(CHOICES), abs=1e-3)


def test_content_free_scores_are_computed_once(chat: LocalChat, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = [[("human", "Somebody says nothing. How do they feel?")]]
    first = chat.score_choices(ASKED, CHOICES, prefix=PREFIX, content_free=nothing)
    engine, texts = chat._engine, []
    start = engine.start
    monkeypatch.setattr(engine, "start", lambda ids: (texts.append(engine.decode(ids)), start(ids))[1])
    assert chat.score_choices(ASKED, CHOICES, prefix=PREFIX, content_free=nothing) == pytest.approx(first, abs=1e-3)
    assert len(texts) == 1


def test_scoring_leaves_a_following_reply_as_it_was(chat: LocalChat) -> None:
    before = chat.invoke(ASKED, max_tokens=6).content
    chat.score_choices(ASKED, CHOICES, prefix=PREFIX)
    assert chat.invoke(ASKED, max_tokens=6).content == before


async def test_async_scores_equal_the_sync_ones(chat: LocalChat) -> None:
    scores = await chat.ascore_choices(ASKED, CHOICES, prefix=PREFIX)
    assert scores == pytest.approx(chat.score_choices(ASKED, CHOICES, prefix=PREFIX), abs=1e-3)


def test_the_likelihood_of_a_reply_equals_a_full_forward_over_it(chat: LocalChat) -> None:
    reply = "I am so sorry."
    found, tokens = chat.log_likelihood(ASKED, f" {reply} ")
    head = chat._engine.prompter.text([HumanMessage(ASKED[0][1])])
    known, whole = chat._engine.encode(head), chat._engine.encode(head + reply)
    assert isinstance(chat, ReplyScorer)
    assert tokens == len(whole) - len(known)
    assert found == pytest.approx(naive_ids(chat, whole, len(known)), abs=1e-3)


def test_an_empty_reply_has_no_likelihood(chat: LocalChat) -> None:
    with pytest.raises(SetupError, match="none of them empty"):
        chat.log_likelihood(ASKED, " ")


@pytest.mark.parametrize("choices", [[], ["sad", " "]])
def test_missing_choices_are_refused(chat: LocalChat, choices: list[str]) -> None:
    with pytest.raises(SetupError, match="choices"):
        chat.score_choices(ASKED, choices)
