"""What a run remembers between steps: the network, its running average, optimizer and schedule."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor

from ..optimiser import Optimiser, write_checkpoint
from .emotion_network import EmotionNetwork
from .loss import Objective
from .sem_recipe import Recipe

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
        self._decay = recipe.average_decay**AVERAGED
        learned = [weight for part in (network, objective) for weight in part.parameters() if weight.requires_grad]
        self._descent = Optimiser(learned, recipe.learning_rate, recipe.weight_decay, recipe.warmup, steps)

    @property
    def step(self) -> int:
        """Steps done."""
        return self._descent.step

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self._descent.steps

    def learn(self, loss: Tensor) -> float:
        """Take one step down a loss; return it as a number."""
        taken = self._descent.step_down(loss)
        if self.step % AVERAGED == 0 or self.step == self.steps:
            self._follow()
        return taken

    def save(self, path: Path) -> None:
        """Write a checkpoint; an interrupted write leaves the old one whole."""
        state = {
            "network": self.network.state_dict(),
            "objective": self.objective.state_dict(),
            "average": self.average.state_dict(),
            "random": torch.get_rng_state(),
        }
        write_checkpoint(state | self._descent.state(), path)

    def load(self, path: Path, device: torch.device) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, map_location=device)
        self.network.load_state_dict(state["network"])
        self.objective.resume(state["objective"])
        self.average.load_state_dict(state["average"])
        self._descent.restore(state)
        torch.set_rng_state(state["random"].cpu())

    def _follow(self) -> None:
        """Move the running average towards the weights; early in a run it follows closely."""
        decay = min(self._decay, self.step / (self.step + 100))
        with torch.no_grad():
            for mine, theirs in zip(self.average.parameters(), self.network.parameters(), strict=True):
                if theirs.requires_grad:
                    mine.lerp_(theirs, 1 - decay)
