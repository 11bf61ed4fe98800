"""A SEM from a folder: an int8 ONNX network, its tokenizer, and a manifest with hashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...contract import Cause, Dialogue, Reading, SetupError, Turn, View
from ...contract.cpu_inference import cpu_threads, import_onnxruntime, open_session
from ..protocol import SemDescription
from ..taxonomy import Taxonomy
from ..validation import apply_views, require_known_emotions, require_turns
from .cause_ranking import candidates, rank, word_scores
from .encoding import DialogueEncoder, Encoded, pad
from .manifest import REINSTALL, TOKENIZER, Manifest

Array = NDArray[np.float32]
DISABLED_OPTIMIZERS = ["SkipLayerNormFusion"]
"""Optimisers of ONNX Runtime that slow inference down: the fused kernel takes five times as long on a CPU."""
CACHED_DIALOGUES = 8
"""Number of dialogues whose cause scores are cached for a later request; larger batches are not cached."""


class OnnxRunner:
    """Run the network of a SEM folder on the CPU.

    Args:
        folder: Contains `model.onnx` and `tokenizer.json`.
        max_tokens: The window, with special tokens.
        threads: Threads of ONNX Runtime; None means its default.
        batch_size: Dialogues per forward pass.

    Raises:
        SetupError: The network or the tokenizer cannot be loaded.
    """

    def __init__(self, folder: Path, max_tokens: int, *, threads: int | None = None, batch_size: int = 32) -> None:
        from tokenizers import Tokenizer

        try:
            network = folder / "model.onnx"
            self._session = open_session(network, threads=threads, disabled_optimizers=DISABLED_OPTIMIZERS)
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # what ONNX Runtime and the tokenizers library raise has no narrower base
            raise SetupError(f"the SEM in {folder} cannot be loaded: {error}; {REINSTALL}") from error
        self._run_options = import_onnxruntime().RunOptions()
        self._run_options.only_execute_path_to_fetches = True
        self._encoder = DialogueEncoder(tokenizer, max_tokens)
        self._batch_size = batch_size

    def encode(self, dialogues: Sequence[Dialogue]) -> list[Encoded]:
        """Return the token ids of dialogues."""
        return self._encoder.batch(dialogues)

    def run(self, encoded: Sequence[Encoded], *outputs: str) -> list[list[Array]]:
        """Return for each named output one array per dialogue; only what they need is computed.

        An output of [batch, tokens, …] includes the padding.
        """
        results: list[list[Any]] = [[None] * len(encoded) for _ in outputs]
        order = sorted(range(len(encoded)), key=lambda i: len(encoded[i].ids))
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            arrays: Any = self._session.run(outputs, pad([encoded[i] for i in batch]), self._run_options)
            for rows, array in zip(results, arrays, strict=True):
                for index, row in zip(batch, array, strict=True):
                    rows[index] = row
        return results


class OnnxSem:
    """Predict emotion, cause words and sentence vectors in one pass of an ONNX network.

    Args:
        folder: Contains `sem.json`, `model.onnx` and `tokenizer.json`.
        taxonomy: The labels with descriptions; None means EmpatheticDialogues' if the labels
            are its own, else the bare labels of the manifest.
        threads: Threads of ONNX Runtime; None means `HEF_THREADS`, or without it the runtime's default.
        cause_limit: Maximum number of causes.
        batch_size: Dialogues per forward pass, sorted by length.

    Raises:
        SetupError: The folder is incomplete or damaged, its labels are not the taxonomy's, or `HEF_THREADS` is
            not a number of threads.
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
        self._manifest = Manifest.load(self._folder)
        self._manifest.verify(self._folder)
        taxonomy = taxonomy or self._manifest.taxonomy
        if set(self._manifest.labels) != set(taxonomy.labels):
            raise SetupError(f"the SEM in {self._folder} has other labels than taxonomy {taxonomy.name!r}")
        self._taxonomy = taxonomy
        self._threads = cpu_threads(threads or None)
        self._cause_limit = cause_limit
        self._batch_size = batch_size
        self._lock = Lock()
        self._runner: OnnxRunner | None = None
        self._cause_scores: dict[tuple[tuple[int, ...], tuple[int, ...]], Array] = {}

    @property
    def description(self) -> SemDescription:
        """Return the description from the manifest, without loading weights."""
        size = sum((self._folder / name).stat().st_size for name in self._manifest.sha256 if name != TOKENIZER)
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
        """Return one calibrated reading per dialogue."""
        resolved = apply_views(dialogues, views)
        runner = self._open()
        encoded = runner.encode([turns for _, turns in resolved])
        if len(encoded) <= CACHED_DIALOGUES:
            logits, tokens = runner.run(encoded, "logits", "causes")
            self._cache(encoded, tokens)
        else:
            (logits,) = runner.run(encoded, "logits")
        return [
            Reading(
                distribution=self._distribution(row),
                sem=self._manifest.name,
                view=view,
                pool_weight=self._manifest.view_weights.get(view, 1.0),
                truncated_turns=item.truncated_turns,
            )
            for row, (view, _), item in zip(logits, resolved, encoded, strict=True)
        ]

    def logits(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float32]:
        """Return the network's logits before calibration, [dialogues, labels of the manifest]."""
        require_turns(dialogues)
        runner = self._open()
        (rows,) = runner.run(runner.encode(dialogues), "logits")
        return np.stack(rows) if rows else np.zeros((0, len(self._manifest.labels)), dtype=np.float32)

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return the cause words of the emotion, strongest first.

        The network scores every word for every emotion in the pass that predicts the emotion: for the last few
        dialogues that were read nothing is computed again.
        """
        require_known_emotions(dialogues, emotions, self.description)
        runner, columns = self._open(), [self._manifest.labels.index(emotion) for emotion in emotions]
        encoded = runner.encode(dialogues)
        cached = [self._cause_scores.get((item.ids, item.types)) for item in encoded]
        missing = [item for item, rows in zip(encoded, cached, strict=True) if rows is None]
        computed = iter(runner.run(missing, "causes")[0])
        tokens = [next(computed) if rows is None else rows for rows in cached]
        return [
            self._rank(dialogue, item, rows[:, column])
            for dialogue, item, rows, column in zip(dialogues, encoded, tokens, columns, strict=True)
        ]

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector per text."""
        runner = self._open()
        (vectors,) = runner.run(runner.encode([[Turn("speaker", text)] for text in texts]), "vector")
        return [[float(value) for value in vector] for vector in vectors]

    def write_metrics(self, metrics: Mapping[str, float]) -> None:
        """Write measured metrics into the folder's manifest, where `description` shows them."""
        self._manifest = self._manifest.model_copy(update={"metrics": dict(metrics)})
        self._manifest.write(self._folder)

    def _cache(self, encoded: Sequence[Encoded], tokens: Sequence[Array]) -> None:
        """Cache the cause scores of the newest dialogues."""
        new = {(item.ids, item.types): rows for item, rows in zip(encoded, tokens, strict=True)}
        with self._lock:
            self._cause_scores = dict([*self._cause_scores.items(), *new.items()][-CACHED_DIALOGUES:])

    def _rank(self, dialogue: Dialogue, encoded: Encoded, tokens: Array) -> tuple[Cause, ...]:
        scores = word_scores(encoded, candidates(dialogue, light=True), tokens.tolist())
        return rank(dialogue, list(scores), list(scores.values()), self._cause_limit)

    def _distribution(self, logits: Array) -> dict[str, float]:
        (probabilities,) = self._manifest.calibration.probabilities(logits[None])
        by_label = dict(zip(self._manifest.labels, probabilities, strict=True))
        return {label: float(by_label[label]) for label in self._taxonomy.labels}

    def _open(self) -> OnnxRunner:
        with self._lock:
            if self._runner is None:
                self._runner = OnnxRunner(
                    self._folder, self._manifest.max_tokens, threads=self._threads, batch_size=self._batch_size
                )
            return self._runner
