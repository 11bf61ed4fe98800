"""A training run of the bilingual network, with checkpoints, in its own folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from ....contract import SetupError
from ....data.conversations import split
from ....sem.registry import resolve_sem
from ....sem.runtime.encoding import DialogueEncoder, Encoded, pad
from ....sem.taxonomy import Taxonomy
from ...run_folder import RunFolder
from ...trainer import Trainer, TrainingProgress, length_bucketed_batches
from ..emotion_network import WIDTH_MULTIPLE, autocast
from .bilingual_network import BilingualNetwork, BilingualOutputs
from .bilingual_recipe import BilingualRecipe
from .bilingual_samples import BilingualData, BilingualSample, Turns, plan_pass

BATCHES_PER_LESSON = 16
"""Batches whose soft labels the teacher gives at a time."""
UNLABELLED = -100
"""The index that PyTorch's cross-entropy ignores."""

Row: TypeAlias = tuple[BilingualSample, Encoded, Tensor | None]


@dataclass
class BilingualRun:
    """One training run in its own folder.

    Args:
        folder: Holds `recipe.json`, `checkpoint.pt`, `log.jsonl` and, at the end, `network.pt`.
        recipe: What to train.
        taxonomy: The labels.
        data: What to learn from; a share of the conversations is held out for calibration, in both languages.
        checkpoint_seconds: Seconds between two checkpoints.
        report: Called with the progress after each step.

    Raises:
        SetupError: The folder's run began with another recipe, or the backbone or the start cannot be read.
    """

    folder: Path
    recipe: BilingualRecipe
    taxonomy: Taxonomy
    data: BilingualData
    checkpoint_seconds: float = 180.0
    report: Callable[[TrainingProgress], None] = field(default=lambda progress: None)

    def __post_init__(self) -> None:
        self._files = RunFolder(self.folder, self.recipe)
        torch.manual_seed(self.recipe.seed)
        fitted, self.held_out = split(self.data.english, self.recipe.held_out, self.recipe.seed)
        names = {conversation.conv_id for conversation in self.held_out}
        self.held_out_chinese = [one for one in self.data.chinese if one.conv_id in names]
        chinese = [one for one in self.data.chinese if one.conv_id not in names]
        self._fitted = BilingualData(fitted, chinese, self.data.plain, self.data.emotional, self.data.small_talk)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network, self.encoder = open_network(self.recipe, self.taxonomy)
        if self.recipe.start:
            path = RunFolder(Path(self.recipe.start), load_recipe(Path(self.recipe.start))).finished("network.pt")
            self.network.load_state_dict(torch.load(path, map_location="cpu"))
        self.network.to(self.device)
        self.network.set_dropout(self.recipe.dropout)
        self.network.dropout.p = 0.1
        self.network.freeze(self.recipe.frozen_layers)

    def train(self) -> BilingualNetwork:
        """Train to the end, resuming from the folder's checkpoint; return the network with averaged weights.

        A `KeyboardInterrupt` writes a checkpoint and is raised again.
        """
        plan = [self._plan_pass(number) for number in range(ceil(self.recipe.passes))]
        trainer = Trainer(
            self._files,
            _State(self.network),
            self.recipe,
            sum(len(order) for _, order in plan),
            report=self.report,
            averaged=self.network,
            average_decay=self.recipe.average_decay,
            checkpoint_seconds=self.checkpoint_seconds,
            log_every=10,
            smoothing=0.95,
            heads=self.network.heads,
            head_factor=self.recipe.head_factor,
        )
        trainer.resume(self.device)
        batches = [[samples[i] for i in indices] for samples, order in plan for indices in order]
        try:
            trainer.train(self._lessons(batches[trainer.step :]), self._loss, size=len)
        finally:
            trainer.save()
        network = trainer.average
        assert isinstance(network, BilingualNetwork)
        torch.save(network.state_dict(), self.folder / "network.pt")
        return network

    def _plan_pass(self, number: int) -> tuple[list[BilingualSample], list[list[int]]]:
        """Return the samples of one pass and its batches; the last pass may be a part of one."""
        samples = plan_pass(self._fitted, self.recipe, number)
        lengths = [len(row.ids) for row in self.encoder.batch([sample.turns for sample in samples])]
        order = length_bucketed_batches(lengths, self.recipe.batch_size, f"{self.recipe.seed}:{number}", pool=50)
        return samples, order[: ceil(len(order) * (self.recipe.passes - number))]

    def _lessons(self, batches: Sequence[list[BilingualSample]]) -> Iterator[list[Row]]:
        """Yield the batches with token ids, and the teacher's logits of the samples that it can read."""
        teacher = resolve_sem(self.recipe.teacher) if self.recipe.teacher else None
        for start in range(0, len(batches), BATCHES_PER_LESSON):
            part = batches[start : start + BATCHES_PER_LESSON]
            soft_labels = self._soft_labels(teacher, [sample for batch in part for sample in batch])
            for batch in part:
                encoded = self.encoder.batch([sample.turns for sample in batch])
                yield [(s, e, soft_labels.get(s.taught)) for s, e in zip(batch, encoded, strict=True)]

    def _soft_labels(self, teacher: Any, samples: Sequence[BilingualSample]) -> dict[Turns, Tensor]:
        dialogues = list({sample.taught for sample in samples if sample.taught})
        if teacher is None or not dialogues:
            return {}
        labels = teacher.description.taxonomy.labels
        order = [labels.index(label) for label in self.taxonomy.labels]
        logits = torch.from_numpy(np.asarray(teacher.logits(dialogues))[:, order]).float()
        return dict(zip(dialogues, logits.to(self.device), strict=True))

    def _loss(self, batch: list[Row]) -> Tensor:
        """Return the mean loss of a batch."""
        self.network.train()
        samples = [sample for sample, _, _ in batch]
        current = current_tokens(samples, [encoded for _, encoded, _ in batch])
        arrays = pad([encoded for _, encoded, _ in batch], WIDTH_MULTIPLE)
        tensors = {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}
        mask = torch.zeros(tensors["input_ids"].shape)
        for row, tokens in enumerate(current):
            mask[row, : len(tokens)] = torch.from_numpy(tokens)
        with autocast(self.device):
            outputs: BilingualOutputs = self.network(**tensors, current=mask.to(self.device))
        loss = self._emotion_loss(outputs.logits.float(), samples, [row for _, _, row in batch])
        loss = loss + self.recipe.neutral_weight * _neutral_loss(outputs.neutral.float(), samples)
        ends = (tensors["input_ids"] == self.network.separator) & (tensors["attention_mask"] == 1)
        return loss + self.recipe.topic_weight * _topic_loss(outputs.topic.float(), mask.to(self.device), ends)

    def _emotion_loss(
        self, logits: Tensor, samples: Sequence[BilingualSample], soft: Sequence[Tensor | None]
    ) -> Tensor:
        """Return the mean cross-entropy to the labels and to the teacher (Hinton et al., 2015)."""
        names, temperature = self.taxonomy.labels, self.recipe.teacher_temperature
        rows = [i for i, sample in enumerate(samples) if sample.emotion]
        if not rows:
            return logits.sum() * 0
        labels = torch.tensor([names.index(samples[i].emotion) for i in rows], device=logits.device)
        hard = nn.functional.cross_entropy(logits[rows], labels, reduction="none")
        taught = [place for place, i in enumerate(rows) if soft[i] is not None]
        if taught:
            targets = torch.stack([label for i in rows if (label := soft[i]) is not None])
            softened = (logits[rows][taught] / temperature).log_softmax(-1)
            distilled = -((targets / temperature).softmax(-1) * softened).sum(-1) * temperature**2
            weight = self.recipe.teacher_weight
            index = (torch.tensor(taught, device=logits.device),)
            hard = hard.index_put(index, (1 - weight) * hard[taught] + weight * distilled)
        return hard.sum() / len(samples)


