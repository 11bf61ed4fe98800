"""The loss and the metrics of an adapter: the label after "The speaker feels", and the reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .adapter_recipe import AdapterRecipe
from .adapter_samples import Exchange, TokenisedExchange, Tokeniser
from .shared_prefix import TargetLogits, target_logits

EVALUATION_BATCH = 16
"""Exchanges per forward pass without a gradient."""


@dataclass(frozen=True, slots=True)
class AdapterMetrics:
    """Metrics over listener turns."""

    turns: int
    """Number of listener turns."""
    top1: float
    """How often the label's first token is the most likely of the labels'; without content-free calibration."""
    top5: float
    """How often it is among the five most likely."""
    perplexity: float
    """Of the human replies and their end, per token, with the emotion and the cause words in the prompt."""
    word_perplexity: float
    """The same likelihood per word."""


def adapter_loss(
    output: TargetLogits, recipe: AdapterRecipe, first_tokens: Sequence[int], teacher_logits: Sequence[Tensor | None]
) -> Tensor:
    """Return the mean loss of a batch.

    Args:
        output: Logits of the target tokens.
        recipe: Weights of the terms.
        first_tokens: The first token of each label.
        teacher_logits: The teachers' logits for each exchange's emotion, [labels]; None without any.
    """
    losses = functional.cross_entropy(output.logits, output.targets, reduction="none")
    label, reply = losses[output.is_label].mean(), _reply_loss(losses, output)
    rows = [row for row, logits in enumerate(teacher_logits) if logits is not None]
    if rows:
        teachers = torch.stack([row.float() for row in teacher_logits if row is not None]).to(output.logits.device)
        label_logits = output.logits[output.first_label[rows]][:, list(first_tokens)]
        temperature = recipe.teacher_temperature
        divergence = functional.kl_div(
            functional.log_softmax(label_logits / temperature, -1),
            functional.softmax(teachers / temperature, -1),
            reduction="batchmean",
        )
        label = (1 - recipe.teacher_weight) * label + recipe.teacher_weight * temperature**2 * divergence
    return recipe.label_weight * label + reply


def measure(
    model: Any, tokeniser: Tokeniser, rows: Sequence[Exchange], first_tokens: Sequence[int], labels: Sequence[str]
) -> AdapterMetrics:
    """Return the metrics of a model on exchanges."""
    tokenised = [tokeniser.tokenise(row) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: len(tokenised[i].ids))
    hits1 = hits5 = tokens = words = 0
    total_nats = 0.0
    for start in range(0, len(order), EVALUATION_BATCH):
        batch = order[start : start + EVALUATION_BATCH]
        label_indices = [labels.index(rows[i].emotion) for i in batch]
        ranks, nats = _measure_batch(model, [tokenised[i] for i in batch], first_tokens, label_indices)
        hits1, hits5 = hits1 + sum(rank < 1 for rank in ranks), hits5 + sum(rank < 5 for rank in ranks)
        total_nats += nats
        tokens += sum(len(tokenised[i].reply) for i in batch)
        words += sum(len(rows[i].reply.split()) for i in batch)
    return AdapterMetrics(
        len(rows), hits1 / len(rows), hits5 / len(rows), exp(total_nats / tokens), exp(total_nats / words)
    )


def _reply_loss(losses: Tensor, output: TargetLogits) -> Tensor:
    """Return the mean loss of the replies' tokens, weighted with the share of exchanges that have a reply."""
    is_reply = ~output.is_label
    share = len(set(output.row[is_reply].tolist())) / len(output.first_label)
    return losses[is_reply].sum() / is_reply.sum().clamp(min=1) * share


def _measure_batch(
    model: Any, batch: Sequence[TokenisedExchange], first_tokens: Sequence[int], label_indices: Sequence[int]
) -> tuple[list[int], float]:
    """Return the true label's rank of each exchange, and the nats of all replies."""
    with torch.inference_mode():
        output = target_logits(model, batch)
        nats = functional.cross_entropy(output.logits, output.targets, reduction="none")[~output.is_label].sum()
        logits = output.logits[output.first_label][:, list(first_tokens)]
        ranks = (logits > logits[torch.arange(len(batch)), torch.tensor(label_indices)][:, None]).sum(1)
    return ranks.tolist(), float(nats)
