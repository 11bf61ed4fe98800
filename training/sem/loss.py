"""What a training step minimises: the labels, the teachers, and what a recipe adds to them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..soft_labels import SoftLabel
from .emotion_network import Outputs
from .sem_recipe import Recipe

UNLABELLED = -100
"""The index that PyTorch's cross-entropy leaves out."""
QUEUE = 2048
"""Samples that a contrastive loss compares with."""
CONTRAST_TEMPERATURE = 0.1
ANCHOR_TEMPERATURE = 0.1


class Objective(nn.Module):
    """The loss of a batch, and what it learns beside the network.

    Args:
        recipe: Which losses, with which weights.
        width: Width of the network's features.
        taught_width: Width of the teachers' features side by side; 0 without teachers.
        anchors: A feature for each label, [labels, width], where the recipe has `anchor_weight`.
    """

    queue: Tensor
    queued: Tensor
    anchors: Tensor

    def __init__(self, recipe: Recipe, width: int, taught_width: int = 0, anchors: Tensor | None = None) -> None:
        super().__init__()
        self.recipe = recipe
        self.project = nn.Linear(width, taught_width) if taught_width and recipe.feature_weight else None
        self.register_buffer("queue", torch.zeros(0, width))
        self.register_buffer("queued", torch.zeros(0, dtype=torch.long))
        self.register_buffer("anchors", nn.functional.normalize(anchors, dim=-1) if anchors is not None else self.queue)

    def resume(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint; the queue is as long as it was."""
        self.queue, self.queued = state["queue"], state["queued"]
        self.load_state_dict(state)

    @property
    def rounds(self) -> int:
        """How often each sample is read a step: twice where two dropouts shall agree."""
        return 2 if self.recipe.agreement_weight else 1

    def forward(self, out: Outputs, wanted: Tensor, taught: Sequence[SoftLabel | None]) -> Tensor:
        """Return the mean loss of a batch that was read `rounds` times, one round after the other.

        Args:
            out: What the network made of it, [rounds · batch, …].
            wanted: Index of each label, `UNLABELLED` where there is none, [batch].
            taught: What the teachers say of each sample, None where they were not asked.
        """
        halves = out.logits.float().chunk(self.rounds)
        losses = torch.stack([self._followed(logits, wanted, taught) for logits in halves]).mean(0)
        loss = losses.mean()
        if self.rounds > 1:
            loss = loss + self.recipe.agreement_weight * _disagreement(*halves)
        pooled = out.pooled.float()[: len(wanted)]
        if self.project is not None:
            loss = loss + self.recipe.feature_weight * self._unlike(self.project, pooled, taught)
        if self.recipe.contrast_weight:
            loss = loss + self.recipe.contrast_weight * self._contrast(pooled, wanted)
        if self.recipe.anchor_weight:
            loss = loss + self.recipe.anchor_weight * self._astray(pooled, wanted)
        return loss

    def _followed(self, logits: Tensor, wanted: Tensor, taught: Sequence[SoftLabel | None]) -> Tensor:
        """Return each sample's cross-entropy to its label, joined with that to the teachers (Hinton et al., 2015)."""
        smoothing, heat = self.recipe.label_smoothing, self.recipe.teacher_temperature
        losses = nn.functional.cross_entropy(logits, wanted, label_smoothing=smoothing, reduction="none")
        asked = [i for i, one in enumerate(taught) if one is not None]
        if not asked:
            return losses
        said = torch.stack([one.logits for one in taught if one is not None]).to(logits.device).float()
        follow = nn.functional.cross_entropy(logits[asked] / heat, (said / heat).softmax(-1), reduction="none")
        share = torch.where(wanted[asked] == UNLABELLED, 1.0, self.recipe.teacher_weight)
        joined = (1 - share) * losses[asked] + share * follow * heat**2
        return losses.index_put((torch.tensor(asked, device=logits.device),), joined)

    def _unlike(self, project: nn.Linear, pooled: Tensor, taught: Sequence[SoftLabel | None]) -> Tensor:
        """Return how far the features, carried over, point from the teachers' (Romero et al., ICLR 2015)."""
        asked = [i for i, one in enumerate(taught) if one is not None]
        if not asked:
            return pooled.new_zeros(())
        wanted = torch.stack([one.features for one in taught if one is not None]).to(pooled.device).float()
        return 1 - nn.functional.cosine_similarity(project(pooled[asked]), wanted).mean()

    def _astray(self, pooled: Tensor, wanted: Tensor) -> Tensor:
        """Return the cross-entropy of standing nearest to the own label's anchor, of samples with a label."""
        near = nn.functional.normalize(pooled, dim=-1) @ self.anchors.T / ANCHOR_TEMPERATURE
        labelled = (wanted != UNLABELLED).sum().clamp(min=1)
        return nn.functional.cross_entropy(near, wanted, reduction="sum") / labelled

    def _contrast(self, pooled: Tensor, wanted: Tensor) -> Tensor:
        """Return the supervised contrastive loss against the last samples (Khosla et al., NeurIPS 2020)."""
        unit = nn.functional.normalize(pooled, dim=-1)
        near = unit @ self.queue.T / CONTRAST_TEMPERATURE
        same = (wanted[:, None] == self.queued) & (wanted[:, None] != UNLABELLED)
        held = same.any(1)
        log_shares = near.log_softmax(-1) if near.shape[1] else near
        each = (log_shares * same).sum(1)[held] / same.sum(1)[held]
        self.queue = torch.cat([unit.detach(), self.queue])[:QUEUE]
        self.queued = torch.cat([wanted, self.queued])[:QUEUE]
        return -each.mean() if len(each) else pooled.new_zeros(())


def _disagreement(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean symmetric divergence of two readings of a batch (R-Drop, Liang et al., NeurIPS 2021)."""
    first, second = one.log_softmax(-1), other.log_softmax(-1)
    apart = (first.exp() - second.exp()) * (first - second)
    return apart.sum(-1).mean() / 2
