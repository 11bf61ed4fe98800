"""From a trained network to the folder that ships: ONNX, int8, calibrated, hashed."""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...contract import View, apply_view
from ...contract.numerics import Indices
from ...data.cause_annotations import MarkedDialogue
from ...data.conversations import Sample, listener_turns
from ...sem.runtime.calibration import (
    SECOND_VIEWS,
    Calibration,
    fit_calibration,
    fit_prediction_sets,
    fit_view_weight,
)
from ...sem.runtime.manifest import Manifest, hash_of
from ...sem.runtime.onnx_sem import OnnxSem
from .cause_distillation import CauseTeacher
from .emotion_training import Run
from .heads.head_registry import cause_head, embedding_head
from .quantisation import quantise
from .sem_network import OUTPUTS, SemNetwork

TYPICAL = 400
"""Training dialogues that say how large activations become."""
WINDOW = 256
"""Tokens the shipped SEM reads at most."""
LICENCE = "that of its training data and of its backbone"
"""What is said of weights whose maker named no licence."""


def export_sem(
    run: Run,
    folder: Path,
    *,
    name: str | None = None,
    licence: str = LICENCE,
    marked: Sequence[MarkedDialogue] = (),
    taught: CauseTeacher | None = None,
) -> OnnxSem:
    """Export a finished run and return the SEM read back from the folder.

    The heads for sentence vectors and cause words are fitted on the finished trunk, all is
    quantised to int8, then the calibration and the weights of second looks are fitted on the
    quantised network with the run's held-out training conversations (`hef train calibrate` fits the
    calibration on others).

    Args:
        run: The finished run.
        folder: Where the SEM is written.
        name: What it is called; None means the folder's name.
        licence: Licence of the weights, and of the data where that binds them.
        marked: Dialogues with marked cause words; without any, causes come from the labels alone.
        taught: A larger run that teaches the cause head what it makes of unmarked dialogues.

    Raises:
        SetupError: The run has no `network.pt` yet.
    """
    network = run.finished()
    whole = SemNetwork(network, embedding_head(run), cause_head(run, marked, taught))
    folder.mkdir(parents=True, exist_ok=True)
    network.keep_positions(WINDOW)
    network.trunk.set_attn_implementation("eager")  # type: ignore[operator]
    with tempfile.TemporaryDirectory() as scratch, _quiet():
        plain = Path(scratch) / "plain.onnx"
        _to_onnx(whole.cpu().eval(), plain)
        typical = run.forward.encoder.batch([one.turns for one in islice(listener_turns(run.fitted), TYPICAL)])
        quantise(plain, folder / "model.onnx", typical)
    shutil.copyfile(Path(run.backbone) / "tokenizer.json", folder / "tokenizer.json")
    source = f"{run.recipe.backbone}, fine-tuned with `hef train sem`"
    if marked:
        source += f"; cause words from {len(marked):,} marked dialogues"
    about = Manifest(
        name=name or folder.resolve().name,
        labels=run.taxonomy.labels,
        max_tokens=min(WINDOW, network.positions),
        dimensions=network.width,
        licence=licence,
        source=source,
        sha256={file: hash_of(folder / file) for file in ("model.onnx", "tokenizer.json")},
    )
    about.write(folder)
    samples = list(listener_turns(run.held_out))
    logits = OnnxSem(folder, run.taxonomy).logits([sample.turns for sample in samples])
    wanted = np.array([run.taxonomy.labels.index(sample.emotion) for sample in samples])
    fitted = fit_calibration(logits, wanted)
    update = {
        "slopes": fitted.slopes,
        "view_weights": _view_weights(OnnxSem(folder, run.taxonomy), fitted, samples, logits, wanted),
        "prediction_sets": fit_prediction_sets(fitted.probabilities(logits), wanted, [len(s.turns) for s in samples]),
    }
    about.model_copy(update=update).write(folder)
    return OnnxSem(folder, run.taxonomy)


def _view_weights(
    sem: OnnxSem, fitted: Calibration, samples: Sequence[Sample], logits: NDArray[np.float32], wanted: Indices
) -> dict[View, float]:
    """Return how much each second view counts, fitted on the dialogues that it shows otherwise than the first."""
    weights: dict[View, float] = {}
    for view in SECOND_VIEWS:
        shown = [apply_view(sample.turns, view) for sample in samples]
        rows = [row for row, sample in enumerate(samples) if shown[row] != list(sample.turns)]
        if rows:
            again = fitted.probabilities(sem.logits([shown[row] for row in rows]))
            weights[view] = fit_view_weight(fitted.probabilities(logits[rows]), again, wanted[rows])
    return weights


def _to_onnx(network: SemNetwork, path: Path) -> None:
    ids = torch.ones(2, 16, dtype=torch.long)
    batch, tokens = torch.export.Dim("batch"), torch.export.Dim("tokens")
    shape = {0: batch, 1: tokens}
    torch.onnx.export(
        network,
        (ids, torch.ones_like(ids), torch.zeros_like(ids)),
        str(path),
        input_names=["input_ids", "attention_mask", "token_type_ids"],
        output_names=list(OUTPUTS),
        dynamic_shapes=(shape, shape, shape),
        dynamo=True,
        external_data=False,
        verbose=False,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' page of notes out of the log."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
