"""A training run of an adapter, with checkpoints and a log in its own folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ...data.conversations import Conversation, split
from ...sem import Sem
from ..run_folder import RunFolder
from ..soft_labels import SoftLabels, label_samples
from ..trainer import Trainer, TrainingProgress, length_bucketed_batches
from .adapter_loss import AdapterMetrics, adapter_loss, measure
from .adapter_recipe import AdapterRecipe
from .adapter_samples import (
    Exchange,
    TokenisedExchange,
    Tokeniser,
    all_exchanges,
    sample_exchanges,
    with_causes,
    with_memories,
)
from .lora import load_adapter, load_lora, lora_state, with_lora
from .shared_prefix import target_logits

Batch: TypeAlias = list[tuple[Exchange, TokenisedExchange]]


@dataclass
class AdapterRun:
    """One run in its own folder: `recipe.json`, `checkpoint.pt`, `log.jsonl` and, at the end, `adapter.pt`.

    Args:
        folder: The folder.
        recipe: What to train.
        model: The causal language model, frozen except for its low-rank matrices.
        tokenizer: Its tokenizer, with a chat template.
        sem: Finds the cause words in the prompts; its taxonomy has the labels.
        conversations: The training split; a share of it is held out.
        checkpoint_seconds: Seconds between two checkpoints.
        report: Called with the progress after each step.

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
    report: Callable[[TrainingProgress], None] = field(default=lambda progress: None)

    def __post_init__(self) -> None:
        self._files = RunFolder(self.folder, self.recipe)
        torch.manual_seed(self.recipe.seed)
        self.fitted, self.held_out = split(self.conversations, self.recipe.held_out, self.recipe.seed)
        self.labels = self.sem.description.taxonomy.labels
        self.tokeniser = Tokeniser(self.tokenizer, self.model.generation_config.eos_token_id)
        self.first_tokens = self.tokeniser.first_tokens(self.labels)
        self.model = with_lora(self.model, self.recipe)
        if self.recipe.start:
            load_adapter(self.model, Path(self.recipe.start))

    def train(self) -> Any:
        """Train to the end, resuming from the folder's checkpoint if there is one; return the model.

        A `KeyboardInterrupt` writes a checkpoint and is raised again.
        """
        plan = [batch for number in range(ceil(self.recipe.passes)) for batch in self._plan_pass(number)]
        samples = [row.sample for batch in plan for row, _ in batch]
        soft_labels = label_samples(self._files, self.recipe.teachers, self.sem.description.taxonomy, samples)
        trainer = Trainer(
            self._files,
            _State(self.model),
            self.recipe,
            len(plan),
            report=self.report,
            checkpoint_seconds=self.checkpoint_seconds,
            log_every=20,
            smoothing=0.98,
        )
        trainer.resume()
        self.model.train()
        try:
            trainer.train(plan[trainer.step :], lambda batch: self._loss(batch, soft_labels), size=_count_tokens)
        finally:
            trainer.save()
        torch.save(lora_state(self.model), self.folder / "adapter.pt")
        return self.model.eval()

    def finished(self) -> Any:
        """Return the model with the matrices that `train` saved.

        Raises:
            SetupError: The run has not finished.
        """
        load_lora(self.model, torch.load(self._files.finished("adapter.pt"), map_location="cpu"))
        return self.model.eval()

    def measure(self, conversations: Sequence[Conversation] | None = None, limit: int | None = None) -> AdapterMetrics:
        """Return the metrics of label and reply on listener turns.

        Args:
            conversations: None means the held-out training conversations.
            limit: Maximum number of turns, evenly spaced.
        """
        rows = all_exchanges(self.held_out if conversations is None else conversations)
        if limit and limit < len(rows):
            rows = [rows[i * len(rows) // limit] for i in range(limit)]
        rows = with_causes(rows, self.sem, 0.0, self.recipe.seed)
        return measure(self.model, self.tokeniser, rows, self.first_tokens, self.labels)

    def _plan_pass(self, number: int) -> Iterator[Batch]:
        """Yield the batches of one pass; the last pass may be a part of one."""
        rows = sample_exchanges(self.fitted, self.recipe.seed, number)
        rows = rows[: ceil(len(rows) * min(1.0, self.recipe.passes - number))]
        replies = ceil(len(rows) * self.recipe.replies)
        drafts = with_memories(rows[:replies], self.sem, self.recipe.memories, f"{self.recipe.seed}:{number}")
        rows = with_causes([*drafts, *rows[replies:]], self.sem, self.recipe.causes_left_out, self.recipe.seed)
        tokenised = [self.tokeniser.tokenise(row) for row in rows]
        tokenised = [tokens if i < replies else tokens.without_reply() for i, tokens in enumerate(tokenised)]
        pairs = [
            (row, tokens)
            for row, tokens in zip(rows, tokenised, strict=True)
            if len(tokens.ids) <= self.recipe.max_tokens
        ]
        lengths = [len(tokens.ids) for _, tokens in pairs]
        for batch in length_bucketed_batches(lengths, self.recipe.batch_size, f"{self.recipe.seed}:{number}", pool=50):
            yield [pairs[i] for i in batch]

    def _loss(self, batch: Batch, soft_labels: SoftLabels | None) -> Tensor:
        output = target_logits(self.model, [tokens for _, tokens in batch])
        targets = [soft_labels.get(row.sample) if soft_labels else None for row, _ in batch]
        return adapter_loss(output, self.recipe, self.first_tokens, [soft.logits if soft else None for soft in targets])


@dataclass(frozen=True, slots=True)
class _State:
    """The low-rank matrices of a model as the trained state of a run."""

    model: nn.Module

    def parameters(self) -> Iterable[nn.Parameter]:
        return self.model.parameters()

    def state_dict(self) -> dict[str, Any]:
        return {"lora": lora_state(self.model)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        load_lora(self.model, state["lora"])


def _count_tokens(batch: Batch) -> int:
    return sum(len(tokens.ids) for _, tokens in batch)
