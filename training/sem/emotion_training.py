"""The training loop: passes over the conversations, with checkpoints, in a folder of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from ...contract import SetupError, Turn
from ...data.conversations import Conversation, Sample, listener_turns, split
from ...sem.runtime.encoding import DialogueEncoder, Encoded
from ...sem.taxonomy import Taxonomy
from ..batching import batches
from ..run_folder import RunFolder
from ..soft_labels import SoftLabels, mean_weights
from .backbone import resolve_backbone
from .context_views import views
from .emotion_network import EmotionNetwork
from .forward import Forward
from .learner import Learner
from .loss import UNLABELLED, Objective
from .sem_recipe import Recipe

LOGGED = 50
"""Steps between two lines of the log."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands, handed to the caller after each step."""

    step: int
    """Steps done."""
    steps: int
    """Steps in all."""
    loss: float
    """Running mean of the loss."""
    samples_per_second: float
    """Since this process started."""


@dataclass
class Run:
    """One training run in a folder of its own.

    Args:
        folder: Holds `recipe.json`, `checkpoint.pt`, `log.jsonl` and, at the end, `network.pt`.
        recipe: What to train.
        taxonomy: The labels.
        conversations: The training split; a share of it is held out for calibration.
        unlabelled: Samples without a label, for the recipe's teachers to label.
        checkpoint_seconds: How often a checkpoint is written.
        report: Told of the progress after each step.

    Raises:
        SetupError: The folder's run began with another recipe; the backbone, start or a teacher cannot be found;
            samples without a label, or features to follow, have no teacher; or there are too few
            conversations to hold a share out.
    """

    folder: Path
    recipe: Recipe
    taxonomy: Taxonomy
    conversations: Sequence[Conversation]
    unlabelled: Sequence[Sample] = ()
    checkpoint_seconds: float = 300.0
    report: Callable[[Progress], None] = field(default=lambda progress: None)

    def __post_init__(self) -> None:
        self._kept = RunFolder(self.folder, self.recipe)
        torch.manual_seed(self.recipe.seed)
        self.fitted, self.held_out = split(self.conversations, self.recipe.held_out, self.recipe.seed)
        if not self.fitted or not any(listener_turns(self.held_out)):
            raise SetupError(
                f"{len(self.conversations)} conversations are too few: some must be left to fit after a share of "
                f"{self.recipe.held_out} with a listener's turn is held out for calibration"
            )
        if self.unlabelled and not self.recipe.teachers:
            raise SetupError(f"{len(self.unlabelled)} samples have no label and no teacher; name a finished run")
        if self.recipe.feature_weight and not self.recipe.teachers:
            raise SetupError("feature_weight follows the features of a teacher, and there is none; name a finished run")
        self.backbone = resolve_backbone(self.recipe.backbone)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        tokenizer = Tokenizer.from_file(str(Path(self.backbone) / "tokenizer.json"))
        self.forward = Forward(DialogueEncoder(tokenizer, self.recipe.max_tokens), device)
        labels, attentive = len(self.taxonomy.labels), self.recipe.attentive
        self.network = EmotionNetwork.from_backbone(self.backbone, labels, attentive=attentive).to(device)
        if self.recipe.starts:
            self.network.load_state_dict(mean_weights([Path(run) for run in self.recipe.starts], self.taxonomy))
        self.network.drop(self.recipe.dropout)
        self.network.freeze(self.recipe.frozen_layers)
        self._taught: SoftLabels | None = None

    def train(self) -> EmotionNetwork:
        """Train to the end, going on from the folder's checkpoint if there is one.

        A `KeyboardInterrupt` writes a checkpoint and is raised again.

        Returns:
            The network with averaged weights, also saved as `network.pt`.
        """
        plan = [self._plan(number) for number in range(ceil(self.recipe.passes))]
        asked = [samples[i] for samples, order in plan for batch in order for i in batch]
        self._taught = self._kept.soft_labels(self.recipe.teachers, self.taxonomy, asked)
        width = self._taught.width if self._taught else 0
        objective = Objective(self.recipe, self.network.width, width, self._anchors()).to(self.forward.device)
        learner = Learner(self.network, objective, self.recipe, sum(len(order) for _, order in plan))
        if self._kept.checkpoint.exists():
            learner.load(self._kept.checkpoint, self.forward.device)
            self._kept.log(resumed=learner.step)
        try:
            self._passes(plan, learner)
        finally:
            learner.save(self._kept.checkpoint)
        torch.save(learner.average.state_dict(), self.folder / "network.pt")
        return learner.average

    def finished(self) -> EmotionNetwork:
        """Return the network that `train` left.

        Raises:
            SetupError: The run has not finished.
        """
        path = self._kept.finished("network.pt")
        self.network.load_state_dict(torch.load(path, map_location=self.forward.device))
        return self.network.eval()

    def measure(self, network: EmotionNetwork, conversations: Sequence[Conversation] | None = None) -> dict[str, float]:
        """Return top-1, top-3 and top-5 accuracy on the listener turns of conversations.

        Args:
            network: What reads them.
            conversations: None takes the held-out training conversations.
        """
        samples = list(listener_turns(self.held_out if conversations is None else conversations))
        logits = self.forward.logits(network, samples)
        wanted = np.array([self.taxonomy.labels.index(sample.emotion) for sample in samples])
        ranks = (logits > logits[np.arange(len(wanted)), wanted][:, None]).sum(1)
        return {f"top{k}": float((ranks < k).mean()) for k in (1, 3, 5)}

    def _plan(self, number: int) -> tuple[list[Sample], list[list[int]]]:
        """Return the samples of one pass and its batches; the last pass may be a part of one."""
        samples = [*views(self.fitted, self.recipe, number), *self.unlabelled]
        lengths = [len(row.ids) for row in self.forward.encoder.batch([sample.turns for sample in samples])]
        order = batches(lengths, self.recipe.batch_size, f"{self.recipe.seed}:{number}")
        return samples, order[: ceil(len(order) * (self.recipe.passes - number))]

    def _passes(self, plan: list[tuple[list[Sample], list[list[int]]]], learner: Learner) -> None:
        """Run the steps that are not done yet, pass by pass."""
        began, seen, mean, saved, before = time.monotonic(), 0, 0.0, time.monotonic(), 0
        for number, (samples, order) in enumerate(plan, start=1):
            left = order[max(0, learner.step - before) :]
            before += len(order)
            encoded = self.forward.encoder.batch([sample.turns for sample in samples]) if left else []
            for indices in left:
                loss = learner.learn(
                    self._loss(learner.objective, [samples[i] for i in indices], [encoded[i] for i in indices])
                )
                seen += len(indices)
                mean = 0.99 * mean + 0.01 * loss if mean else loss
                self._tell(Progress(learner.step, learner.steps, mean, seen / (time.monotonic() - began)))
                if time.monotonic() - saved > self.checkpoint_seconds:
                    learner.save(self._kept.checkpoint)
                    saved = time.monotonic()
            if left:
                self._kept.log(finished_pass=number, held_out=self.measure(learner.average))

    def _loss(self, objective: Objective, rows: list[Sample], encoded: list[Encoded]) -> Tensor:
        """Return the mean loss of a batch."""
        known = [self.taxonomy.labels.index(row.emotion) if row.emotion else UNLABELLED for row in rows]
        taught = [self._taught.of(row) if self._taught else None for row in rows]
        self.network.train()
        out = self.forward(self.network, encoded * objective.rounds)
        loss: Tensor = objective(out, torch.tensor(known, device=self.forward.device), taught)
        return loss

    def _anchors(self) -> Tensor | None:
        """Return what the backbone makes of each label and its description, [labels, width], where it is asked for."""
        if not self.recipe.anchor_weight:
            return None
        described = self.taxonomy.descriptions
        texts = [f"{label}. {described.get(label, '')}" for label in self.taxonomy.labels]
        samples = [Sample((Turn("speaker", text),), "", "") for text in texts]
        return torch.stack(self.forward.each(self.network, samples, lambda out, _: out.pooled.float()))

    def _tell(self, progress: Progress) -> None:
        if progress.step % LOGGED == 0:
            rate = round(progress.samples_per_second, 1)
            self._kept.log(step=progress.step, steps=progress.steps, loss=round(progress.loss, 4), rate=rate)
        self.report(progress)
