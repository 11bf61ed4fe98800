"""The trained head inside a SEM's network: quantised like the rest, reading what the network computes already."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ....sem.runtime.manifest import FEATURES
from ..chinese.onnx_extension import expose_values
from .head_training import export_head
from .token_features import LAYER, TokenFeatures
from .turn_head import TurnHead

PREFIX = "turn."
"""Begins the name of each value and node of the head."""
OUTPUTS = ("logits", "neutral", "topic")
"""Emotion logits of the last turn [batch, labels], neutral score [batch], topic score [batch, tokens]."""
TRUNK_LOGITS = "trunk_logits"
"""Output: the logits of the SEM before."""


def export_turn_head(head: TurnHead, network: Path, target: Path, features: Sequence[TokenFeatures]) -> None:
    """Write a SEM's network with the head, in place of another head that it may have.

    Args:
        head: The trained head.
        network: The SEM's `model.onnx`.
        target: The network to write; may be the same.
        features: Dialogues, on some of which the ranges of the activations are measured.
    """
    import onnx

    with tempfile.TemporaryDirectory() as scratch:
        export_head(head, head.reader, int8 := Path(scratch, "int8.onnx"), OUTPUTS, features)
        joined = _join(onnx.load(str(network)), onnx.load(str(int8)))
    onnx.checker.check_model(joined)
    onnx.save(joined, str(target))


def _join(network: Any, head: Any) -> Any:
    """Return the network with the head's nodes behind its own, and the head's outputs beside what it reads."""
    graph, added = network.graph, head.graph
    _remove_heads(graph)
    expose_values(graph, {FEATURES: LAYER}, ("batch", "tokens", "width"))
    names = {value.name: value.name for value in added.input} | {FEATURES: LAYER}
    names |= {name: name for name in OUTPUTS}
    for tensor in added.initializer:
        tensor.name = names.setdefault(tensor.name, PREFIX + tensor.name)
    for node in added.node:
        node.name = PREFIX + node.name
        for values in (node.input, node.output):
            values[:] = [names.setdefault(name, PREFIX + name) if name else "" for name in values]
    graph.initializer.extend(added.initializer)
    graph.node.extend(added.node)
    graph.output.extend(added.output)
    for value in (*network.opset_import, *head.opset_import):
        if value.domain not in {known.domain for known in network.opset_import}:
            network.opset_import.append(value)
    return network


def _remove_heads(graph: Any) -> None:
    """Remove an earlier head; the logits of the whole dialogue become the output `trunk_logits`."""
    own = [node for node in graph.node if not node.name.startswith(PREFIX)]
    if len(own) == len(graph.node):
        for value in graph.output:
            value.name = TRUNK_LOGITS if value.name == "logits" else value.name
        for node in own:
            for values in (node.input, node.output):
                values[:] = [TRUNK_LOGITS if name == "logits" else name for name in values]
    outputs = [value for value in graph.output if value.name not in OUTPUTS]
    needed = {value.name for value in outputs} | {LAYER}
    kept: list[Any] = []
    for node in reversed(own):
        if needed & set(node.output):
            kept.append(node)
            needed |= set(node.input)
    tensors = [tensor for tensor in graph.initializer if tensor.name in needed]
    for field, values in ((graph.node, kept[::-1]), (graph.initializer, tensors), (graph.output, outputs)):
        copies = [type(value).FromString(value.SerializeToString()) for value in values]
        del field[:]
        field.extend(copies)
