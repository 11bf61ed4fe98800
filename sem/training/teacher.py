"""Soft labels: what finished runs say about the samples that another run learns from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from ...contract import SetupError, Turn
from ..encoding import DialogueEncoder
from ..taxonomy import Taxonomy
from .backbone import resolve_backbone
from .data import Sample
from .forward import Forward
from .network import EmotionNetwork
from .recipe import Recipe

PART = 2048
"""Samples between two saves."""


def load_finished(folder: Path, taxonomy: Taxonomy) -> tuple[Forward, EmotionNetwork]:
    """Return the network that a finished run left, and how it reads.

    Raises:
        SetupError: The folder holds no finished run.
    """
    try:
        recipe = Recipe.model_validate(json.loads((folder / "recipe.json").read_text(encoding="utf-8")))
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        backbone = resolve_backbone(recipe.backbone)
        network = EmotionNetwork.from_backbone(backbone, len(taxonomy.labels))
        network.load_state_dict(torch.load(folder / "network.pt", map_location="cpu"))
        tokenizer = Tokenizer.from_file(str(Path(backbone) / "tokenizer.json"))
    except (OSError, ValueError, RuntimeError) as error:
        raise SetupError(f"{folder} holds no finished run of these labels: {error}") from error
    return Forward(DialogueEncoder(tokenizer, recipe.max_tokens), device), network.to(device).eval()


class SoftLabels:
    """The mean logits of several teachers for dialogues, kept in a file.

    Args:
        path: Where they are kept; what stands there already is not read again.
        teachers: Folders of finished runs.
        taxonomy: The labels.
    """

    def __init__(self, path: Path, teachers: Sequence[Path], taxonomy: Taxonomy) -> None:
        self._path = path
        self._teachers = [load_finished(folder, taxonomy) for folder in teachers]
        self._known: dict[tuple[tuple[str, str], ...], Tensor] = torch.load(path) if path.exists() else {}

    def teach(self, samples: Sequence[Sample], report: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Read the samples that are not known yet, a part at a time."""
        unknown = list(
            {_key(sample.turns): sample for sample in samples if _key(sample.turns) not in self._known}.items()
        )
        for start in range(0, len(unknown), PART):
            part = unknown[start : start + PART]
            logits = [forward.logits(network, [sample for _, sample in part]) for forward, network in self._teachers]
            mean = torch.from_numpy(sum(logits) / len(logits)).half()
            self._known.update(zip((key for key, _ in part), mean, strict=True))
            torch.save(self._known, self._path)
            report(start + len(part), len(unknown))

    def of(self, sample: Sample) -> Tensor | None:
        """Return the teachers' logits for a sample, [labels], or None where they were not asked."""
        return self._known.get(_key(sample.turns))


def _key(turns: Sequence[Turn]) -> tuple[tuple[str, str], ...]:
    return tuple((turn.role, turn.text) for turn in turns)
