"""A training run of the emotion network: passes over the conversations, with checkpoints, in its own folder."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from ...contract import SetupError, Turn
from ...data.conversations import Conversation, Sample, listener_turns, split
from ...sem.runtime.encoding import DialogueEncoder, Encoded
from ...sem.taxonomy import Taxonomy
from ..run_folder import RunFolder
from ..soft_labels import SoftLabels, label_samples, mean_weights
from ..trainer import Trainer, TrainingProgress, length_bucketed_batches
from .emotion_loss import UNLABELLED, EmotionLoss
from .emotion_network import EmotionNetwork, Forward, resolve_backbone
from .sem_recipe import SemRecipe

Batch: TypeAlias = list[tuple[Sample, Encoded]]


@dataclass
class SemRun:
    """One training run in its own folder.

    Args:
        folder: Holds `recipe.json`, `checkpoint.pt`, `log.jsonl` and, at the end, `network.pt`.
        recipe: What to train.
        taxonomy: The labels.
        conversations: The training split; a share of it is held out for calibration.
        further: Samples that each pass holds, too; those without a label are for the recipe's teachers to label.
        checkpoint_seconds: Seconds between two checkpoints.
        report: Called with the progress after each step.

    Raises:
        SetupError: The folder's run began with another recipe; the backbone, start or a teacher cannot be found;
            samples without a label, or a `feature_weight`, have no teacher; or there are too few
            conversations to hold a share out.
    """

    folder: Path
    recipe: SemRecipe
    taxonomy: Taxonomy
    conversations: Sequence[Conversation]
    further: Sequence[Sample] = ()
    checkpoint_seconds: float = 300.0
    report: Callable[[TrainingProgress], None] = field(default=lambda progress: None)

    def __post_init__(self) -> None:
        self._files = RunFolder(self.folder, self.recipe)
        torch.manual_seed(self.recipe.seed)
        self.fitted, self.held_out = split(self.conversations, self.recipe.held_out, self.recipe.seed)
        if not self.fitted or not any(listener_turns(self.held_out)):
            raise SetupError(
                f"{len(self.conversations)} conversations are too few: some must be left to fit after a share of "
                f"{self.recipe.held_out} with a listener's turn is held out for calibration"
            )
        unlabelled = sum(not sample.emotion for sample in self.further)
        if unlabelled and not self.recipe.teachers:
            raise SetupError(f"{unlabelled} samples have no label and no teacher; name a finished run")
        if self.recipe.feature_weight and not self.recipe.teachers:
            raise SetupError("feature_weight needs the features of a teacher, and there is none; name a finished run")
        self.backbone = resolve_backbone(self.recipe.backbone)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        tokenizer = Tokenizer.from_file(str(Path(self.backbone) / "tokenizer.json"))
        self.forward = Forward(DialogueEncoder(tokenizer, self.recipe.max_tokens), device)
        labels, attentive = len(self.taxonomy.labels), self.recipe.attentive
        self.network = EmotionNetwork.from_backbone(self.backbone, labels, attentive=attentive).to(device)
        if self.recipe.starts:
            self.network.load_state_dict(mean_weights([Path(run) for run in self.recipe.starts], self.taxonomy))
        self.network.set_dropout(self.recipe.dropout)
        self.network.freeze(self.recipe.frozen_layers)
        self._soft_labels: SoftLabels | None = None

    def train(self) -> EmotionNetwork:
        """Train to the end, resuming from the folder's checkpoint if there is one.

        A `KeyboardInterrupt` writes a checkpoint and is raised again.

        Returns:
            The network with averaged weights, also saved as `network.pt`.
        """
        plan = [self._plan_pass(number) for number in range(ceil(self.recipe.passes))]
        samples = [samples[i] for samples, order in plan for batch in order for i in batch]
        self._soft_labels = label_samples(self._files, self.recipe.teachers, self.taxonomy, samples)
        teacher_width = self._soft_labels.width if self._soft_labels else 0
        loss = EmotionLoss(self.recipe, self.network.width, teacher_width, self._anchors()).to(self.forward.device)
        trainer = Trainer(
            self._files,
            _State(self.network, loss),
            self.recipe,
            sum(len(order) for _, order in plan),
            report=self.report,
            averaged=self.network,
            average_decay=self.recipe.average_decay,
            checkpoint_seconds=self.checkpoint_seconds,
        )
        trainer.resume(self.forward.device)
        network = trainer.average
        assert isinstance(network, EmotionNetwork)
        try:
            self._train_passes(plan, trainer, loss, network)
        finally:
            trainer.save()
        torch.save(network.state_dict(), self.folder / "network.pt")
        return network

    def finished(self) -> EmotionNetwork:
        """Return the network that `train` saved.

        Raises:
            SetupError: The run has not finished.
        """
        path = self._files.finished("network.pt")
        self.network.load_state_dict(torch.load(path, map_location=self.forward.device))
        return self.network.eval()

    def measure(self, network: EmotionNetwork, conversations: Sequence[Conversation] | None = None) -> dict[str, float]:
        """Return top-1, top-3 and top-5 accuracy on the listener turns of conversations.

        Args:
            network: The network to measure.
            conversations: None means the held-out training conversations.
        """
        samples = list(listener_turns(self.held_out if conversations is None else conversations))
        logits = self.forward.logits(network, samples)
        labels = np.array([self.taxonomy.labels.index(sample.emotion) for sample in samples])
        ranks = (logits > logits[np.arange(len(labels)), labels][:, None]).sum(1)
        return {f"top{k}": float((ranks < k).mean()) for k in (1, 3, 5)}

    def _plan_pass(self, number: int) -> tuple[list[Sample], list[list[int]]]:
        """Return the samples of one pass and its batches; the last pass may be a part of one."""
        samples = [*sample_contexts(self.fitted, self.recipe, number), *self.further]
        lengths = [len(row.ids) for row in self.forward.encoder.batch([sample.turns for sample in samples])]
        order = length_bucketed_batches(lengths, self.recipe.batch_size, f"{self.recipe.seed}:{number}")
        return samples, order[: ceil(len(order) * (self.recipe.passes - number))]

    def _train_passes(
        self,
        plan: list[tuple[list[Sample], list[list[int]]]],
        trainer: Trainer,
        loss: EmotionLoss,
        average: EmotionNetwork,
    ) -> None:
        """Take the steps that are not done yet, pass by pass."""
        first_step = 0
        for number, (samples, order) in enumerate(plan, start=1):
            remaining = order[max(0, trainer.step - first_step) :]
            first_step += len(order)
            if remaining:
                encoded = self.forward.encoder.batch([sample.turns for sample in samples])
                batches = ([(samples[i], encoded[i]) for i in indices] for indices in remaining)
                trainer.train(batches, lambda batch: self._loss(loss, batch), size=len)
                self._files.log(finished_pass=number, held_out=self.measure(average))

    def _loss(self, loss: EmotionLoss, batch: Batch) -> Tensor:
        """Return the mean loss of a batch."""
        samples = [sample for sample, _ in batch]
        labels = [self.taxonomy.labels.index(row.emotion) if row.emotion else UNLABELLED for row in samples]
        soft_labels = [self._soft_labels.get(row) if self._soft_labels else None for row in samples]
        self.network.train()
        outputs = self.forward(self.network, [encoded for _, encoded in batch] * loss.repeats)
        value: Tensor = loss(outputs, torch.tensor(labels, device=self.forward.device), soft_labels)
        return value

    def _anchors(self) -> Tensor | None:
        """Return the untrained feature of each label and its description, [labels, width], if the recipe needs it."""
        if not self.recipe.anchor_weight:
            return None
        descriptions = self.taxonomy.descriptions
        texts = [f"{label}. {descriptions.get(label, '')}" for label in self.taxonomy.labels]
        samples = [Sample((Turn("speaker", text),), "", "") for text in texts]
        return torch.stack(self.forward.each(self.network, samples, lambda outputs, _: outputs.pooled.float()))


@dataclass(frozen=True, slots=True)
class _State:
    """The trained modules of a run: the network, and what the loss itself learns, which is not averaged."""

    network: EmotionNetwork
    loss: EmotionLoss

    def parameters(self) -> Iterable[nn.Parameter]:
        return chain(self.network.parameters(), self.loss.parameters())

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "objective": self.loss.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.loss.restore(state["objective"])


def sample_contexts(conversations: Sequence[Conversation], recipe: SemRecipe, number: int) -> list[Sample]:
    """Return the samples of one pass: a random prefix of each conversation, and its situation."""
    rng = random.Random(f"{recipe.seed}:{number}")
    samples: list[Sample] = []
    for conversation in conversations:
        cuts = [i for i, turn in enumerate(conversation.turns) if turn.role == "listener" and i]
        turns = conversation.turns[: rng.choice(cuts)] if cuts else conversation.turns
        view = rng.random()
        if view < recipe.speaker_view:
            turns = tuple(turn for turn in turns if turn.role == "speaker")
        elif view < recipe.speaker_view + recipe.last_turn_view:
            turns = turns[-1:]
        if turns:
            samples.append(Sample(turns, conversation.emotion, conversation.conv_id))
        if recipe.situations and conversation.situation:
            situation = (Turn("speaker", conversation.situation),)
            samples.append(Sample(situation, conversation.emotion, conversation.conv_id))
    return samples
