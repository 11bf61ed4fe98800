"""Export of a finished run to a SEM folder: ONNX, int8, calibrated, with hashes."""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...contract import View, apply_view
from ...contract.numerics import Indices
from ...data.cause_annotations import AnnotatedDialogue
from ...data.conversations import Sample, listener_turns
from ...sem.runtime.calibration import (
    SECOND_VIEWS,
    Calibration,
    fit_calibration,
    fit_prediction_sets,
    fit_view_weight,
)
from ...sem.runtime.encoding import pad
from ...sem.runtime.manifest import NETWORK, TOKENIZER, Manifest, sha256_digest
from ...sem.runtime.onnx_sem import OnnxSem
from .cause_distillation import CauseTeacher
from .cause_head import CauseHead
from .embedding_head import EmbeddingHead
from .emotion_network import EmotionNetwork
from .emotion_training import SemRun
from .head_registry import get_cause_head, get_embedding_head
from .quantisation import quantise

CALIBRATION_DIALOGUES = 400
"""Number of training dialogues that activation ranges are measured on."""
WINDOW = 256
"""Maximum number of tokens of the shipped SEM."""
LICENCE = "that of its training data and of its backbone"
"""Licence of an export without a stated one."""

OUTPUTS = ("logits", "vector", "causes")
"""Emotion logits [batch, labels], unit vectors [batch, width], cause scores [batch, tokens, labels]."""


class SemNetwork(nn.Module):
    """Emotion, sentence vector and cause scores in one pass, with the inputs and outputs of an `OnnxSem`.

    Args:
        emotion: The trained emotion network.
        embedding: Its head for sentence vectors.
        causes: Its head for cause scores.
    """

    def __init__(self, emotion: EmotionNetwork, embedding: EmbeddingHead, causes: CauseHead) -> None:
        super().__init__()
        self.emotion = emotion
        self.embedding = embedding
        self.causes = causes

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, ...]:
        """Return one tensor per output for a padded batch, each input of shape [batch, tokens]."""
        outputs = self.emotion(input_ids, attention_mask, token_type_ids)
        vector = self.embedding(outputs.layers, attention_mask)
        return outputs.logits, vector, self.causes(outputs.layers, outputs.token_logits, input_ids)


def export_sem(
    run: SemRun,
    folder: Path,
    *,
    name: str | None = None,
    licence: str = LICENCE,
    marked: Sequence[AnnotatedDialogue] = (),
    cause_teacher: CauseTeacher | None = None,
) -> OnnxSem:
    """Export a finished run and return the SEM read back from the folder.

    The heads for sentence vectors and cause words are trained on the finished trunk, everything is
    quantised to int8, then the calibration and the weights of the views of a re-query are fitted on the
    quantised network with the run's held-out training conversations (`hef train calibrate` fits the
    calibration on others).

    Args:
        run: The finished run.
        folder: Folder to write.
        name: Name of the SEM; None means the folder's name.
        licence: Licence of the weights, and of the data if that binds them.
        marked: Dialogues with marked cause words; without any, the cause head is trained on labels alone.
        cause_teacher: A larger run that the cause head is distilled from on unmarked sentences.

    Raises:
        SetupError: The run has no `network.pt` yet.
    """
    network = deepcopy(run.finished())  # what is changed for the export stays out of the run
    sem_network = SemNetwork(network, get_embedding_head(run), get_cause_head(run, marked, cause_teacher))
    folder.mkdir(parents=True, exist_ok=True)
    network.truncate_positions(WINDOW)
    network.trunk.set_attn_implementation("eager")  # type: ignore[operator]
    with tempfile.TemporaryDirectory() as scratch, silence_exporters():
        float32 = Path(scratch) / "float32.onnx"
        ids = torch.ones(2, 16, dtype=torch.long)
        example = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
        to_onnx(sem_network.cpu().eval(), float32, example, OUTPUTS)
        dialogues = run.forward.encoder.batch(
            [sample.turns for sample in islice(listener_turns(run.fitted), CALIBRATION_DIALOGUES)]
        )
        quantise(float32, folder / "model.onnx", [pad([dialogue]) for dialogue in dialogues])
    shutil.copyfile(Path(run.backbone) / "tokenizer.json", folder / "tokenizer.json")
    source = f"{run.recipe.backbone}, fine-tuned with `hef train sem`"
    if marked:
        source += f"; cause words from {len(marked):,} marked dialogues"
    manifest = Manifest(
        name=name or folder.resolve().name,
        labels=run.taxonomy.labels,
        max_tokens=min(WINDOW, network.positions),
        dimensions=network.width,
        licence=licence,
        source=source,
        sha256={file: sha256_digest(folder / file) for file in (NETWORK, TOKENIZER)},
    )
    manifest.write(folder)
    samples = list(listener_turns(run.held_out))
    logits = OnnxSem(folder, run.taxonomy).logits([sample.turns for sample in samples])
    labels = np.array([run.taxonomy.labels.index(sample.emotion) for sample in samples])
    calibration = fit_calibration(logits, labels)
    update = {
        "slopes": calibration.slopes,
        "view_weights": _view_weights(OnnxSem(folder, run.taxonomy), calibration, samples, logits, labels),
        "prediction_sets": fit_prediction_sets(
            calibration.probabilities(logits), labels, [len(s.turns) for s in samples]
        ),
    }
    manifest.model_copy(update=update).write(folder)
    return OnnxSem(folder, run.taxonomy)


def _view_weights(
    sem: OnnxSem, calibration: Calibration, samples: Sequence[Sample], logits: NDArray[np.float32], labels: Indices
) -> dict[View, float]:
    """Return the weight of each view of a re-query, fitted on the dialogues that the view changes."""
    weights: dict[View, float] = {}
    for view in SECOND_VIEWS:
        viewed = [apply_view(sample.turns, view) for sample in samples]
        rows = [row for row, sample in enumerate(samples) if viewed[row] != list(sample.turns)]
        if rows:
            first = calibration.probabilities(logits[rows])
            second = calibration.probabilities(sem.logits([viewed[row] for row in rows]))
            weights[view] = fit_view_weight(first, second, labels[rows])
    return weights


def to_onnx(network: nn.Module, path: Path, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> None:
    """Write a network in full precision that takes any batch and length.

    Args:
        network: The network.
        path: The file.
        inputs: An example of each input by its name, [batch, tokens, …], in the order of the network's arguments.
        outputs: Names of the outputs.
    """
    shape = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens")}
    torch.onnx.export(
        network,
        tuple(inputs.values()),
        str(path),
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_shapes=(shape,) * len(inputs),
        dynamo=True,
        external_data=False,
        verbose=False,
    )


@contextmanager
def silence_exporters() -> Iterator[None]:
    """Suppress the exporters' notes in the log."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
