"""Metrics of replies: likelihood of the human reply, diversity, similarity to it, emotion, cause words and length."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import TypeAlias

import numpy as np
from pydantic import BaseModel, Field

from ...contract import Turn
from ...contract.numerics import Array
from ...contract.progress import map_batches
from ...contract.text import words
from ...sem import Sem
from ..metrics import DIFFERENCE, POSITIVE, PROPORTION, UNBOUNDED, Estimate, mean_estimate, ratio_estimate
from ..retrieval import embedding_function
from .replier import Reply, ReplySample
from .reply_text import bleu_estimate, distinct, sentences, speaks_as_ai, speaks_as_person, uptake

_MEAN_BOUNDS = {"similarity": DIFFERENCE, "emotion_lift": UNBOUNDED, "words": POSITIVE, "sentences": POSITIVE}
_GAIN_BOUNDS: dict[str, tuple[float, float]] = dict.fromkeys(
    ("emotion_lift", "words", "sentences", "similarity"), UNBOUNDED
)
_MIN_PROBABILITY = 1e-9
Columns: TypeAlias = dict[str, Array]
"""Name of a metric -> its value for each sample, NaN where it has none, [samples]."""


class ReplyMetrics(BaseModel, frozen=True):
    """The metrics of one variant; intervals over conversations."""

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
        description="Mean share of content words in HEF's cause words that occur in the reply, by stem; "
        "None where HEF showed none"
    )
    words: Estimate = Field(description="Mean length in words")
    sentences: Estimate = Field(description="Mean length in sentences")
    brief: Estimate = Field(description="How often a reply has one to three sentences")
    as_person: Estimate = Field(description="How often a reply speaks as the person, by `speaks_as_person`")
    as_ai: Estimate = Field(description="How often a reply speaks as a machine, by `speaks_as_ai`")
    degraded: int = Field(description="Turns in which HEF omitted something")
    seconds: float | None = Field(description="Median seconds per reply; None for people")
    gains: dict[str, Estimate] = Field(
        description="This minus the LLM alone on the same samples, resampled in pairs; perplexity as a factor"
    )


class SemReadings:
    """The SEM's readings of dialogues without and with a reply, and its vectors of replies."""

    def __init__(self, sem: Sem, samples: Sequence[ReplySample]) -> None:
        self._sem, self._samples = sem, samples
        self._embed = embedding_function(sem)
        self._human = self._vectors([sample.reply for sample in samples])
        self._before = self._read([sample.turns for sample in samples])
        self.context = mean_estimate(self._hits(self._before), [sample.conv_id for sample in samples])
        """How often the SEM is right without any reply."""

    def columns(self, texts: Sequence[str]) -> Columns:
        """Return `similarity`, `emotion_match` and `emotion_lift` of one reply per sample."""
        pairs = zip(self._samples, texts, strict=True)
        after = self._read([(*sample.turns, Turn("listener", text)) for sample, text in pairs])
        return {
            "similarity": (self._human * self._vectors(texts)).sum(axis=1),
            "emotion_match": self._hits(after),
            "emotion_lift": self._log_likelihoods(after) - self._log_likelihoods(self._before),
        }

    def _read(self, dialogues: Sequence[Sequence[Turn]]) -> list[dict[str, float]]:
        return [reading.distribution for reading in map_batches(self._sem.read, dialogues)]

    def _vectors(self, texts: Sequence[str]) -> Array:
        vectors = np.array(map_batches(self._embed, texts), dtype=np.float64)
        not_blank = np.array([bool(text.strip()) for text in texts])[:, None]
        return np.asarray(not_blank * vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))

    def _hits(self, distributions: Sequence[dict[str, float]]) -> Array:
        pairs = zip(distributions, self._samples, strict=True)
        return np.array([max(row, key=row.__getitem__) == sample.emotion for row, sample in pairs], dtype=float)

    def _log_likelihoods(self, distributions: Sequence[dict[str, float]]) -> Array:
        pairs = zip(distributions, self._samples, strict=True)
        return np.array([log(max(row[sample.emotion], _MIN_PROBABILITY)) for row, sample in pairs])


def check_metrics(sem: Sem) -> None:
    """Check that all metrics can be computed, before hours of replies are spent.

    Raises:
        SetupError: A package is missing, or the SEM has no sentence vectors.
    """
    embedding_function(sem)
    bleu_estimate(["a"], ["a"], ["a"])
    uptake("dog", ["dog"])


def report_replies(
    replies: dict[str, list[Reply]], samples: Sequence[ReplySample], sem: Sem
) -> tuple[list[ReplyMetrics], Estimate]:
    """Compare replies with the human ones and with each other.

    The metrics that use the SEM favour replies that were written with the SEM's reading in the prompt:
    the lift says how much, and the human replies what is usual.

    The replies are one per sample for each variant, `hef` and `plain` among them.

    Returns:
        The metrics of each variant, those of the human replies last, and how often the SEM is right
        about the dialogues without any reply.
    """
    readings = SemReadings(sem, samples)
    causes = [reply.causes for reply in replies["hef"]]
    texts = {variant: [reply.text for reply in generated] for variant, generated in replies.items()}
    texts["human"] = [sample.reply for sample in samples]
    columns = {variant: _columns(own, samples, causes, readings) for variant, own in texts.items()}
    for variant, generated in replies.items():
        columns[variant] |= _log_loss(generated)
    metrics = [_metrics(variant, texts[variant], samples, columns, replies.get(variant, [])) for variant in texts]
    return metrics, readings.context


