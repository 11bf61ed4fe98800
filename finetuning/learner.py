"""What an adapter's run remembers between steps: the matrices, optimizer and schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .lora import load_lora, lora_state
from .recipe import AdapterRecipe


class Learner:
    """Take optimizer steps, and go on from a checkpoint.

    Args:
        model: What is trained, wrapped with its low-rank matrices.
        recipe: Learning rate, warm-up, decay.
        steps: Steps of the whole run; the learning rate reaches 0 at its end.
    """

    def __init__(self, model: nn.Module, recipe: AdapterRecipe, steps: int) -> None:
        self.steps = steps
        self.step = 0
        """Steps done."""
        self._model = model
        self._learned = [weight for weight in model.parameters() if weight.requires_grad]
        self._optimizer = torch.optim.AdamW(
            self._learned, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        rising = max(1, round(steps * recipe.warmup))
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer,
            lambda step: min((step + 1) / rising, max(0.0, (steps - step) / max(1, steps - rising))),
        )

    def learn(self, loss: Tensor) -> float:
        """Take one step down a loss; return it as a number."""
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._learned, 1.0)
        self._optimizer.step()
        self._schedule.step()
        self.step += 1
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Write a checkpoint; an interrupted write leaves the old one whole."""
        state: dict[str, Any] = {
            "step": self.step,
            "lora": lora_state(self._model),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, map_location="cpu")
        load_lora(self._model, state["lora"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self.step = int(state["step"])
