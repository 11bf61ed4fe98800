"""The figures of replies: how likely the human one, how varied, how near to it, and what they take up."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log
from typing import TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ...contract import Turn
from ...contract.text import words
from ...sem import Sem
from ..memory.retrieval import embedding_function
from ..metrics import DIFFERENCE, Array, Estimate, mean_estimate, ratio_estimate
from .bleu import bleu_estimate
from .replier import Reply
from .reply_samples import ReplySample
from .reply_text import distinct, sentences, speaks_as_ai, speaks_as_person, uptake

_ANY = (-inf, inf)
_UNBOUNDED = ("emotion_lift", "words", "sentences", "similarity")
_TINY = 1e-9
_PART = 64
Columns: TypeAlias = dict[str, Array]
"""Name of a figure -> its value for each sample, NaN where it has none, [samples]."""


class ReplyFigures(BaseModel):
    """The figures of one way to reply; intervals over conversations."""

    model_config = ConfigDict(frozen=True)

    variant: str = Field(description="Who replied")
    samples: int = Field(description="Listener turns; the input is all turns before each")
    conversations: int = Field(description="Conversations they come from")
    perplexity: Estimate | None = Field(
        description="exp of the mean negative ln p of the human reply's tokens, given the prompt of this reply"
    )
    word_perplexity: Estimate | None = Field(description="The same sum over the words of the human replies")
    distinct1: float = Field(description="Different words and marks over all of them, in all replies together")
    distinct2: float = Field(description="The same for pairs of neighbours within a reply")
    bleu: Estimate | None = Field(description="Corpus BLEU-4 against the human replies, 0 to 100")
    similarity: Estimate | None = Field(description="Mean cosine of the SEM's vectors of this and the human reply")
    emotion_match: Estimate = Field(
        description="How often the SEM, reading the dialogue continued with the reply, puts the speaker's true emotion "
        "first"
    )
    emotion_lift: Estimate = Field(
        description="Mean change of ln p(true emotion) by the reply: the SEM's reading with it minus without it"
    )
    uptake: Estimate | None = Field(
        description="Mean share of content words in HEF's shown cause words that the reply takes up, by stem; "
        "None where HEF showed none"
    )
    words: Estimate = Field(description="Mean length in words")
    sentences: Estimate = Field(description="Mean length in sentences")
    brief: Estimate = Field(description="How often a reply has one to three sentences")
    as_person: Estimate = Field(description="How often a reply speaks as the person, by `speaks_as_person`")
    as_ai: Estimate = Field(description="How often a reply speaks as a machine, by `speaks_as_ai`")
    degraded: int = Field(description="Turns in which HEF left something out")
    seconds: float | None = Field(description="Median seconds a reply; None for people")
    gains: dict[str, Estimate] = Field(
        description="This minus the LLM alone on the same samples, drawn in pairs; perplexity as a factor"
    )


class SemReadings:
    """What the SEM makes of dialogues without and with a reply, and of replies by themselves."""

    def __init__(self, sem: Sem, samples: Sequence[ReplySample]) -> None:
        self._sem, self._samples = sem, samples
        self._embed = embedding_function(sem)
        self._human = self._vectors([sample.reply for sample in samples])
        self._before = self._read([sample.turns for sample in samples])
        self.context = mean_estimate(self._hits(self._before), [sample.conv_id for sample in samples])
        """How often the SEM is right without any reply."""

    def columns(self, texts: Sequence[str]) -> Columns:
        """Return `similarity`, `emotion_match` and `emotion_lift` of one reply a sample."""
        pairs = zip(self._samples, texts, strict=True)
        after = self._read([(*sample.turns, Turn("listener", text)) for sample, text in pairs])
        return {
            "similarity": (self._human * self._vectors(texts)).sum(axis=1),
            "emotion_match": self._hits(after),
            "emotion_lift": self._likelihood(after) - self._likelihood(self._before),
        }

    def _read(self, dialogues: Sequence[Sequence[Turn]]) -> list[dict[str, float]]:
        found: list[dict[str, float]] = []
        for start in range(0, len(dialogues), _PART):
            found += [reading.distribution for reading in self._sem.read(dialogues[start : start + _PART])]
        return found

    def _vectors(self, texts: Sequence[str]) -> Array:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _PART):
            vectors += self._embed(texts[start : start + _PART])
        held = np.array(vectors, dtype=np.float64)
        spoken = np.array([bool(text.strip()) for text in texts])[:, None]
        return np.asarray(spoken * held / np.maximum(np.linalg.norm(held, axis=1, keepdims=True), 1e-12))

    def _hits(self, found: Sequence[dict[str, float]]) -> Array:
        pairs = zip(found, self._samples, strict=True)
        return np.array(
            [max(row, key=lambda label: row[label]) == sample.emotion for row, sample in pairs], dtype=float
        )

    def _likelihood(self, found: Sequence[dict[str, float]]) -> Array:
        pairs = zip(found, self._samples, strict=True)
        return np.array([log(max(row[sample.emotion], _TINY)) for row, sample in pairs])


def check_figures(sem: Sem) -> None:
    """Check that all figures can be taken, before hours of replies are spent.

    Raises:
        SetupError: A package is missing, or the SEM gives no sentence vectors.
    """
    embedding_function(sem)
    bleu_estimate(["a"], ["a"], ["a"])
    uptake("dog", ["dog"])


def report_replies(
    replies: dict[str, list[Reply]], samples: Sequence[ReplySample], sem: Sem
) -> tuple[list[ReplyFigures], Estimate]:
    """Compare replies with the human ones and with each other.

    The figures that the SEM takes part in favour what was written with the SEM's reading in the prompt:
    the lift says how much, and the human replies what is usual.

    Args:
        replies: Variant -> one reply a sample; `hef` and `plain` among them.
        samples: What was replied to.
        sem: What reads and compares.

    Returns:
        The figures of each variant, those of the human replies last, and how often the SEM is right
        about the dialogues without any reply.
    """
    readings = SemReadings(sem, samples)
    causes = [reply.causes for reply in replies["hef"]]
    columns = {
        variant: _columns([reply.text for reply in made], samples, causes, readings) | _likelihoods(made)
        for variant, made in replies.items()
    }
    columns["human"] = _columns([sample.reply for sample in samples], samples, causes, readings)
    texts = {variant: [reply.text for reply in made] for variant, made in replies.items()}
    texts["human"] = [sample.reply for sample in samples]
    figures = [
        _figures(variant, texts[variant], samples, columns, replies.get(variant, [])) for variant in (*replies, "human")
    ]
    return figures, readings.context


def _columns(
    texts: Sequence[str], samples: Sequence[ReplySample], causes: Sequence[Sequence[str]], readings: SemReadings
) -> Columns:
    lengths = [len(sentences(text)) for text in texts]
    taken = [uptake(text, held) for text, held in zip(texts, causes, strict=True)]
    pairs = list(zip(texts, samples, strict=True))
    return {
        **readings.columns(texts),
        "uptake": np.array([np.nan if share is None else share for share in taken]),
        "words": np.array([len(words(text)) for text in texts], dtype=float),
        "sentences": np.array(lengths, dtype=float),
        "brief": np.array([1 <= count <= 3 for count in lengths], dtype=float),
        "as_person": np.array([speaks_as_person(text, sample.turns) for text, sample in pairs], dtype=float),
        "as_ai": np.array([speaks_as_ai(text) for text in texts], dtype=float),
    }


def _likelihoods(made: Sequence[Reply]) -> Columns:
    """Return the negative log-likelihood of the human replies and their tokens; NaN where there is none."""
    known = [reply.log_likelihood for reply in made]
    return {
        "surprise": np.array([np.nan if held is None else -held for held in known]),
        "tokens": np.array([reply.tokens for reply in made], dtype=float),
    }


def _figures(
    variant: str,
    texts: Sequence[str],
    samples: Sequence[ReplySample],
    columns: dict[str, Columns],
    made: Sequence[Reply],
) -> ReplyFigures:
    own, human = columns[variant], variant == "human"
    groups = [sample.conv_id for sample in samples]
    bounds = {"similarity": (-1.0, 1.0), "emotion_lift": _ANY, "words": (0.0, inf), "sentences": (0.0, inf)}
    spoken = np.array([len(words(sample.reply)) for sample in samples], dtype=float)
    means = {
        name: _mean(values, groups, bounds.get(name, (0.0, 1.0)))
        for name, values in own.items()
        if name not in ("surprise", "tokens")
    }
    if human:
        del means["similarity"]
    if np.isnan(own["uptake"]).all():
        del means["uptake"]
    return ReplyFigures(
        variant=variant,
        samples=len(samples),
        conversations=len(set(groups)),
        perplexity=_perplexity(own, own.get("tokens"), groups),
        word_perplexity=_perplexity(own, spoken, groups),
        distinct1=distinct(texts, 1),
        distinct2=distinct(texts, 2),
        bleu=None if human else bleu_estimate(texts, [sample.reply for sample in samples], groups),
        similarity=means.pop("similarity", None),
        uptake=means.pop("uptake", None),
        degraded=sum(bool(reply.degraded) for reply in made),
        seconds=None if human else float(np.median([reply.seconds for reply in made])),
        gains={} if variant == "plain" else _gains(own, columns["plain"], groups, human),
        **means,
    )


def _mean(values: Array, groups: Sequence[str], bounds: tuple[float, float]) -> Estimate:
    """Return the mean of the values that there are."""
    there = ~np.isnan(values)
    return ratio_estimate(np.where(there, values, 0.0), there.astype(float), groups, bounds=bounds)


def _perplexity(own: Columns, units: Array | None, groups: Sequence[str]) -> Estimate | None:
    """Return exp of the surprise per unit, with the exp of its interval's ends."""
    if units is None or "surprise" not in own or np.isnan(own["surprise"]).all():
        return None
    there = ~np.isnan(own["surprise"])
    return _exp(ratio_estimate(np.where(there, own["surprise"], 0.0), np.where(there, units, 0.0), groups))


def _gains(own: Columns, plain: Columns, groups: Sequence[str], human: bool) -> dict[str, Estimate]:
    names = [] if human else ["similarity"]
    names += ["emotion_match", "emotion_lift", "uptake", "words", "sentences", "brief", "as_person", "as_ai"]
    gains = {
        name: _mean(own[name] - plain[name], groups, _ANY if name in _UNBOUNDED else DIFFERENCE)
        for name in names
        if not np.isnan(own[name]).all()
    }
    if "surprise" in own and not np.isnan(difference := own["surprise"] - plain["surprise"]).all():
        there = ~np.isnan(difference)
        units = np.where(there, plain["tokens"], 0.0)
        gains["perplexity"] = _exp(ratio_estimate(np.where(there, difference, 0.0), units, groups, bounds=_ANY))
    return gains


def _exp(held: Estimate) -> Estimate:
    return Estimate(value=exp(held.value), low=exp(held.low), high=exp(held.high))