def _columns(
    texts: Sequence[str], samples: Sequence[ReplySample], causes: Sequence[Sequence[str]], readings: SemReadings
) -> Columns:
    lengths = [len(sentences(text)) for text in texts]
    shares = [uptake(text, shown) for text, shown in zip(texts, causes, strict=True)]
    pairs = list(zip(texts, samples, strict=True))
    return {
        **readings.columns(texts),
        "uptake": np.array([np.nan if share is None else share for share in shares]),
        "words": np.array([len(words(text)) for text in texts], dtype=float),
        "sentences": np.array(lengths, dtype=float),
        "brief": np.array([1 <= count <= 3 for count in lengths], dtype=float),
        "as_person": np.array([speaks_as_person(text, sample.turns) for text, sample in pairs], dtype=float),
        "as_ai": np.array([speaks_as_ai(text) for text in texts], dtype=float),
    }


def _log_loss(replies: Sequence[Reply]) -> Columns:
    """Return the negative log-likelihood of the human replies and their tokens; NaN where there is none."""
    likelihoods = [reply.log_likelihood for reply in replies]
    return {
        "log_loss": np.array([np.nan if value is None else -value for value in likelihoods]),
        "tokens": np.array([reply.tokens for reply in replies], dtype=float),
    }


def _metrics(
    variant: str,
    texts: Sequence[str],
    samples: Sequence[ReplySample],
    columns: dict[str, Columns],
    replies: Sequence[Reply],
) -> ReplyMetrics:
    own, human = columns[variant], variant == "human"
    clusters = [sample.conv_id for sample in samples]
    human_words = np.array([len(words(sample.reply)) for sample in samples], dtype=float)
    skipped = {
        "log_loss",
        "tokens",
        *(["similarity"] if human else []),
        *(["uptake"] if _is_empty(own["uptake"]) else []),
    }
    means = {
        name: _mean(values, clusters, _MEAN_BOUNDS.get(name, PROPORTION))
        for name, values in own.items()
        if name not in skipped
    }
    return ReplyMetrics(
        variant=variant,
        samples=len(samples),
        conversations=len(set(clusters)),
        perplexity=_perplexity(own, own.get("tokens"), clusters),
        word_perplexity=_perplexity(own, human_words, clusters),
        distinct1=distinct(texts, 1),
        distinct2=distinct(texts, 2),
        bleu=None if human else bleu_estimate(texts, [sample.reply for sample in samples], clusters),
        similarity=means.pop("similarity", None),
        uptake=means.pop("uptake", None),
        degraded=sum(bool(reply.degraded) for reply in replies),
        seconds=None if human else float(np.median([reply.seconds for reply in replies])),
        gains={} if variant == "plain" else _gains(own, columns["plain"], clusters, human),
        **means,
    )


def _is_empty(values: Array) -> bool:
    return bool(np.isnan(values).all())


def _mean(values: Array, clusters: Sequence[str], bounds: tuple[float, float]) -> Estimate:
    """Return the mean of the values that are not NaN."""
    present = ~np.isnan(values)
    return ratio_estimate(np.where(present, values, 0.0), present.astype(float), clusters, bounds=bounds)


def _perplexity(
    own: Columns, units: Array | None, clusters: Sequence[str], bounds: tuple[float, float] = POSITIVE
) -> Estimate | None:
    """Return exp of the log loss per unit, with the exp of its interval's bounds."""
    if units is None or "log_loss" not in own or _is_empty(own["log_loss"]):
        return None
    present = ~np.isnan(own["log_loss"])
    losses, counts = (np.where(present, values, 0.0) for values in (own["log_loss"], units))
    ratio = ratio_estimate(losses, counts, clusters, bounds=bounds)
    return Estimate(value=exp(ratio.value), low=exp(ratio.low), high=exp(ratio.high))


def _gains(own: Columns, plain: Columns, clusters: Sequence[str], human: bool) -> dict[str, Estimate]:
    names = [] if human else ["similarity"]
    names += ["emotion_match", "emotion_lift", "uptake", "words", "sentences", "brief", "as_person", "as_ai"]
    gains = {
        name: _mean(own[name] - plain[name], clusters, _GAIN_BOUNDS.get(name, DIFFERENCE))
        for name in names
        if not _is_empty(own[name])
    }
    if "log_loss" in own:
        difference = {"log_loss": own["log_loss"] - plain["log_loss"]}
        if factor := _perplexity(difference, plain["tokens"], clusters, UNBOUNDED):
            gains["perplexity"] = factor
    return gains
