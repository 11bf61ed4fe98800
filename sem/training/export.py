"""From a trained network to the folder that ships: ONNX, int8, calibrated, hashed."""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..calibration import fit_calibration, fit_prediction_sets
from ..manifest import Manifest, hash_of
from ..onnx_sem import OnnxSem
from .cause_data import MarkedDialogue
from .data import listener_turns
from .heads import cause_head, embedding_head
from .loop import Run
from .sem_network import OUTPUTS, SemNetwork

BLOCK = 128
"""Weights that share a scale."""
WINDOW = 256
"""Tokens the shipped SEM reads at most."""
LICENCE = "that of its training data and of its backbone"
"""What is said of weights whose maker named no licence."""


def export_sem(
    run: Run, folder: Path, *, name: str | None = None, licence: str = LICENCE, marked: Sequence[MarkedDialogue] = ()
) -> OnnxSem:
    """Export a finished run and return the SEM read back from the folder.

    The heads for sentence vectors and cause words are fitted on the finished trunk, all is
    quantised to int8, then the calibration is fitted on the quantised network with the run's
    held-out training conversations (`hef calibrate` fits it on others).

    Args:
        run: The finished run.
        folder: Where the SEM is written.
        name: What it is called; None means the folder's name.
        licence: Licence of the weights, and of the data where that binds them.
        marked: Dialogues with marked cause words; without any, causes come from the labels alone.

    Raises:
        SetupError: The run has no `network.pt` yet.
    """
    network = run.finished()
    whole = SemNetwork(network, embedding_head(run), cause_head(run, marked))
    folder.mkdir(parents=True, exist_ok=True)
    network.keep_positions(WINDOW)
    with tempfile.TemporaryDirectory() as scratch, _quiet():
        plain = Path(scratch) / "plain.onnx"
        _to_onnx(whole.cpu().eval(), plain)
        _quantise(plain, folder / "model.onnx")
    shutil.copyfile(Path(run.backbone) / "tokenizer.json", folder / "tokenizer.json")
    source = f"{run.recipe.backbone}, fine-tuned with `hef train`"
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
        "prediction_sets": fit_prediction_sets(fitted.shares(logits), wanted, [len(s.turns) for s in samples]),
    }
    about.model_copy(update=update).write(folder)
    return OnnxSem(folder, run.taxonomy)


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


def _quantise(plain: Path, target: Path) -> None:
    """Write the int8 network: embeddings per channel, matrices in blocks of 128 with their own scales.

    Block-wise scales, for the weights and (accuracy level 4) for the activations, cost a tenth of
    the divergence of plain dynamic quantisation, and a dialogue reads the same alone and in a batch.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared, gathered = plain.with_name("prepared.onnx"), plain.with_name("gathered.onnx")
    quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
    model = onnx.load(str(prepared))
    _join_projections(model.graph)
    onnx.save(model, str(prepared))
    quantize_dynamic(
        str(prepared), str(gathered), op_types_to_quantize=["Gather"], per_channel=True, weight_type=QuantType.QInt8
    )
    quantizer: Any = MatMulNBitsQuantizer(
        onnx.load(str(gathered)), bits=8, block_size=BLOCK, is_symmetric=True, accuracy_level=4
    )
    quantizer.process()
    onnx.save(quantizer.model.model, str(target))


def _join_projections(graph: Any) -> None:
    """Join the matrices of query, key and value into one: a tenth faster, since what they read is quantised once."""
    from onnx import helper, numpy_helper

    weights = {held.name: held for held in graph.initializer}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            readers.setdefault(node.input[0], []).append(node)
    for read, nodes in readers.items():
        widths = [weights[node.input[1]].dims[-1] for node in nodes]
        if len(nodes) != 3 or len(set(widths)) > 1:
            continue
        name = f"{nodes[0].name}_joined"
        joined = np.concatenate([numpy_helper.to_array(weights[node.input[1]]) for node in nodes], axis=1)
        sizes = np.array(widths, dtype=np.int64)
        graph.initializer.append(numpy_helper.from_array(joined, f"{name}_weight"))
        graph.initializer.append(numpy_helper.from_array(sizes, f"{name}_sizes"))
        place = min(list(graph.node).index(node) for node in nodes)
        outputs = [node.output[0] for node in nodes]
        for node in nodes:
            graph.node.remove(node)
            graph.initializer.remove(weights[node.input[1]])
        graph.node.insert(place, helper.make_node("MatMul", [read, f"{name}_weight"], [name], name=name))
        graph.node.insert(
            place + 1, helper.make_node("Split", [name, f"{name}_sizes"], outputs, axis=-1, name=f"{name}_split")
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
