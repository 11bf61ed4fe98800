"""A SEM in one folder: an int8 ONNX network, its tokenizer, and a manifest with hashes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ...contract import Cause, Dialogue, Reading, SetupError, Turn, View
from ..protocol import SemDescription
from ..taxonomy import Taxonomy
from ..validation import apply_views, require_known_emotions, require_turns
from .cause_ranking import candidates, rank, word_scores
from .encoding import Encoded
from .manifest import Manifest
from .onnx_runner import Array, OnnxNetwork

KEPT = 8
"""How many dialogues' cause scores are kept for when they are asked for; larger batches keep none."""


class OnnxSem:
    """Read emotion, cause words and sentence vectors in one pass of an ONNX network.

    Args:
        folder: Holds `sem.json`, `model.onnx` and `tokenizer.json`.
        taxonomy: Where the labels are described; None takes EmpatheticDialogues' where the labels
            are its own, else the bare labels of the manifest.
        threads: Threads of ONNX Runtime; None means `HEF_THREADS`, else the choice is left to it.
        cause_limit: How many cause words are returned at most.
        batch_size: Dialogues a pass, sorted by length.

    Raises:
        SetupError: The folder is incomplete or damaged, or its labels are not the taxonomy's.
    """

    def __init__(
        self,
        folder: Path | str,
        taxonomy: Taxonomy | None = None,
        *,
        threads: int | None = None,
        cause_limit: int = 5,
        batch_size: int = 32,
    ) -> None:
        self._folder = Path(folder).expanduser()
        self._manifest = Manifest.of(self._folder)
        self._manifest.verify(self._folder)
        taxonomy = taxonomy or self._manifest.taxonomy
        if set(self._manifest.labels) != set(taxonomy.labels):
            raise SetupError(f"the SEM in {self._folder} has other labels than taxonomy {taxonomy.name!r}")
        self._taxonomy = taxonomy
        self._threads = threads or int(os.environ.get("HEF_THREADS") or 0)
        self._cause_limit = cause_limit
        self._batch_size = batch_size
        self._lock = Lock()
        self._opened: OnnxNetwork | None = None
        self._kept: dict[tuple[tuple[int, ...], tuple[int, ...]], Array] = {}

    @property
    def description(self) -> SemDescription:
        """Describe the SEM from its manifest, without loading weights."""
        size = sum(path.stat().st_size for path in self._folder.glob("model.onnx"))
        return SemDescription(
            name=self._manifest.name,
            taxonomy=self._taxonomy,
            licence=self._manifest.licence,
            size_mb=round(size / 1e6, 1),
            source=self._manifest.source,
            metrics=self._manifest.metrics,
            prediction_sets=self._manifest.prediction_sets,
        )

    @property
    def dimensions(self) -> int:
        """Return the width of a sentence vector."""
        return self._manifest.dimensions

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one calibrated reading a dialogue."""
        looks = apply_views(dialogues, views)
        network = self._network()
        encoded = network.encode([turns for _, turns in looks])
        if len(encoded) <= KEPT:
            logits, tokens = network.run(encoded, "logits", "causes")
            self._keep(encoded, tokens)
        else:
            (logits,) = network.run(encoded, "logits")
        return [
            Reading(
                distribution=self._distribution(row),
                sem=self._manifest.name,
                view=view,
                pool_weight=self._manifest.view_weights.get(view, 1.0),
                truncated_turns=item.dropped,
            )
            for row, (view, _), item in zip(logits, looks, encoded, strict=True)
        ]

    def logits(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float32]:
        """Return what the network says before calibration, [dialogues, labels of the manifest]."""
        require_turns(dialogues)
        network = self._network()
        (rows,) = network.run(network.encode(dialogues), "logits")
        return np.stack(rows) if rows else np.zeros((0, len(self._manifest.labels)), dtype=np.float32)

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return the words that speak for the emotion, strongest first.

        The network scores every word for every emotion in the pass that reads the emotion: of the last few
        dialogues that were read nothing is computed again.
        """
        require_known_emotions(dialogues, emotions, self.description)
        network, columns = self._network(), [self._manifest.labels.index(emotion) for emotion in emotions]
        encoded = network.encode(dialogues)
        kept = [self._kept.get((item.ids, item.types)) for item in encoded]
        missing = [item for item, rows in zip(encoded, kept, strict=True) if rows is None]
        found = iter(network.run(missing, "causes")[0])
        tokens = [next(found) if rows is None else rows for rows in kept]
        return [
            self._ranked(dialogue, item, rows[:, column])
            for dialogue, item, rows, column in zip(dialogues, encoded, tokens, columns, strict=True)
        ]

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text."""
        network = self._network()
        (vectors,) = network.run(network.encode([[Turn("speaker", text)] for text in texts]), "vector")
        return [[float(value) for value in vector] for vector in vectors]

    def write_metrics(self, metrics: Mapping[str, float]) -> None:
        """Write measured metrics into the folder's manifest, where `description` shows them."""
        self._manifest = self._manifest.model_copy(update={"metrics": dict(metrics)})
        self._manifest.write(self._folder)

    def _keep(self, encoded: Sequence[Encoded], tokens: Sequence[Array]) -> None:
        """Keep the cause scores of the newest dialogues."""
        held = {(item.ids, item.types): rows for item, rows in zip(encoded, tokens, strict=True)}
        with self._lock:
            self._kept = dict([*self._kept.items(), *held.items()][-KEPT:])

    def _ranked(self, dialogue: Dialogue, encoded: Encoded, tokens: Array) -> tuple[Cause, ...]:
        held = word_scores(encoded, candidates(dialogue, light=True), tokens.tolist())
        return rank(dialogue, list(held), list(held.values()), self._cause_limit)

    def _distribution(self, logits: Array) -> dict[str, float]:
        (probabilities,) = self._manifest.calibration.probabilities(logits[None])
        by_label = dict(zip(self._manifest.labels, probabilities, strict=True))
        return {label: float(by_label[label]) for label in self._taxonomy.labels}

    def _network(self) -> OnnxNetwork:
        with self._lock:
            if self._opened is None:
                self._opened = OnnxNetwork(
                    self._folder, self._manifest.max_tokens, threads=self._threads, batch_size=self._batch_size
                )
            return self._opened
