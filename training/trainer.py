"""The training loop that SEM and adapter runs share: steps, weight averaging, checkpoints, log and progress."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from .run_folder import RunFolder

AVERAGE_EVERY = 10
"""Steps between two updates of the averaged weights."""

BatchT = TypeVar("BatchT")


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Progress of a run, passed to the caller after each step."""

    step: int
    """Steps done."""
    steps: int
    """Steps in total."""
    loss: float
    """Running mean of the loss."""
    rate: float
    """Samples (SEM) or tokens (adapter) per second since this process started."""


class OptimiserSettings(Protocol):
    """The fields of a recipe that set up AdamW and its schedule."""

    @property
    def learning_rate(self) -> float:
        """Highest learning rate."""
        ...

    @property
    def weight_decay(self) -> float:
        """AdamW's weight decay."""
        ...

    @property
    def warmup(self) -> float:
        """Share of steps with a rising learning rate."""
        ...


class TrainState(Protocol):
    """The part of a checkpoint that depends on what is trained."""

    def parameters(self) -> Iterable[nn.Parameter]:
        """Return the parameters; those that require a gradient are trained."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return the entries of a checkpoint."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the entries of a checkpoint."""
        ...


class Trainer:
    """Train with AdamW and a linear warm-up and decay; write checkpoints and a log to the run's folder.

    Args:
        folder: Where checkpoint and log are written.
        trained: What is trained.
        settings: Learning rate, weight decay and warm-up.
        steps: Steps of the complete run; the learning rate reaches 0 at its end.
        report: Called with the progress after each step.
        averaged: A network whose weights are averaged over the run, updated every `AVERAGE_EVERY` steps.
        average_decay: Decay per step of the averaged weights.
        checkpoint_seconds: Seconds between two checkpoints.
        log_every: Steps between two lines of the log.
        smoothing: Weight of the previous running mean of the loss.
        heads: Parameters that are trained at another learning rate.
        head_factor: Their learning rate, as a multiple of the others'.
    """

    def __init__(
        self,
        folder: RunFolder,
        trained: TrainState,
        settings: OptimiserSettings,
        steps: int,
        *,
        report: Callable[[TrainingProgress], None],
        averaged: nn.Module | None = None,
        average_decay: float = 0.0,
        checkpoint_seconds: float = 300.0,
        log_every: int = 50,
        smoothing: float = 0.99,
        heads: Sequence[nn.Parameter] = (),
        head_factor: float = 1.0,
    ) -> None:
        self.step = 0
        """Steps done."""
        self.steps = steps
        self._folder, self._trained = folder, trained
        self._averaged, self._average_decay = averaged, average_decay
        self._average = self._moving_average(averaged) if averaged is not None else None
        self._parameters = [weight for weight in trained.parameters() if weight.requires_grad]
        fast = {id(weight) for weight in heads}
        groups: list[dict[str, Any]] = [
            {"params": [weight for weight in self._parameters if id(weight) not in fast]},
            {"params": list(heads), "lr": settings.learning_rate * head_factor},
        ]
        self._optimizer = torch.optim.AdamW(
            groups if heads else self._parameters,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer, lambda step: linear_warmup_and_decay(step, steps, settings.warmup)
        )
        self._report, self._log_every, self._smoothing = report, log_every, smoothing
        self._checkpoint_seconds = checkpoint_seconds
        self._started = self._saved = time.monotonic()
        self._items, self._mean_loss = 0, 0.0

    @property
    def average(self) -> nn.Module:
        """Return the network with averaged weights, for evaluation: the result of a run."""
        assert self._average is not None, "nothing is averaged in this run"
        return self._average.module

    def resume(self, device: torch.device | str = "cpu") -> None:
        """Restore the folder's checkpoint if there is one."""
        if not self._folder.checkpoint.exists():
            return
        state = torch.load(self._folder.checkpoint, map_location=device)
        self._trained.load_state_dict(state)
        if self._average is not None:
            self._average.module.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self.step = int(state["step"])
        if "random" in state:  # an adapter's checkpoint of version 0.1 has none
            torch.set_rng_state(state["random"].cpu())
        self._folder.log(resumed=self.step)

    def save(self) -> None:
        """Write a checkpoint."""
        shared = {
            "step": self.step,
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "random": torch.get_rng_state(),
        }
        if self._average is not None:
            shared["average"] = self._average.module.state_dict()
        self._folder.save_checkpoint(self._trained.state_dict() | shared)

    def train(self, batches: Iterable[BatchT], loss: Callable[[BatchT], Tensor], size: Callable[[BatchT], int]) -> None:
        """Take one step per batch.

        Args:
            batches: The batches of the steps that are not done yet.
            loss: Returns the mean loss of a batch.
            size: Returns the number of samples or tokens of a batch, for the rate.
        """
        for batch in batches:
            value = self._descend(loss(batch))
            self._items += size(batch)
            previous = self._mean_loss or value
            self._mean_loss = self._smoothing * previous + (1 - self._smoothing) * value
            self._tell()
            if time.monotonic() - self._saved > self._checkpoint_seconds:
                self.save()
                self._saved = time.monotonic()

    def _descend(self, loss: Tensor) -> float:
        """Take one optimiser step; return the loss."""
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self._schedule.step()
        self.step += 1
        is_due = self.step % AVERAGE_EVERY == 0 or self.step == self.steps
        if is_due and self._average is not None and self._averaged is not None:
            self._average.update_parameters(self._averaged)
        return float(loss.detach())

    def _moving_average(self, network: nn.Module) -> AveragedModel:
        """Return an exponential moving average of a network's weights; early in a run it follows closely."""

        def average(old: Tensor, new: Tensor, _: Tensor | int) -> Tensor:
            decay = min(self._average_decay**AVERAGE_EVERY, self.step / (self.step + 100))
            return old.lerp(new, 1 - decay)

        model = AveragedModel(network, avg_fn=average)
        model.n_averaged.fill_(1)  # else the first update replaces the initial weights instead of averaging them in
        model.module.eval().requires_grad_(False)
        return model

    def _tell(self) -> None:
        rate = self._items / (time.monotonic() - self._started)
        if self.step % self._log_every == 0:
            loss = round(self._mean_loss, 4)
            self._folder.log(step=self.step, steps=self.steps, loss=loss, rate=round(rate, 1))
        self._report(TrainingProgress(self.step, self.steps, self._mean_loss, rate))


def linear_warmup_and_decay(step: int, steps: int, warmup: float) -> float:
    """Return the factor of the learning rate: linear warm-up, then linear decay to 0 at the last step.

    Not `transformers.get_linear_schedule_with_warmup`: there the first step has rate 0 and is lost, which counts in
    runs of few steps, and every later step of the warm-up lags one behind.
    """
    rising = max(1, round(steps * warmup))
    return (step + 1) / rising if step < rising else max(0.0, (steps - step) / max(1, steps - rising))


def length_bucketed_batches(lengths: Sequence[int], size: int, seed: str, pool: int = 200) -> list[list[int]]:
    """Return shuffled batches of indices whose samples have similar lengths.

    Samples are shuffled, sorted by length within pools of `pool` batches, and the batches are shuffled again: little
    padding, and another order in each pass.
    """
    rng = random.Random(seed)
    order = list(range(len(lengths)))
    rng.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), size * pool):
        part = sorted(order[start : start + size * pool], key=lambda i: lengths[i])
        batches += [part[i : i + size] for i in range(0, len(part), size)]
    rng.shuffle(batches)
    return batches
