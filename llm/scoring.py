"""Score given answers by their likelihood, without generating or parsing any text."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from math import exp, fsum, log
from pathlib import Path

from langchain_core.messages import MessageLikeRepresentation, convert_to_messages

from ..contract import SetupError
from ..contract.numerics import log_softmax
from .engine.engine import Engine, State

_BRANCHES_PER_PASS = 8
"""How many choices are computed in one pass."""
_MAX_NEUTRAL = 256
"""How many content-free prompts have their scores kept in memory."""


class Scorer:
    """Scores choices with an engine, and caches the scores of content-free prompts.

    Args:
        engine: Loaded at the first score.
        neutral_cache_dir: Folder where content-free scores are stored for the next process; None stores none.
    """

    def __init__(self, engine: Engine, neutral_cache_dir: Path | None = None) -> None:
        self._engine = engine
        self._neutral_cache_dir = neutral_cache_dir
        self._neutral: dict[tuple[str, tuple[str, ...]], list[float]] = {}

    def score(
        self,
        messages: Sequence[MessageLikeRepresentation],
        choices: Sequence[str],
        prefix: str,
        content_free: Sequence[Sequence[MessageLikeRepresentation]],
    ) -> dict[str, float]:
        """Return the log-probability of each choice; see `ChoiceScorer`."""
        distinct = _distinct(choices)
        neutral = [self._neutral_scores(self._prompt_prefix(empty, prefix), distinct) for empty in content_free]
        scores = log_likelihoods(self._engine, self._prompt_prefix(messages, prefix), distinct)
        return calibrated(distinct, scores, neutral)

    def log_likelihood(self, messages: Sequence[MessageLikeRepresentation], reply: str) -> tuple[float, int]:
        """Return the log-likelihood of a reply and its number of tokens; see `ReplyScorer`."""
        choices = _distinct([reply.strip()])
        head = self._prompt_prefix(messages, "")
        _, (tokens,) = _tokenise(self._engine, head, choices)
        return log_likelihoods(self._engine, head, choices)[0], len(tokens)

    def _prompt_prefix(self, messages: Sequence[MessageLikeRepresentation], prefix: str) -> str:
        budget = self._engine.context_window * 7 // 8
        return self._engine.prompter.text(convert_to_messages(messages), prefix=prefix, budget=budget)

    def _neutral_scores(self, head: str, choices: tuple[str, ...]) -> list[float]:
        if (head, choices) not in self._neutral:
            if len(self._neutral) >= _MAX_NEUTRAL:
                self._neutral.clear()
            self._neutral[head, choices] = self._stored_neutral_scores(head, choices)
        return self._neutral[head, choices]

    def _stored_neutral_scores(self, head: str, choices: tuple[str, ...]) -> list[float]:
        """Read content-free scores from the cache folder; compute and store them where there are none."""
        if self._neutral_cache_dir is None:
            return log_likelihoods(self._engine, head, choices)
        key = json.dumps([self._engine.weight_format, head, *choices])
        path = self._neutral_cache_dir / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
        with suppress(OSError, ValueError):
            stored = json.loads(path.read_text(encoding="utf-8"))
            if len(stored) == len(choices):
                return [float(score) for score in stored]
        scores = log_likelihoods(self._engine, head, choices)
        with suppress(OSError):
            self._neutral_cache_dir.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(scores), encoding="utf-8")
            partial.replace(path)
        return scores


def log_likelihoods(engine: Engine, head: str, choices: Sequence[str]) -> list[float]:
    """Return ln p(choice | head) of each choice, summed over its tokens.

    The head is read once; only what follows the first token of a choice is computed per choice.
    """
    prompt, choice_tokens = _tokenise(engine, head, choices)
    state = engine.start(prompt)
    engine.cache_prefix(state)
    first = log_softmax(state.logits)
    totals = [float(first[tokens[0]]) for tokens in choice_tokens]
    longer = [index for index, tokens in enumerate(choice_tokens) if len(tokens) > 1]
    for start in range(0, len(longer), _BRANCHES_PER_PASS):
        indices = longer[start : start + _BRANCHES_PER_PASS]
        rest = _log_likelihoods_after_first(engine, state, [choice_tokens[index] for index in indices])
        for index, value in zip(indices, rest, strict=True):
            totals[index] += value
    return totals


def _distinct(choices: Sequence[str]) -> tuple[str, ...]:
    """Return the choices without repetitions, in their order."""
    distinct = tuple(dict.fromkeys(choices))
    if not distinct or not all(choice.strip() for choice in distinct):
        raise SetupError(f"choices are {list(choices)!r}; give at least one, none of them empty")
    return distinct


def calibrated(choices: Sequence[str], scores: Sequence[float], neutral: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return log-probabilities over the choices, after the mean of the content-free scores was subtracted.

    Args:
        choices: The scored choices.
        scores: Log-likelihood of each; a common addend does not matter.
        neutral: The same of each content-free question; with none, nothing is subtracted.
    """
    bias = [fsum(column) / len(neutral) for column in zip(*neutral, strict=True)] or [0.0] * len(choices)
    unbiased = [score - offset for score, offset in zip(scores, bias, strict=True)]
    largest = max(unbiased)
    log_total = largest + log(fsum(exp(value - largest) for value in unbiased))
    return {choice: value - log_total for choice, value in zip(choices, unbiased, strict=True)}


def _tokenise(engine: Engine, head: str, choices: Sequence[str]) -> tuple[list[int], list[list[int]]]:
    """Return the tokens that all texts begin with, and the rest of each; a space separates head and choice."""
    head = head.rstrip(" ")
    separator = "" if head[-1:].isspace() else " "
    texts = [engine.encode(f"{head}{separator}{choice}") for choice in choices]
    shared = 0
    for column in zip(engine.encode(head), *(text[:-1] for text in texts), strict=False):
        if len(set(column)) > 1:
            break
        shared += 1
    return texts[0][:shared], [text[shared:] for text in texts]


def _log_likelihoods_after_first(engine: Engine, state: State, choices: Sequence[Sequence[int]]) -> list[float]:
    """Return for each choice the log-likelihood of the tokens after its first."""
    branches = engine.forward_branches(state, [tokens[:-1] for tokens in choices])
    return [
        fsum(float(log_softmax(logits)[token]) for logits, token in zip(branch, tokens[1:], strict=True))
        for branch, tokens in zip(branches, choices, strict=True)
    ]
