"""The training loop: passes over the conversations, with checkpoints, in a folder of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from ...contract import SetupError, Turn
from ..encoding import DialogueEncoder, Encoded
from ..taxonomy import Taxonomy
from .backbone import resolve_backbone
from .data import Conversation, Sample, batches, listener_turns, split, views
from .forward import Forward
from .learner import Learner
from .network import EmotionNetwork
from .recipe import Recipe

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
        folder: Holds `checkpoint.pt`, `log.jsonl` and, at the end, `network.pt`.
        recipe: What to train.
        taxonomy: The labels.
        conversations: The training split; a share of it is held out for calibration.
        checkpoint_seconds: How often a checkpoint is written.
        report: Told of the progress after each step.

    Raises:
        SetupError: The backbone cannot be found, or there are too few conversations to hold a share out.
    """

    folder: Path
    recipe: Recipe
    taxonomy: Taxonomy
    conversations: Sequence[Conversation]
    checkpoint_seconds: float = 300.0
    report: Callable[[Progress], None] = field(default=lambda progress: None)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(self.recipe.seed)
        self.fitted, self.held_out = split(self.conversations, self.recipe.held_out, self.recipe.seed)
        if not self.fitted or not any(listener_turns(self.held_out)):
            raise SetupError(
                f"{len(self.conversations)} conversations are too few: some must be left to fit after a share of "
                f"{self.recipe.held_out} with a listener's turn is held out for calibration"
            )
        self.backbone = resolve_backbone(self.recipe.backbone)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        tokenizer = Tokenizer.from_file(str(Path(self.backbone) / "tokenizer.json"))
        self.forward = Forward(DialogueEncoder(tokenizer, self.recipe.max_tokens), device)
        self.network = EmotionNetwork.from_backbone(self.backbone, len(self.taxonomy.labels)).to(device)

    def train(self) -> EmotionNetwork:
        """Train to the end, going on from the folder's checkpoint if there is one.

        A `KeyboardInterrupt` writes a checkpoint and is raised again.

        Returns:
            The network with averaged weights, also saved as `network.pt`.
        """
        anchors = self._anchors()
        plan = [self._plan(number) for number in range(self.recipe.passes)]
        learner = Learner(self.network, self.recipe, sum(len(order) for _, order in plan))
        checkpoint = self.folder / "checkpoint.pt"
        if checkpoint.exists():
            learner.load(checkpoint, self.forward.device)
            self._log(resumed=learner.step)
        try:
            self._passes(plan, learner, anchors)
        finally:
            learner.save(checkpoint)
        torch.save(learner.average.state_dict(), self.folder / "network.pt")
        return learner.average

    def measure(self, network: EmotionNetwork) -> dict[str, float]:
        """Return top-1 and top-5 accuracy on the held-out training conversations."""
        samples = list(listener_turns(self.held_out))
        logits = self.forward.logits(network, samples)
        wanted = np.array([self.taxonomy.labels.index(sample.emotion) for sample in samples])
        ranks = (logits > logits[np.arange(len(wanted)), wanted][:, None]).sum(1)
        return {"top1": float((ranks < 1).mean()), "top5": float((ranks < 5).mean())}

    def _plan(self, number: int) -> tuple[list[Sample], list[list[int]]]:
        """Return the samples of one pass and its batches."""
        samples = views(self.fitted, self.recipe, number)
        lengths = [sum(len(turn.text) for turn in sample.turns) for sample in samples]
        return samples, batches(lengths, self.recipe.batch_size, f"{self.recipe.seed}:{number}")

    def _passes(
        self, plan: list[tuple[list[Sample], list[list[int]]]], learner: Learner, anchors: dict[str, Tensor]
    ) -> None:
        """Run the steps that are not done yet, pass by pass."""
        began, seen, mean, saved, before = time.monotonic(), 0, 0.0, time.monotonic(), 0
        for number, (samples, order) in enumerate(plan, start=1):
            left = order[max(0, learner.step - before) :]
            before += len(order)
            encoded = self.forward.encoder.batch([sample.turns for sample in samples]) if left else []
            for indices in left:
                loss = learner.learn(self._loss([samples[i] for i in indices], [encoded[i] for i in indices], anchors))
                seen += len(indices)
                mean = 0.99 * mean + 0.01 * loss if mean else loss
                self._tell(Progress(learner.step, learner.steps, mean, seen / (time.monotonic() - began)))
                if time.monotonic() - saved > self.checkpoint_seconds:
                    learner.save(self.folder / "checkpoint.pt")
                    saved = time.monotonic()
            if left:
                self._log(finished_pass=number, held_out=self.measure(learner.average))

    def _loss(self, rows: list[Sample], encoded: list[Encoded], anchors: dict[str, Tensor]) -> Tensor:
        """Return the cross-entropy of the emotions, plus how far one-turn vectors are from the backbone's."""
        device = self.forward.device
        wanted = torch.tensor([self.taxonomy.labels.index(row.emotion) for row in rows], device=device)
        self.network.train()
        out = self.forward(self.network, encoded)
        loss = nn.functional.cross_entropy(out.logits.float(), wanted, label_smoothing=self.recipe.label_smoothing)
        single = [i for i, row in enumerate(rows) if len(row.turns) == 1 and row.turns[0].text in anchors]
        if single:
            target = torch.stack([anchors[rows[i].turns[0].text] for i in single]).to(device).float()
            away = 1 - (out.embedding[single].float() * target).sum(-1).mean()
            loss = loss + self.recipe.embedding_weight * away * len(single) / len(rows)
        return loss

    def _anchors(self) -> dict[str, Tensor]:
        """Return the untrained backbone's sentence vectors of all one-turn texts, read once a folder."""
        path = self.folder / "anchors.pt"
        if path.exists():
            return dict(torch.load(path))
        said = {text for held in self.fitted for text in (held.situation, *(t.text for t in held.turns[:1])) if text}
        texts = sorted(said)
        backbone = EmotionNetwork.from_backbone(self.backbone, 2).to(self.forward.device)
        samples = [Sample((Turn("speaker", text),), "", "") for text in texts]
        anchors = dict(zip(texts, self.forward.vectors(backbone, samples), strict=True))
        torch.save(anchors, path)
        return anchors

    def _tell(self, progress: Progress) -> None:
        if progress.step % LOGGED == 0:
            rate = round(progress.samples_per_second, 1)
            self._log(step=progress.step, steps=progress.steps, loss=round(progress.loss, 4), rate=rate)
        self.report(progress)

    def _log(self, **entry: object) -> None:
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"time": round(time.time()), **entry}) + "\n")
