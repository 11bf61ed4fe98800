"""Export of a finished run as a SEM that reads on top of the shipped one."""

from __future__ import annotations

import json
import tempfile
from copy import deepcopy
from datetime import date
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from ....data.conversations import listener_turns
from ....sem.registry import SHIPPED
from ....sem.runtime.encoding import DialogueEncoder, pad
from ....sem.runtime.large_sem import LargeSem
from ....sem.runtime.manifest import NETWORK, TOKENIZER, Manifest, sha256_digest
from ....sem.runtime.onnx_sem import OnnxSem
from ....sem.runtime.packed_weights import WEIGHTS
from ..emotion_network import EmotionNetwork
from ..emotion_training import SemRun
from ..onnx_export import CALIBRATION_DIALOGUES, WINDOW, silence_exporters, to_onnx
from .four_bit_network import write_four_bit_network
from .vocabulary import cut_tokenizer

LANGUAGES = ("en",)
"""What a large encoder reads whose conversations are those of EmpatheticDialogues."""


class _EmotionLogits(nn.Module):
    """The logits alone of an emotion network, [batch, labels]."""

    def __init__(self, emotion: EmotionNetwork) -> None:
        super().__init__()
        self.emotion = emotion

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        logits: Tensor = self.emotion(input_ids, attention_mask, token_type_ids).logits
        return logits


def export_large(run: SemRun, folder: Path, *, name: str | None, licence: str) -> LargeSem:
    """Write the emotions of a finished run in 4 bits, and return the SEM that reads them on top of the shipped one.

    `hef train calibrate` fits its probabilities afterwards.

    Args:
        run: The finished run.
        folder: Folder to write.
        name: Name of the SEM; None means the folder's name.
        licence: Licence of the weights, and of the data where it binds them.

    Raises:
        SetupError: The run has no `network.pt` yet.
    """
    network = deepcopy(run.finished()).cpu().eval()
    folder.mkdir(parents=True, exist_ok=True)
    texts = {turn.text for one in run.conversations for turn in one.turns}
    texts |= {turn.text for sample in run.further for turn in sample.turns}
    content, kept = cut_tokenizer(Path(run.backbone) / TOKENIZER, sorted(texts))
    (folder / TOKENIZER).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    words: nn.Embedding = network.trunk.embeddings.word_embeddings  # type: ignore[union-attr, assignment]
    words.weight = nn.Parameter(words.weight[kept].clone())
    network.truncate_positions(WINDOW)
    network.trunk.set_attn_implementation("eager")  # type: ignore[operator]
    encoder = DialogueEncoder(Tokenizer.from_file(str(folder / TOKENIZER)), WINDOW)
    dialogues = [sample.turns for sample in islice(listener_turns(run.fitted), CALIBRATION_DIALOGUES)]
    with tempfile.TemporaryDirectory() as scratch, silence_exporters():
        float32 = Path(scratch, "float32.onnx")
        ids = torch.full((2, 16), 5)
        example = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
        to_onnx(_EmotionLogits(network), float32, example, ("logits",))
        write_four_bit_network(float32, folder, [pad([one]) for one in encoder.batch(dialogues)])
    base = Manifest.load(SHIPPED)
    Manifest(
        name=name or folder.resolve().name,
        labels=run.taxonomy.labels,
        view_weights=base.view_weights,
        languages=LANGUAGES,
        enlarges=base.fingerprint,
        max_tokens=min(WINDOW, network.positions),
        dimensions=base.dimensions,
        licence=licence,
        source=f"{run.recipe.backbone}, fine-tuned with `hef train sem`, {date.today():%Y-%m-%d}; 4 bits",
        sha256={file: sha256_digest(folder / file) for file in (NETWORK, TOKENIZER, WEIGHTS)},
    ).write(folder)
    return LargeSem(folder, OnnxSem(SHIPPED))
