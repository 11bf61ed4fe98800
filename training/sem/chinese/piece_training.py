"""Training of Chinese pieces: their embeddings alone, so that a translation reads as its English original.

The trunk and its heads stay as they are, and with them every reading of an English text.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ....contract import Turn
from ....data.conversations import Conversation
from ....sem.runtime.encoding import DialogueEncoder, Encoded, pad
from ....sem.taxonomy import Taxonomy
from ...run_folder import RunFolder
from ...trainer import Trainer, TrainingProgress, length_bucketed_batches
from .restored_sem import RestoredSem

Turns = tuple[Turn, ...]
VECTOR_TEMPERATURE = 0.05


class PieceRecipe(BaseModel):
    """The settings of a run."""

    model_config = ConfigDict(frozen=True)

    passes: float = Field(default=4, gt=0)
    batch_size: int = Field(default=24, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0)
    warmup: float = Field(default=0.05, ge=0, le=1)
    weight_decay: float = 0.0
    label_weight: float = Field(default=1.0, ge=0, description="Weight of the cross-entropy to the labels")
    teacher_weight: float = Field(default=1.0, ge=0, description="Weight of that to the reading of the original")
    teacher_temperature: float = Field(default=2.0, gt=0)
    feature_weight: float = Field(default=2.0, ge=0, description="Weight of the distance to the original's features")
    vector_weight: float = Field(default=0.5, ge=0, description="Weight of finding the original's sentence vector")
    piece_dropout: float = Field(default=0.1, ge=0, lt=1, description="Share of Chinese tokens that are hidden")
    trained_layers: int = Field(default=0, ge=0, description="Upper layers of the trunk that are trained, too")
    english: float = Field(default=0, ge=0, description="English samples beside each Chinese one; for trained layers")
    last_turn_view: float = Field(default=0.25, ge=0, le=1, description="Share of samples that are one turn alone")
    average_decay: float = Field(default=0.99, ge=0, lt=1)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Translated:
    """A context, its English original, and the label."""

    turns: Turns
    original: Turns
    emotion: str


@dataclass
class PieceRun:
    """One run in its own folder.

    Args:
        folder: Holds `recipe.json`, `checkpoint.pt`, `log.jsonl` and, at the end, `network.pt`.
        recipe: What to train.
        taxonomy: The labels, in the network's order.
        network: The restored SEM with rows for the new pieces at the end of its word embeddings.
        encoder: The extended tokenizer's encoder.
        rows: Embedding row of each token id.
        old: Number of rows that stay as they are.
        chinese: Translations of English conversations.
        english: Those conversations, by `conv_id`, and others.
        report: Called with the progress after each step.
    """

    folder: Path
    recipe: PieceRecipe
    taxonomy: Taxonomy
    network: RestoredSem
    encoder: DialogueEncoder
    rows: Sequence[int]
    old: int
    chinese: Sequence[Conversation]
    english: dict[str, Conversation]
    report: Callable[[TrainingProgress], None] = field(default=lambda progress: None)
    checkpoint_seconds: float = 180.0

    def __post_init__(self) -> None:
        self._files = RunFolder(self.folder, self.recipe)
        torch.manual_seed(self.recipe.seed)
        self._rows = torch.tensor(self.rows)
        self._teacher: dict[Turns, tuple[Tensor, ...]] = {}
        words = self._words
        fixed = torch.ones(words.num_embeddings, 1)
        fixed[self.old :] = 0
        self.network.requires_grad_(False)
        words.weight.requires_grad_(True)
        words.weight.register_hook(lambda gradient: gradient * (1 - fixed))  # type: ignore[no-untyped-call]
        layers: Any = self.network.emotion.trunk.encoder.layer  # type: ignore[union-attr]
        for layer in layers[len(layers) - self.recipe.trained_layers :]:
            layer.requires_grad_(True)

    @property
    def _words(self) -> nn.Embedding:
        words: nn.Embedding = self.network.emotion.trunk.embeddings.word_embeddings  # type: ignore[union-attr, assignment]
        return words

    def train(self) -> RestoredSem:
        """Train to the end, resuming from the folder's checkpoint; return the network with averaged weights."""
        plan = [self._plan_pass(number) for number in range(ceil(self.recipe.passes))]
        batches = [batch for part in plan for batch in part]
        self._read_originals([sample for batch in batches for sample in batch])
        trainer = Trainer(
            self._files,
            self,
            self.recipe,
            len(batches),
            report=self.report,
            averaged=self.network,
            average_decay=self.recipe.average_decay,
            checkpoint_seconds=self.checkpoint_seconds,
            log_every=10,
            smoothing=0.95,
        )
        trainer.resume()
        try:
            trainer.train(iter(batches[trainer.step :]), self._loss, size=len)
        finally:
            trainer.save()
        network = trainer.average
        assert isinstance(network, RestoredSem)
        torch.save(network.state_dict(), self.folder / "network.pt")
        return network

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the parameters."""
        return self.network.parameters()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the network."""
        return {"network": self.network.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of the network."""
        self.network.load_state_dict(state["network"])

    def _plan_pass(self, number: int) -> list[list[Translated]]:
        rng = random.Random(f"{self.recipe.seed}:{number}")
        samples: list[Translated] = []
        for conversation in self.chinese:
            original = self.english[conversation.conv_id]
            samples += list(_samples(conversation, original, self.recipe, rng))
        for conversation in rng.sample(list(self.english.values()), round(self.recipe.english * len(samples))):
            samples += list(_samples(conversation, conversation, self.recipe, rng))[-1:]
        lengths = [len(row.ids) for row in self.encoder.batch([sample.turns for sample in samples])]
        order = length_bucketed_batches(lengths, self.recipe.batch_size, f"{self.recipe.seed}:{number}", pool=10)
        batches = [[samples[i] for i in indices] for indices in order if len(indices) > 1]
        return batches[: ceil(len(batches) * (self.recipe.passes - number))]

    def _read_originals(self, samples: Sequence[Translated]) -> None:
        """Read all originals once with the network as it is before training."""
        missing = list({sample.original for sample in samples} - self._teacher.keys())
        encoded = self.encoder.batch(missing)
        order = sorted(range(len(missing)), key=lambda i: len(encoded[i].ids))
        self.network.eval()
        with torch.no_grad():
            for start in range(0, len(order), 64):
                indices = order[start : start + 64]
                outputs = self._forward([encoded[i] for i in indices])
                for row, index in enumerate(indices):
                    self._teacher[missing[index]] = tuple(output[row].clone() for output in outputs)
        self._files.log(originals=len(missing))

    def _forward(self, encoded: Sequence[Encoded], hide: float = 0) -> tuple[Tensor, ...]:
        tensors = {name: torch.from_numpy(array) for name, array in pad(encoded).items()}
        rows = self._rows[tensors["input_ids"]]
        if hide:
            is_hidden = (torch.rand(rows.shape) < hide) & (rows >= self.old)
            tensors["attention_mask"] = tensors["attention_mask"] * ~is_hidden
        outputs: tuple[Tensor, ...] = self.network(rows, tensors["attention_mask"], tensors["token_type_ids"])
        return outputs

    def _loss(self, batch: Sequence[Translated]) -> Tensor:
        recipe, names = self.recipe, self.taxonomy.labels
        logits, pooled, vectors = self._forward(self.encoder.batch([s.turns for s in batch]), recipe.piece_dropout)
        targets = [torch.stack(rows) for rows in zip(*(self._teacher[s.original] for s in batch), strict=True)]
        labels = torch.tensor([names.index(sample.emotion) for sample in batch])
        loss = recipe.label_weight * nn.functional.cross_entropy(logits, labels)
        soft, temperature = (targets[0] / recipe.teacher_temperature).softmax(-1), recipe.teacher_temperature
        loss = loss + recipe.teacher_weight * nn.functional.cross_entropy(logits / temperature, soft)
        loss = loss + recipe.feature_weight * (1 - nn.functional.cosine_similarity(pooled, targets[1])).mean()
        similarity = vectors @ targets[2].T / VECTOR_TEMPERATURE
        loss = loss + recipe.vector_weight * nn.functional.cross_entropy(similarity, torch.arange(len(batch)))
        return loss


def _samples(
    conversation: Conversation, original: Conversation, recipe: PieceRecipe, rng: random.Random
) -> Iterator[Translated]:
    """Yield the whole context of a conversation, and a shorter one of it where it has several turns."""
    cuts = [i for i, turn in enumerate(conversation.turns) if turn.role == "listener" and i]
    cut = cuts[-1] if cuts else len(conversation.turns)
    cut = min(cut, len(original.turns))
    turns, source = conversation.turns[:cut], original.turns[:cut]
    yield Translated(turns, source, conversation.emotion)
    if len(turns) > 1:
        if rng.random() < recipe.last_turn_view:
            index = rng.randrange(len(turns))
            yield Translated(turns[index : index + 1], source[index : index + 1], conversation.emotion)
        else:
            count = rng.choice(range(1, len(turns), 2)) if len(turns) > 2 else 1
            yield Translated(turns[:count], source[:count], conversation.emotion)
