"""The loss of a training step: cross-entropy, distillation, and the optional terms of a recipe."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..soft_labels import SoftLabel
from .emotion_network import Outputs
from .sem_recipe import SemRecipe

UNLABELLED = -100
"""The index that PyTorch's cross-entropy ignores."""
QUEUE = 2048
"""Samples that the contrastive loss compares with."""
CONTRAST_TEMPERATURE = 0.1
ANCHOR_TEMPERATURE = 0.1


class EmotionLoss(nn.Module):
    """The loss of a batch, with the parameters and buffers that belong to it.

    Args:
        recipe: Which terms, with which weights.
        width: Width of the network's features.
        teacher_width: Width of the teachers' concatenated features; 0 without teachers.
        anchors: A feature for each label, [labels, width], if the recipe has an `anchor_weight`.
    """

    queue: Tensor
    queued: Tensor
    anchors: Tensor

    def __init__(self, recipe: SemRecipe, width: int, teacher_width: int = 0, anchors: Tensor | None = None) -> None:
        super().__init__()
        self.recipe = recipe
        self.project = nn.Linear(width, teacher_width) if teacher_width and recipe.feature_weight else None
        self.register_buffer("queue", torch.zeros(0, width))
        self.register_buffer("queued", torch.zeros(0, dtype=torch.long))
        self.register_buffer("anchors", nn.functional.normalize(anchors, dim=-1) if anchors is not None else self.queue)

    def restore(self, state: dict[str, Tensor]) -> None:
        """Load the state of a checkpoint, whose queue may have another length."""
        self.queue, self.queued = state["queue"], state["queued"]
        self.load_state_dict(state)

    @property
    def repeats(self) -> int:
        """Return how often each sample is read per step: twice if the two dropout masks shall agree."""
        return 2 if self.recipe.agreement_weight else 1

    def forward(self, outputs: Outputs, labels: Tensor, soft_labels: Sequence[SoftLabel | None]) -> Tensor:
        """Return the mean loss of a batch that was read `repeats` times in a row.

        Args:
            outputs: The network's outputs, [repeats · batch, …].
            labels: Index of each label, `UNLABELLED` if there is none, [batch].
            soft_labels: The teachers' predictions for each sample, None without any.
        """
        repeats = outputs.logits.float().chunk(self.repeats)
        losses = torch.stack([self._distil(logits, labels, soft_labels) for logits in repeats]).mean(0)
        loss = losses.mean()
        if self.repeats > 1:
            loss = loss + self.recipe.agreement_weight * _symmetric_divergence(*repeats)
        pooled = outputs.pooled.float()[: len(labels)]
        if self.project is not None:
            loss = loss + self.recipe.feature_weight * self._feature_distance(self.project, pooled, soft_labels)
        if self.recipe.contrast_weight:
            loss = loss + self.recipe.contrast_weight * self._contrast(pooled, labels)
        if self.recipe.anchor_weight:
            loss = loss + self.recipe.anchor_weight * self._anchor_loss(pooled, labels)
        return loss

    def _distil(self, logits: Tensor, labels: Tensor, soft_labels: Sequence[SoftLabel | None]) -> Tensor:
        """Return each sample's cross-entropy to its label and to the teachers (Hinton et al., 2015), weighted."""
        smoothing, temperature = self.recipe.label_smoothing, self.recipe.teacher_temperature
        losses = nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
        rows = [i for i, soft_label in enumerate(soft_labels) if soft_label is not None]
        if not rows:
            return losses
        teachers = torch.stack([soft.logits for soft in soft_labels if soft is not None]).to(logits.device).float()
        targets = (teachers / temperature).softmax(-1)
        distillation = nn.functional.cross_entropy(logits[rows] / temperature, targets, reduction="none")
        weight = torch.where(labels[rows] == UNLABELLED, 1.0, self.recipe.teacher_weight)
        joined = (1 - weight) * losses[rows] + weight * distillation * temperature**2
        return losses.index_put((torch.tensor(rows, device=logits.device),), joined)

    def _feature_distance(self, project: nn.Linear, pooled: Tensor, soft_labels: Sequence[SoftLabel | None]) -> Tensor:
        """Return the cosine distance of the projected features to the teachers' (Romero et al., ICLR 2015)."""
        rows = [i for i, soft_label in enumerate(soft_labels) if soft_label is not None]
        if not rows:
            return pooled.new_zeros(())
        targets = torch.stack([soft.features for soft in soft_labels if soft is not None]).to(pooled.device).float()
        return 1 - nn.functional.cosine_similarity(project(pooled[rows]), targets).mean()

    def _anchor_loss(self, pooled: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of the nearest label anchor, over samples with a label."""
        similarity = nn.functional.normalize(pooled, dim=-1) @ self.anchors.T / ANCHOR_TEMPERATURE
        labelled = (labels != UNLABELLED).sum().clamp(min=1)
        return nn.functional.cross_entropy(similarity, labels, reduction="sum") / labelled

    def _contrast(self, pooled: Tensor, labels: Tensor) -> Tensor:
        """Return the supervised contrastive loss against the last samples (Khosla et al., NeurIPS 2020)."""
        unit = nn.functional.normalize(pooled, dim=-1)
        similarity = unit @ self.queue.T / CONTRAST_TEMPERATURE
        is_same = (labels[:, None] == self.queued) & (labels[:, None] != UNLABELLED)
        has_positive = is_same.any(1)
        log_probabilities = similarity.log_softmax(-1) if similarity.shape[1] else similarity
        mean = (log_probabilities * is_same).sum(1)[has_positive] / is_same.sum(1)[has_positive]
        self.queue = torch.cat([unit.detach(), self.queue])[:QUEUE]
        self.queued = torch.cat([labels, self.queued])[:QUEUE]
        return -mean.mean() if len(mean) else pooled.new_zeros(())


def _symmetric_divergence(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean symmetric KL divergence of two readings of a batch (R-Drop, Liang et al., NeurIPS 2021)."""
    first, second = one.log_softmax(-1), other.log_softmax(-1)
    divergence = (first.exp() - second.exp()) * (first - second)
    return divergence.sum(-1).mean() / 2
