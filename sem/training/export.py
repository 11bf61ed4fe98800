"""From a trained network to the folder that ships: ONNX, int8, calibrated, hashed."""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...contract import SetupError
from ..manifest import Manifest, hash_of
from ..onnx_sem import OnnxSem
from .data import Sample, listener_turns
from .loop import Run
from .network import EmotionNetwork

BLOCK = 128
"""Weights that share a scale."""
WINDOW = 256
"""Tokens the shipped SEM reads at most."""
LICENCE = "that of its training data and of its backbone"
"""What is said of weights whose maker named no licence."""


def export_sem(run: Run, folder: Path, *, name: str | None = None, licence: str = LICENCE) -> OnnxSem:
    """Export a finished run and return the SEM read back from the folder.

    The network is quantised to int8, then the temperature is fitted on the quantised network with
    the run's held-out training conversations.

    Args:
        run: The finished run.
        folder: Where the SEM is written.
        name: What it is called; None means the folder's name.
        licence: Licence of the weights, and of the data where that binds them.

    Raises:
        SetupError: The run has no `network.pt` yet.
    """
    path = run.folder / "network.pt"
    if not path.exists():
        raise SetupError(f"{path} is missing: the run has not finished; run `hef train` with the same --out again")
    network = run.network
    network.load_state_dict(torch.load(path, map_location="cpu"))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, _quiet():
        plain = Path(scratch) / "plain.onnx"
        _to_onnx(network.cpu().eval(), plain)
        _quantise(plain, folder / "model.onnx")
    shutil.copyfile(Path(run.backbone) / "tokenizer.json", folder / "tokenizer.json")
    _write_manifest(run, folder, name or folder.resolve().name, licence, temperature=1.0)
    samples = list(listener_turns(run.held_out))
    logits = _logits(OnnxSem(folder, run.taxonomy), samples)
    wanted = np.array([run.taxonomy.labels.index(sample.emotion) for sample in samples])
    _write_manifest(run, folder, name or folder.resolve().name, licence, temperature=fit_temperature(logits, wanted))
    return OnnxSem(folder, run.taxonomy)


def fit_temperature(logits: NDArray[np.float64], wanted: NDArray[np.int64]) -> float:
    """Return the temperature that minimises the negative log-likelihood (Guo et al., ICML 2017).

    Args:
        logits: Shape [samples, labels].
        wanted: Label indices, shape [samples].
    """

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        likelihood = scaled[np.arange(len(wanted)), wanted] - np.log(np.exp(scaled).sum(axis=1))
        return -float(likelihood.mean())

    grid = np.geomspace(0.25, 4.0, 401)
    return float(grid[int(np.argmin([loss(float(temperature)) for temperature in grid]))])


def _logits(sem: OnnxSem, samples: list[Sample]) -> NDArray[np.float64]:
    readings = sem.read([sample.turns for sample in samples])
    rows = [list(reading.distribution.values()) for reading in readings]
    logits: NDArray[np.float64] = np.log(np.array(rows, dtype=np.float64))
    return logits


class _Positional(nn.Module):
    """The network with positional inputs and a plain tuple of outputs, as exporters want it."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network(input_ids, attention_mask, token_type_ids))


def _to_onnx(network: EmotionNetwork, path: Path) -> None:
    ids = torch.ones(2, 16, dtype=torch.long)
    batch, tokens = torch.export.Dim("batch"), torch.export.Dim("tokens")
    shape = {0: batch, 1: tokens}
    torch.onnx.export(
        _Positional(network).eval(),
        (ids, torch.ones_like(ids), torch.zeros_like(ids)),
        str(path),
        input_names=["input_ids", "attention_mask", "token_type_ids"],
        output_names=["logits", "token_logits", "vector"],
        dynamic_shapes=(shape, shape, shape),
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def _quantise(plain: Path, target: Path) -> None:
    """Write the int8 network: embeddings per channel, matrices in blocks of 128 with their own scales.

    Block-wise scales, for the weights and (accuracy level 4) for the activations, cost a tenth of
    the divergence of plain dynamic quantisation.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared, gathered = plain.with_name("prepared.onnx"), plain.with_name("gathered.onnx")
    quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
    quantize_dynamic(
        str(prepared), str(gathered), op_types_to_quantize=["Gather"], per_channel=True, weight_type=QuantType.QInt8
    )
    quantizer: Any = MatMulNBitsQuantizer(
        onnx.load(str(gathered)), bits=8, block_size=BLOCK, is_symmetric=True, accuracy_level=4
    )
    quantizer.process()
    onnx.save(quantizer.model.model, str(target))


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


def _write_manifest(run: Run, folder: Path, name: str, licence: str, temperature: float) -> None:
    Manifest(
        name=name,
        labels=run.taxonomy.labels,
        temperature=round(temperature, 4),
        max_tokens=min(WINDOW, run.network.positions),
        dimensions=int(run.network.embedder.out_features),
        licence=licence,
        source=f"{run.recipe.backbone}, fine-tuned with `hef train`",
        sha256={file: hash_of(folder / file) for file in ("model.onnx", "tokenizer.json")},
    ).write(folder)
