"""The loss: the label after "The speaker feels", and the reply."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .adapter_recipe import AdapterRecipe
from .shared_prefix import Scores


def loss_of(scores: Scores, recipe: AdapterRecipe, firsts: Sequence[int], taught: Sequence[Tensor | None]) -> Tensor:
    """Return the mean loss of a batch.

    Args:
        scores: Logits of the learned tokens.
        recipe: Weights of the parts.
        firsts: The token each label begins with.
        taught: What the teachers say of each lesson's emotion, logits [labels]; None where they were not asked.
    """
    each = functional.cross_entropy(scores.logits, scores.wanted, reduction="none")
    label, reply = each[scores.judged].mean(), _replies(each, scores)
    known = [place for place, row in enumerate(taught) if row is not None]
    if known:
        said = torch.stack([row.float() for row in taught if row is not None]).to(scores.logits.device)
        own = scores.logits[scores.first[known]][:, list(firsts)]
        hot = recipe.teacher_temperature
        apart = functional.kl_div(
            functional.log_softmax(own / hot, -1), functional.softmax(said / hot, -1), reduction="batchmean"
        )
        label = (1 - recipe.teacher_weight) * label + recipe.teacher_weight * hot**2 * apart
    return recipe.label_weight * label + reply


def _replies(each: Tensor, scores: Scores) -> Tensor:
    """Return the mean loss of the replies' tokens, weighted with the share of lessons that have a reply."""
    replies = ~scores.judged
    share = len(set(scores.row[replies].tolist())) / len(scores.first)
    return each[replies].sum() / replies.sum().clamp(min=1) * share
