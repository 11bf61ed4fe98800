from __future__ import annotations

from typing import Any

import pytest
import torch
from hef.training.sem.emotion_loss import UNLABELLED, EmotionLoss
from hef.training.sem.emotion_network import Outputs
from hef.training.sem.sem_recipe import SemRecipe
from hef.training.soft_labels import SoftLabel
from torch import Tensor
from torch.nn.functional import cross_entropy

WANTED = torch.tensor([0, 2])


def objective(*, teacher_width: int = 0, anchors: Tensor | None = None, **settings: Any) -> EmotionLoss:
    torch.manual_seed(0)
    recipe = SemRecipe.model_validate({"label_smoothing": 0, "teacher_temperature": 1, **settings})
    return EmotionLoss(recipe, 4, teacher_width, anchors)


def read(logits: Tensor, pooled: Tensor | None = None) -> Outputs:
    return Outputs(logits, torch.eye(4)[: len(logits)] if pooled is None else pooled, torch.empty(0), ())


def test_labels_alone_are_cross_entropy() -> None:
    logits = torch.randn(2, 3)

    loss = objective()(read(logits), WANTED, [None, None])

    assert loss.item() == pytest.approx(cross_entropy(logits, WANTED).item())


def test_sample_without_label_follows_its_teacher_alone_and_others_in_part() -> None:
    logits, said = torch.randn(2, 3), torch.randn(2, 3)
    taught = [SoftLabel(row, torch.empty(0)) for row in said]
    wanted = torch.tensor([0, UNLABELLED])

    loss = objective(teacher_weight=0.25)(read(logits), wanted, taught)

    hard = cross_entropy(logits[:1], wanted[:1])
    soft = cross_entropy(logits, said.softmax(-1), reduction="none")
    assert loss.item() == pytest.approx(((0.75 * hard + 0.25 * soft[0] + soft[1]) / 2).item())


def test_features_are_drawn_to_the_teachers() -> None:
    built = objective(teacher_width=2, feature_weight=1, teacher_weight=0)
    assert built.project is not None
    pooled = torch.randn(2, 4)
    with torch.no_grad():
        same = built.project(pooled)
    logits = torch.randn(2, 3)

    near = built(read(logits, pooled), WANTED, [SoftLabel(torch.zeros(3), row) for row in same])
    far = built(read(logits, pooled), WANTED, [SoftLabel(torch.zeros(3), -row) for row in same])

    assert (far - near).item() == pytest.approx(2, abs=1e-4)


def test_two_readings_that_differ_cost_and_equal_ones_do_not() -> None:
    built, logits, other = objective(agreement_weight=1), torch.randn(2, 3), torch.randn(2, 3)
    plain = objective()

    equal = built(read(torch.cat([logits, logits])), WANTED, [None, None])
    differing = built(read(torch.cat([logits, other])), WANTED, [None, None])

    assert built.repeats == 2
    assert equal.item() == pytest.approx(plain(read(logits), WANTED, [None, None]).item())
    apart = (logits.softmax(-1) - other.softmax(-1)) * (logits.log_softmax(-1) - other.log_softmax(-1))
    mean = (plain(read(logits), WANTED, [None] * 2) + plain(read(other), WANTED, [None] * 2)) / 2
    assert (differing - mean).item() == pytest.approx((apart.sum(-1).mean() / 2).item(), abs=1e-5)


def test_contrast_is_low_near_earlier_samples_of_the_same_label() -> None:
    logits, pooled = torch.zeros(2, 3), torch.eye(4)[:2]

    def second(wanted: Tensor) -> float:
        built = objective(contrast_weight=1)
        built(read(logits, pooled), WANTED, [None, None])
        return float(built(read(logits, pooled), wanted, [None, None]))

    assert second(WANTED) < second(WANTED.flip(0)) - 1


def test_anchor_of_the_label_draws() -> None:
    built = objective(anchors=torch.eye(4)[:3], anchor_weight=1)
    logits = torch.zeros(2, 3)

    near = built(read(logits, torch.eye(4)[WANTED]), WANTED, [None, None])
    far = built(read(logits, torch.eye(4)[[1, 1]]), WANTED, [None, None])

    assert near < far - 1


def test_batch_without_labels_gives_no_loss_to_what_needs_them() -> None:
    built = objective(anchors=torch.eye(4)[:3], anchor_weight=1, contrast_weight=1)

    loss = built(read(torch.zeros(2, 3)), torch.full((2,), UNLABELLED), [None, None])

    assert loss.item() == 0


def test_queue_goes_on_from_a_checkpoint() -> None:
    built, logits = objective(contrast_weight=1), torch.zeros(2, 3)
    built(read(logits), WANTED, [None, None])
    resumed = objective(contrast_weight=1)

    resumed.restore(built.state_dict())

    assert torch.equal(resumed.queue, built.queue)
    assert torch.equal(resumed.queued, WANTED)
