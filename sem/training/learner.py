"""What a run remembers between steps: the network, its running average, optimizer and schedule."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn

from .network import EmotionNetwork
from .objective import Objective
from .recipe import Recipe

AVERAGED = 10
"""Steps between two updates of the running average."""


class Learner:
    """Take optimizer steps, average the weights, and go on from a checkpoint.

    Args:
        network: What is trained.
        objective: What is minimised; what it learns itself is not averaged.
        recipe: Learning rate, warm-up, decay.
        steps: Steps of the whole run; the learning rate reaches 0 at its end.
    """

    def __init__(self, network: EmotionNetwork, objective: Objective, recipe: Recipe, steps: int) -> None:
        self.network = network
        self.objective = objective
        self.average = deepcopy(network).eval().requires_grad_(False)
        """The network with averaged weights: what a run ends with."""
        self.steps = steps
        self.step = 0
        """Steps done."""
        self._decay = recipe.average_decay**AVERAGED
        self._learned = [
            weight for part in (network, objective) for weight in part.parameters() if weight.requires_grad
        ]
        self._optimizer = torch.optim.AdamW(
            self._learned, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer, lambda step: _rate(step, steps, recipe.warmup)
        )

    def learn(self, loss: Tensor) -> float:
        """Take one step down a loss; return it as a number."""
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._learned, 1.0)
        self._optimizer.step()
        self._schedule.step()
        self.step += 1
        if self.step % AVERAGED == 0 or self.step == self.steps:
            self._follow()
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Write a checkpoint; an interrupted write leaves the old one whole."""
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "objective": self.objective.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "random": torch.get_rng_state(),
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path, device: torch.device) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, map_location=device)
        self.network.load_state_dict(state["network"])
        self.objective.resume(state["objective"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["random"].cpu())
        self.step = int(state["step"])

    def _follow(self) -> None:
        """Move the running average towards the weights; early in a run it follows closely."""
        decay = min(self._decay, self.step / (self.step + 100))
        with torch.no_grad():
            for mine, theirs in zip(self.average.parameters(), self.network.parameters(), strict=True):
                if theirs.requires_grad:
                    mine.lerp_(theirs, 1 - decay)


def _rate(step: int, total: int, warmup: float) -> float:
    """Return the factor of a linear warm-up and decay."""
    rising = max(1, round(total * warmup))
    return (step + 1) / rising if step < rising else max(0.0, (total - step) / max(1, total - rising))
