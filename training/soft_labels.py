"""Distillation targets from finished runs: their soft labels of samples, and the mean of their weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from ..contract import SetupError, Turn
from ..contract.progress import Progress, ignore_progress
from ..data.conversations import Sample
from ..sem.runtime.encoding import DialogueEncoder
from ..sem.taxonomy import Taxonomy
from .run_folder import RunFolder
from .sem.emotion_network import EmotionNetwork, Forward, Outputs, resolve_backbone
from .sem.sem_recipe import SemRecipe

SAVE_EVERY = 8192
"""Samples between two saves."""


class SoftLabel(NamedTuple):
    """The teachers' predictions for one dialogue."""

    logits: Tensor
    """Their mean logits, [labels]."""
    features: Tensor
    """Their concatenated pooled features, each of unit length and minus its mean over the first dialogues, [widths]."""


def load_finished(folder: Path, taxonomy: Taxonomy) -> tuple[Forward, EmotionNetwork]:
    """Load the network of a finished run and its forward pass.

    Raises:
        SetupError: The folder holds no finished run.
    """
    try:
        recipe = SemRecipe.model_validate(json.loads((folder / "recipe.json").read_text(encoding="utf-8")))
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        backbone = resolve_backbone(recipe.backbone)
        network = EmotionNetwork.from_backbone(backbone, len(taxonomy.labels), attentive=recipe.attentive)
        network.load_state_dict(torch.load(folder / "network.pt", map_location="cpu"))
        tokenizer = Tokenizer.from_file(str(Path(backbone) / "tokenizer.json"))
    except (OSError, ValueError, RuntimeError) as error:
        raise SetupError(f"{folder} holds no finished run of these labels: {error}") from error
    return Forward(DialogueEncoder(tokenizer, recipe.max_tokens), device), network.to(device).eval()


def mean_weights(folders: Sequence[Path], taxonomy: Taxonomy) -> dict[str, Tensor]:
    """Return the mean weights of finished runs with a common ancestor (model soup, Wortsman et al., ICML 2022).

    Raises:
        SetupError: A folder holds no finished run, or the runs have different shapes.
    """
    states = [load_finished(folder, taxonomy)[1].state_dict() for folder in folders]
    shapes = [{name: weight.shape for name, weight in state.items()} for state in states]
    if any(shape != shapes[0] for shape in shapes):
        raise SetupError(f"the runs in {', '.join(map(str, folders))} have different shapes: their mean is undefined")
    return {
        name: torch.stack([state[name].float() for state in states]).mean(0).to(first.dtype)
        for name, first in states[0].items()
    }


class SoftLabels:
    """Predictions of several teachers for dialogues, saved to a file in half precision.

    Args:
        path: The file; the samples in it are not computed again.
        teachers: Folders of finished runs.
        taxonomy: The labels.
    """

    def __init__(self, path: Path, teachers: Sequence[Path], taxonomy: Taxonomy) -> None:
        self._path = path
        self._teachers = [load_finished(folder, taxonomy) for folder in teachers]
        self._labels = len(taxonomy.labels)
        saved = torch.load(path) if path.exists() else {"rows": {}, "mean": None}
        self._rows: dict[tuple[tuple[str, str], ...], Tensor] = saved["rows"]
        self._mean: Tensor | None = saved["mean"]

    @property
    def width(self) -> int:
        """Return the width of the teachers' concatenated features."""
        return sum(network.width for _, network in self._teachers)

    def add(self, samples: Sequence[Sample], report: Progress = ignore_progress) -> None:
        """Compute and save the soft labels of the samples that have none yet."""
        missing = list(
            {_key(sample.turns): sample for sample in samples if _key(sample.turns) not in self._rows}.items()
        )
        for start in range(0, len(missing), SAVE_EVERY):
            part = missing[start : start + SAVE_EVERY]
            rows = self._predict([sample for _, sample in part])
            if self._mean is None:
                self._mean = rows[:, self._labels :].mean(0)
            rows[:, self._labels :] -= self._mean
            self._rows.update(zip((key for key, _ in part), rows.half().clone(), strict=True))
            torch.save({"rows": self._rows, "mean": self._mean}, self._path)
            report("soft labels", start + len(part), len(missing))

    def get(self, sample: Sample) -> SoftLabel | None:
        """Return the soft label of a sample, or None if it has none."""
        row = self._rows.get(_key(sample.turns))
        return None if row is None else SoftLabel(row[: self._labels], row[self._labels :])

    def _predict(self, samples: Sequence[Sample]) -> Tensor:
        """Return the teachers' mean logits and their features for each sample, [samples, labels + widths]."""
        logits, features = torch.zeros(len(samples), self._labels), list[Tensor]()
        for forward, network in self._teachers:
            rows = torch.stack(forward.each(network, samples, _logits_and_features)).float().cpu()
            logits += rows[:, : self._labels] / len(self._teachers)
            features.append(rows[:, self._labels :])
        return torch.cat([logits, *features], dim=-1)


def label_samples(
    run: RunFolder, teachers: Sequence[str], taxonomy: Taxonomy, samples: Sequence[Sample]
) -> SoftLabels | None:
    """Return the teachers' soft labels of a run's samples, saved in its folder; None without teachers."""
    if not teachers:
        return None
    soft_labels = SoftLabels(run.path / "teacher.pt", [Path(folder) for folder in teachers], taxonomy)
    soft_labels.add(samples, lambda _, done, total: run.log(taught=done, of=total))
    return soft_labels


def _logits_and_features(outputs: Outputs, mask: Tensor) -> Tensor:
    return torch.cat([outputs.logits.float(), nn.functional.normalize(outputs.pooled.float(), dim=-1)], dim=-1)


def _key(turns: Sequence[Turn]) -> tuple[tuple[str, str], ...]:
    return tuple((turn.role, turn.text) for turn in turns)
