"""Choosing among given answers by how likely the model finds each, without parsing any text."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from math import exp, fsum, log
from pathlib import Path
from typing import Protocol, runtime_checkable

from langchain_core.messages import MessageLikeRepresentation, convert_to_messages

from ..contract import SetupError
from ..contract.numerics import log_softmax
from .engine.engine import Engine, State

_ROWS = 8
"""How many choices are computed in one batch."""
_REMEMBERED = 256
"""How many content-free prompts are remembered."""


@runtime_checkable
class ChoiceScorer(Protocol):
    """A model that can say how likely each of some given answers is."""

    def score_choices(
        self,
        messages: Sequence[MessageLikeRepresentation],
        choices: Sequence[str],
        *,
        prefix: str = "",
        content_free: Sequence[Sequence[MessageLikeRepresentation]] = (),
    ) -> dict[str, float]:
        """Return the log-probability of each choice; their probabilities sum to 1.

        Args:
            messages: The conversation that the choices answer.
            choices: The answers to compare.
            prefix: How the answer begins, as in "The speaker feels".
            content_free: The same question about nothing. What the model would answer then is its
                bias, and the mean of it is taken off each choice (contextual calibration,
                Zhao et al. 2021).

        Raises:
            SetupError: There are no choices, or one is empty.
            ModelError: The model failed.
        """
        ...

    async def ascore_choices(
        self,
        messages: Sequence[MessageLikeRepresentation],
        choices: Sequence[str],
        *,
        prefix: str = "",
        content_free: Sequence[Sequence[MessageLikeRepresentation]] = (),
    ) -> dict[str, float]:
        """Do the same without blocking the event loop."""
        ...


@runtime_checkable
class ReplyScorer(Protocol):
    """A model that can say how likely it finds a reply that somebody else gave."""

    def log_likelihood(self, messages: Sequence[MessageLikeRepresentation], reply: str) -> tuple[float, int]:
        """Return ln p(reply | messages), and of how many tokens it is the sum; what ends a reply is not counted.

        Raises:
            SetupError: The reply is empty.
            ModelError: The model failed, or the reply does not fit its window.
        """
        ...


class Scorer:
    """Scores choices with an engine, and remembers what it found about nothing.

    Args:
        engine: Is loaded at the first score.
        notes: Folder where scores about nothing are kept for the next process; None keeps none.
    """

    def __init__(self, engine: Engine, notes: Path | None = None) -> None:
        self._engine = engine
        self._notes = notes
        self._neutral: dict[tuple[str, tuple[str, ...]], list[float]] = {}

    def score(
        self,
        messages: Sequence[MessageLikeRepresentation],
        choices: Sequence[str],
        prefix: str,
        content_free: Sequence[Sequence[MessageLikeRepresentation]],
    ) -> dict[str, float]:
        """Return the log-probability of each choice; see `ChoiceScorer`."""
        each = _distinct(choices)
        neutral = [self._neutral_scores(self._prompt_prefix(empty, prefix), each) for empty in content_free]
        return calibrated(each, log_likelihoods(self._engine, self._prompt_prefix(messages, prefix), each), neutral)

    def log_likelihood(self, messages: Sequence[MessageLikeRepresentation], reply: str) -> tuple[float, int]:
        """Return the log-likelihood of a reply and its tokens; see `ReplyScorer`."""
        (said,) = _distinct([reply.strip()])
        head = self._prompt_prefix(messages, "")
        _, (ending,) = _split(self._engine, head, [said])
        return log_likelihoods(self._engine, head, [said])[0], len(ending)

    def _prompt_prefix(self, messages: Sequence[MessageLikeRepresentation], prefix: str) -> str:
        budget = self._engine.context_window * 7 // 8
        return self._engine.prompter.text(convert_to_messages(messages), prefix=prefix, budget=budget)

    def _neutral_scores(self, head: str, choices: tuple[str, ...]) -> list[float]:
        if (head, choices) not in self._neutral:
            if len(self._neutral) >= _REMEMBERED:
                self._neutral.clear()
            self._neutral[head, choices] = self._noted(head, choices)
        return self._neutral[head, choices]

    def _noted(self, head: str, choices: tuple[str, ...]) -> list[float]:
        """Read a score about nothing from the notes, or compute it and note it."""
        if self._notes is None:
            return log_likelihoods(self._engine, head, choices)
        key = json.dumps([self._engine.weight_format, head, *choices])
        path = self._notes / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
        with suppress(OSError, ValueError):
            found = json.loads(path.read_text(encoding="utf-8"))
            if len(found) == len(choices):
                return [float(score) for score in found]
        scores = log_likelihoods(self._engine, head, choices)
        with suppress(OSError):
            self._notes.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(scores), encoding="utf-8")
            partial.replace(path)
        return scores


def log_likelihoods(engine: Engine, head: str, choices: Sequence[str]) -> list[float]:
    """Return ln p(choice | head) of each choice, summed over its tokens.

    The head is read once; only what follows the first token of a choice is computed per choice.
    """
    prompt, endings = _split(engine, head, choices)
    state = engine.start(prompt)
    engine.cache_prefix(state)
    first = log_softmax(state.logits)
    totals = [float(first[ending[0]]) for ending in endings]
    longer = [at for at, ending in enumerate(endings) if len(ending) > 1]
    for start in range(0, len(longer), _ROWS):
        rows = longer[start : start + _ROWS]
        for at, rest in zip(rows, _rest(engine, state, [endings[at] for at in rows]), strict=True):
            totals[at] += rest
    return totals


def _distinct(choices: Sequence[str]) -> tuple[str, ...]:
    """Return the choices once each, in their order."""
    found = tuple(dict.fromkeys(choices))
    if not found or not all(choice.strip() for choice in found):
        raise SetupError(f"choices are {list(choices)!r}; give at least one, none of them empty")
    return found


def calibrated(choices: Sequence[str], scores: Sequence[float], neutral: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return scores without the mean of those about nothing, normalised over the choices.

    Args:
        choices: What was scored.
        scores: Log-likelihood of each; a common addend does not matter.
        neutral: The same of each question about nothing; none takes nothing off.
    """
    bias = [fsum(column) / len(neutral) for column in zip(*neutral, strict=True)] or [0.0] * len(choices)
    lifted = [score - held for score, held in zip(scores, bias, strict=True)]
    top = max(lifted)
    total = top + log(fsum(exp(value - top) for value in lifted))
    return {choice: value - total for choice, value in zip(choices, lifted, strict=True)}


def _split(engine: Engine, head: str, choices: Sequence[str]) -> tuple[list[int], list[list[int]]]:
    """Return the tokens that all begin with, and each choice's own; a space parts head and choice."""
    head = head.rstrip(" ")
    gap = "" if head[-1:].isspace() else " "
    wholes = [engine.encode(f"{head}{gap}{choice}") for choice in choices]
    same = 0
    for column in zip(engine.encode(head), *(whole[:-1] for whole in wholes), strict=False):
        if len(set(column)) > 1:
            break
        same += 1
    return wholes[0][:same], [whole[same:] for whole in wholes]


def _rest(engine: Engine, state: State, endings: Sequence[Sequence[int]]) -> list[float]:
    """Return what the tokens after the first add to each ending."""
    branches = engine.forward_branches(state, [ending[:-1] for ending in endings])
    return [
        fsum(float(log_softmax(logits)[token]) for logits, token in zip(branch, ending[1:], strict=True))
        for branch, ending in zip(branches, endings, strict=True)
    ]
