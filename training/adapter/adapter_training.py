"""The training loop of an adapter: it keeps checkpoints and a log in a folder of its own, and goes on from there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ...data.conversations import Conversation, split
from ...sem import Sem
from ..batching import batches
from ..run_folder import RunFolder
from ..soft_labels import SoftLabels
from .adapter_learner import Learner
from .adapter_loss import loss_of
from .adapter_metrics import AdapterFigures, measure
from .adapter_recipe import AdapterRecipe
from .adapter_samples import Exchange, Lesson, Writer, all_exchanges, exchanges, with_causes
from .lora import load_lora, lora_state, start_from, with_lora
from .memory_examples import with_memories
from .shared_prefix import score

LOGGED = 20
"""Steps between two lines of the log."""
Batch: TypeAlias = list[tuple[Exchange, Lesson]]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands, handed to the caller after each step."""

    step: int
    """Steps done."""
    steps: int
    """Steps in all."""
    loss: float
    """Running mean of the loss."""
    tokens_per_second: float
    """Since this process started."""


@dataclass
class AdapterRun:
    """One run in a folder of its own: `recipe.json`, `checkpoint.pt`, `log.jsonl` and, at the end, `adapter.pt`.

    Args:
        folder: Where the run lives.
        recipe: What to train.
        model: The causal language model, frozen but for its new matrices.
        tokenizer: Its tokenizer, with a chat template.
        sem: Names the cause words in the prompts; its taxonomy holds the labels.
        conversations: The training split; a share of it is held out.
        checkpoint_seconds: How often a checkpoint is written.
        report: Told of the progress after each step.

    Raises:
        SetupError: The folder's run began with another recipe, or the model cannot learn it.
    """

    folder: Path
    recipe: AdapterRecipe
    model: Any
    tokenizer: Any
    sem: Sem
    conversations: Sequence[Conversation]
    checkpoint_seconds: float = 300.0
    report: Callable[[Progress], None] = field(default=lambda progress: None)

    def __post_init__(self) -> None:
        self._kept = RunFolder(self.folder, self.recipe)
        torch.manual_seed(self.recipe.seed)
        self.fitted, self.held_out = split(self.conversations, self.recipe.held_out, self.recipe.seed)
        self.labels = self.sem.description.taxonomy.labels
        self.writer = Writer(self.tokenizer, self.model.generation_config.eos_token_id)
        self.firsts = self.writer.first_tokens(self.labels)
        self.model = with_lora(self.model, self.recipe)
        if self.recipe.start:
            start_from(self.model, Path(self.recipe.start))

    def train(self) -> Any:
        """Train to the end, going on from the folder's checkpoint if there is one; return the model.

        A `KeyboardInterrupt` writes a checkpoint and is raised again.
        """
        plan = [batch for number in range(ceil(self.recipe.passes)) for batch in self._plan(number)]
        asked = [row.sample for batch in plan for row, _ in batch]
        taught = self._kept.soft_labels(self.recipe.teachers, self.sem.description.taxonomy, asked)
        learner = Learner(self.model, self.recipe, len(plan))
        if self._kept.checkpoint.exists():
            learner.load(self._kept.checkpoint)
            self._kept.log(resumed=learner.step)
        self.model.train()
        try:
            self._steps(plan, learner, taught)
        finally:
            learner.save(self._kept.checkpoint)
        torch.save(lora_state(self.model), self.folder / "adapter.pt")
        return self.model.eval()

    def finished(self) -> Any:
        """Return the model with what `train` left.

        Raises:
            SetupError: The run has not finished.
        """
        load_lora(self.model, torch.load(self._kept.finished("adapter.pt"), map_location="cpu"))
        return self.model.eval()

    def measure(self, conversations: Sequence[Conversation] | None = None, limit: int | None = None) -> AdapterFigures:
        """Return how well label and reply are foreseen on listener turns.

        Args:
            conversations: None takes the held-out training conversations.
            limit: So many turns at most, evenly drawn.
        """
        rows = all_exchanges(self.held_out if conversations is None else conversations)
        if limit and limit < len(rows):
            rows = [rows[i * len(rows) // limit] for i in range(limit)]
        return measure(
            self.model, self.writer, with_causes(rows, self.sem, 0.0, self.recipe.seed), self.firsts, self.labels
        )

    def _plan(self, number: int) -> Iterator[Batch]:
        """Yield the batches of one pass; the last pass may be a part of one."""
        found = exchanges(self.fitted, self.recipe.seed, number)
        part = min(1.0, self.recipe.passes - number)
        found = found[: ceil(len(found) * part)]
        replied = ceil(len(found) * self.recipe.replies)
        drafted = with_memories(found[:replied], self.sem, self.recipe.memories, f"{self.recipe.seed}:{number}")
        rows = with_causes([*drafted, *found[replied:]], self.sem, self.recipe.causes_left_out, self.recipe.seed)
        pairs = [(row, self.writer.write(row)) for row in rows]
        pairs = [(row, held if at < replied else held.judgement()) for at, (row, held) in enumerate(pairs)]
        pairs = [pair for pair in pairs if len(pair[1].ids) <= self.recipe.max_tokens]
        lengths = [len(lesson.ids) for _, lesson in pairs]
        for batch in batches(lengths, self.recipe.batch_size, f"{self.recipe.seed}:{number}", pool=50):
            yield [pairs[i] for i in batch]

    def _steps(self, plan: list[Batch], learner: Learner, taught: SoftLabels | None) -> None:
        began, seen, mean, saved = time.monotonic(), 0, 0.0, time.monotonic()
        for batch in plan[learner.step :]:
            loss = learner.learn(self._loss(batch, taught))
            seen += sum(len(lesson.ids) for _, lesson in batch)
            mean = 0.98 * mean + 0.02 * loss if mean else loss
            self._tell(Progress(learner.step, learner.steps, mean, seen / (time.monotonic() - began)))
            if time.monotonic() - saved > self.checkpoint_seconds:
                learner.save(self._kept.checkpoint)
                saved = time.monotonic()

    def _loss(self, batch: Batch, taught: SoftLabels | None) -> Tensor:
        scores = score(self.model, [lesson for _, lesson in batch])
        said = [taught.of(row.sample) if taught else None for row, _ in batch]
        return loss_of(scores, self.recipe, self.firsts, [row.logits if row else None for row in said])

    def _tell(self, progress: Progress) -> None:
        if progress.step % LOGGED == 0:
            rate = round(progress.tokens_per_second, 1)
            self._kept.log(step=progress.step, steps=progress.steps, loss=round(progress.loss, 4), rate=rate)
        self.report(progress)
