"""What an adapter's run remembers between steps: the matrices, optimizer and schedule."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ..optimiser import Optimiser, write_checkpoint
from .adapter_recipe import AdapterRecipe
from .lora import load_lora, lora_state


class Learner:
    """Take optimizer steps, and go on from a checkpoint.

    Args:
        model: What is trained, wrapped with its low-rank matrices.
        recipe: Learning rate, warm-up, decay.
        steps: Steps of the whole run; the learning rate reaches 0 at its end.
    """

    def __init__(self, model: nn.Module, recipe: AdapterRecipe, steps: int) -> None:
        self._model = model
        learned = [weight for weight in model.parameters() if weight.requires_grad]
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
        return self._descent.step_down(loss)

    def save(self, path: Path) -> None:
        """Write a checkpoint; an interrupted write leaves the old one whole."""
        write_checkpoint({"lora": lora_state(self._model)} | self._descent.state(), path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, map_location="cpu")
        load_lora(self._model, state["lora"])
        self._descent.restore(state)
