"""Steps down a loss: optimizer, schedule, and their part of a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class Optimiser:
    """Take AdamW steps at a rate that rises and then falls to 0 at the end of the run.

    Args:
        learned: The weights that change.
        learning_rate: The highest rate.
        weight_decay: AdamW's.
        warmup: Share of steps with a rising rate.
        steps: Steps of the whole run.
    """

    def __init__(
        self, learned: Sequence[nn.Parameter], learning_rate: float, weight_decay: float, warmup: float, steps: int
    ) -> None:
        self.steps = steps
        self.step = 0
        """Steps done."""
        self._learned = learned
        self._optimizer = torch.optim.AdamW(learned, lr=learning_rate, weight_decay=weight_decay, fused=True)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, lambda step: _rate(step, steps, warmup))

    def step_down(self, loss: Tensor) -> float:
        """Take one step down a loss; return it as a number."""
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._learned, 1.0)
        self._optimizer.step()
        self._schedule.step()
        self.step += 1
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Return what it must remember."""
        return {
            "step": self.step,
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self.step = int(state["step"])


def write_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint; an interrupted write leaves the old one whole."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def _rate(step: int, total: int, warmup: float) -> float:
    """Return the factor of a linear warm-up and decay."""
    rising = max(1, round(total * warmup))
    return (step + 1) / rising if step < rising else max(0.0, (total - step) / max(1, total - rising))
