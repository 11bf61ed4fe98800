"""The training loop: checkpoints, resumes where it stopped, averages weights."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from ...contract import SetupError, Turn
from ..encoding import DialogueEncoder, Encoded, pad
from ..taxonomy import Taxonomy
from .backbone import resolve_backbone
from .data import Conversation, Sample, batches, listener_turns, split, views
from .network import EmotionNetwork
from .recipe import Recipe


@dataclass
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
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.backbone = resolve_backbone(self.recipe.backbone)
        tokenizer = Tokenizer.from_file(str(Path(self.backbone) / "tokenizer.json"))
        self.encoder = DialogueEncoder(tokenizer, self.recipe.max_tokens)
        self.fitted, self.held_out = split(self.conversations, self.recipe.held_out, self.recipe.seed)
        if not self.fitted or not any(listener_turns(self.held_out)):
            raise SetupError(
                f"{len(self.conversations)} conversations are too few: some must be left to fit after a share of "
                f"{self.recipe.held_out} with a listener's turn is held out for calibration"
            )
        self.network = EmotionNetwork.from_backbone(self.backbone, len(self.taxonomy.labels)).to(self.device)
        self.average = deepcopy(self.network).eval().requires_grad_(False)

    def train(self) -> EmotionNetwork:
        """Train to the end, resuming from the folder's checkpoint if there is one.

        Returns:
            The network with averaged weights, also saved as `network.pt`.
        """
        recipe = self.recipe
        anchors = self._anchors()
        plan = [self._plan(number) for number in range(recipe.passes)]
        total = sum(len(order) for _, order in plan)
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, total, recipe.warmup))
        done = self._resume(optimizer, schedule)
        started = saved = time.monotonic()
        seen, running, step = 0, 0.0, 0
        for number, (samples, order) in enumerate(plan):
            encoded = None
            for indices in order:
                step += 1
                if step <= done:
                    continue
                if encoded is None:
                    encoded = self.encoder.batch([sample.turns for sample in samples])
                rows = [samples[i] for i in indices]
                loss = self._step(rows, [encoded[i] for i in indices], anchors, optimizer)
                schedule.step()
                if step % 10 == 0 or step == total:
                    self._follow(step)
                seen += len(rows)
                running = loss if running == 0.0 else 0.99 * running + 0.01 * loss
                self.report(Progress(step, total, running, seen / (time.monotonic() - started)))
                if step % 50 == 0:
                    self._log(
                        step=step,
                        steps=total,
                        loss=round(running, 4),
                        rate=round(seen / (time.monotonic() - started), 1),
                    )
                if time.monotonic() - saved > self.checkpoint_seconds:
                    self._save(step, optimizer, schedule)
                    saved = time.monotonic()
            if encoded is not None:
                self._log(finished_pass=number + 1, **{"held_out": self.measure(self.average)})
        self._save(step, optimizer, schedule)
        torch.save(self.average.state_dict(), self.folder / "network.pt")
        return self.average

    def measure(self, network: EmotionNetwork) -> dict[str, float]:
        """Return top-1 and top-5 accuracy on the held-out training conversations."""
        logits, wanted = self.predict(network, list(listener_turns(self.held_out)))
        ranks = (logits > logits[np.arange(len(wanted)), wanted][:, None]).sum(1)
        return {"top1": float((ranks < 1).mean()), "top5": float((ranks < 5).mean())}

    def predict(
        self, network: EmotionNetwork, samples: Sequence[Sample]
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return logits [samples, labels] and label indices [samples]."""
        encoded = self.encoder.batch([sample.turns for sample in samples])
        order = sorted(range(len(samples)), key=lambda i: len(encoded[i].ids))
        logits = np.zeros((len(samples), len(self.taxonomy.labels)), dtype=np.float32)
        network.eval()
        with torch.no_grad(), self._autocast():
            for start in range(0, len(order), 64):
                part = order[start : start + 64]
                logits[part] = network(**self._tensors([encoded[i] for i in part])).logits.float().cpu().numpy()
        wanted = np.array([self.taxonomy.labels.index(sample.emotion) for sample in samples])
        return logits, wanted

    def _plan(self, number: int) -> tuple[list[Sample], list[list[int]]]:
        samples = views(self.fitted, self.recipe, number)
        lengths = [sum(len(turn.text) for turn in sample.turns) for sample in samples]
        return samples, batches(lengths, self.recipe.batch_size, f"{self.recipe.seed}:{number}")

    def _step(
        self,
        rows: list[Sample],
        encoded: list[Encoded],
        anchors: dict[str, Tensor],
        optimizer: torch.optim.Optimizer,
    ) -> float:
        self.network.train()
        wanted = torch.tensor([self.taxonomy.labels.index(row.emotion) for row in rows], device=self.device)
        with self._autocast():
            out = self.network(**self._tensors(encoded))
        loss = nn.functional.cross_entropy(out.logits.float(), wanted, label_smoothing=self.recipe.label_smoothing)
        if single := [i for i, row in enumerate(rows) if len(row.turns) == 1 and row.turns[0].text in anchors]:
            target = torch.stack([anchors[rows[i].turns[0].text] for i in single]).to(self.device).float()
            away = 1 - (out.embedding[single].float() * target).sum(-1).mean()
            loss = loss + self.recipe.embedding_weight * away * len(single) / len(rows)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        optimizer.step()
        return float(loss.detach())

    def _anchors(self) -> dict[str, Tensor]:
        """Return the untrained backbone's sentence vectors of all one-turn texts."""
        path = self.folder / "anchors.pt"
        if path.exists():
            return dict(torch.load(path))
        texts = sorted(
            {text for c in self.fitted for text in (c.situation, c.turns[0].text if c.turns else "") if text}
        )
        samples = [Sample((Turn("speaker", text),), self.taxonomy.labels[0], "") for text in texts]
        encoded = self.encoder.batch([sample.turns for sample in samples])
        order = sorted(range(len(texts)), key=lambda i: len(encoded[i].ids))
        anchors: dict[str, Tensor] = {}
        network = EmotionNetwork.from_backbone(self.backbone, 2).to(self.device).eval()
        with torch.no_grad(), self._autocast():
            for start in range(0, len(order), 64):
                part = order[start : start + 64]
                vectors = network(**self._tensors([encoded[i] for i in part])).embedding.half().cpu()
                anchors.update(zip((texts[i] for i in part), vectors.unbind(), strict=True))
        torch.save(anchors, path)
        return anchors

    def _follow(self, step: int) -> None:
        """Move the running average of the weights, every ten steps and at the end; early ones follow closely."""
        decay = min(self.recipe.average_decay**10, step / (step + 100))
        with torch.no_grad():
            for mine, theirs in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mine.lerp_(theirs, 1 - decay)

    def _tensors(self, rows: list[Encoded]) -> dict[str, Tensor]:
        return {name: torch.from_numpy(array).to(self.device) for name, array in pad(rows).items()}

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _save(self, step: int, optimizer: torch.optim.Optimizer, schedule: Any) -> None:
        state = {
            "step": step,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "random": torch.get_rng_state(),
        }
        partial = self.folder / "checkpoint.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "checkpoint.pt")

    def _resume(self, optimizer: torch.optim.Optimizer, schedule: Any) -> int:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return 0
        state = torch.load(path, map_location=self.device)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["random"].cpu())
        self._log(resumed=state["step"])
        return int(state["step"])

    def _log(self, **entry: object) -> None:
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"time": round(time.time()), **entry}) + "\n")


def _rate(step: int, total: int, warmup: float) -> float:
    """Return the factor of a linear warm-up and decay."""
    rising = max(1, round(total * warmup))
    return (step + 1) / rising if step < rising else max(0.0, (total - step) / max(1, total - rising))