@dataclass(frozen=True, slots=True)
class _State:
    """What a run trains."""

    network: BilingualNetwork

    def parameters(self) -> Iterable[nn.Parameter]:
        return self.network.parameters()

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.network.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])


def open_network(recipe: BilingualRecipe, taxonomy: Taxonomy) -> tuple[BilingualNetwork, DialogueEncoder]:
    """Return the untrained network of a recipe and its encoder."""
    folder = Path(recipe.backbone)
    if not (folder / "tokenizer.json").is_file():
        raise SetupError(f"no backbone in {folder}: expected an encoder that `cut_encoder` wrote")
    encoder = DialogueEncoder(Tokenizer.from_file(str(folder / "tokenizer.json")), recipe.max_tokens)
    network = BilingualNetwork.from_backbone(folder, len(taxonomy.labels))
    assert isinstance(network, BilingualNetwork)
    network.separator = encoder.end
    return network, encoder


def load_recipe(folder: Path) -> BilingualRecipe:
    """Return the recipe of a run's folder."""
    return BilingualRecipe.model_validate_json((folder / "recipe.json").read_text("utf-8"))


def current_tokens(samples: Sequence[BilingualSample], encoded: Sequence[Encoded]) -> list[np.ndarray[Any, Any]]:
    """Return for each sample which of its tokens are of the current topic, with the separator of their turn."""
    return [_current_tokens(sample, row) for sample, row in zip(samples, encoded, strict=True)]


def _current_tokens(sample: BilingualSample, encoded: Encoded) -> np.ndarray[Any, Any]:
    if not sample.current:
        return np.ones(len(encoded.ids), dtype=np.float32)
    turn = len(sample.turns) - 1
    flags = np.ones(len(encoded.ids), dtype=np.float32)
    for place in range(len(encoded.ids) - 1, -1, -1):
        offset = encoded.offsets[place]
        if offset is not None:
            turn = offset[0]
        elif place + 1 < len(encoded.ids):  # a separator belongs to the turn before it
            before = next((o[0] for o in reversed(encoded.offsets[:place]) if o is not None), turn)
            turn = before
        flags[place] = sample.current[turn]
    return flags


def _neutral_loss(logits: Tensor, samples: Sequence[BilingualSample]) -> Tensor:
    rows = [i for i, sample in enumerate(samples) if sample.neutral is not None]
    targets = torch.tensor([samples[i].neutral for i in rows], device=logits.device)
    loss = nn.functional.binary_cross_entropy_with_logits(logits[rows], targets, reduction="sum")
    return loss / len(samples)


def _topic_loss(logits: Tensor, current: Tensor, ends: Tensor) -> Tensor:
    """Return the mean loss of the turns before the last one of each dialogue, 0 where there are none."""
    number = ends.cumsum(1)
    earlier = ends & (number < number[:, -1:])
    if not earlier.any():
        return logits.sum() * 0
    return nn.functional.binary_cross_entropy_with_logits(logits[earlier], current[earlier])
