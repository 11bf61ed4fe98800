"""A SEM whose emotions a larger network reads, too; all else is that of the smaller SEM that it is read on top of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ...contract import Cause, Dialogue, Reading, SetupError, Turn, View
from ...contract.cpu_inference import cpu_threads
from ...contract.numerics import log_softmax
from ..language import unread_language
from ..protocol import SemDescription
from ..validation import apply_views
from .manifest import TOKENIZER, Manifest
from .onnx_runner import OnnxRunner
from .onnx_sem import OnnxSem

Array = NDArray[np.float64]
SHARE = 0.5
"""Share of the larger network in the pooled log-probabilities: both count the same."""
_LEAST = 1e-9
"""Least probability that is pooled."""


class LargeSem:
    """A large network and a small SEM, whose probabilities are pooled log-linearly and calibrated together.

    The small SEM says which turns are about the last one's subject, whether anything is felt, by which words it is
    shown, and gives the sentence vectors: a memory that was written with one of both is found with the other. The large
    network reads the emotion of these turns, in its languages; in any other the small one's reading stands.

    Args:
        folder: Contains `sem.json`, `model.onnx`, `weights.npz` and `tokenizer.json`.
        base: The small SEM, the one that the folder's manifest names.
        threads: Threads of ONNX Runtime; None means `HEF_THREADS`, or without it the runtime's default.

    Raises:
        SetupError: The folder is incomplete or damaged, or was made for another small SEM.
    """

    def __init__(self, folder: Path | str, base: OnnxSem, *, threads: int | None = None) -> None:
        self._folder = Path(folder).expanduser()
        self._base = base
        self._manifest = Manifest.load(self._folder)
        self._manifest.verify(self._folder)
        if self._manifest.enlarges != base.fingerprint:
            raise SetupError(
                f"the SEM in {self._folder} was made for another version of SEM {base.description.name!r}: "
                "reinstall hef, or calibrate it anew by `hef train calibrate`"
            )
        self._labels = base.description.taxonomy.labels
        if set(self._manifest.labels) != set(self._labels):
            raise SetupError(f"the SEM in {self._folder} has other labels than SEM {base.description.name!r}")
        self._threads = cpu_threads(threads or None)
        self._lock = Lock()
        self._runner: OnnxRunner | None = None

    @property
    def description(self) -> SemDescription:
        """Return the description from both manifests, without loading weights."""
        base, manifest = self._base.description, self._manifest
        size = sum((self._folder / name).stat().st_size for name in manifest.sha256 if name != TOKENIZER)
        return SemDescription(
            name=manifest.name,
            taxonomy=base.taxonomy,
            languages=base.languages,
            licence=manifest.licence,
            size_mb=round(size / 1e6 + base.size_mb, 1),
            source=f"{manifest.source}; on top of {base.name}: {base.source}",
            metrics=manifest.metrics,
            prediction_sets=manifest.prediction_sets,
        )

    @property
    def dimensions(self) -> int:
        """Return the width of a sentence vector, the small SEM's."""
        return self._base.dimensions

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one calibrated reading per dialogue."""
        readings, pooled = self._read(apply_views(dialogues, views))
        for index, row in pooled.items():
            (probabilities,) = self._manifest.calibration.probabilities(row[None])
            readings[index] = readings[index].model_copy(update={"distribution": self._distribution(probabilities)})
        return [reading.model_copy(update={"sem": self._manifest.name}) for reading in readings]

    def logits(self, dialogues: Sequence[Dialogue]) -> Array:
        """Return the log-probabilities before calibration, [dialogues, labels of the manifest].

        They are the pooled ones, and those of the small SEM where the large network does not read the language.
        """
        readings, pooled = self._read(apply_views(dialogues, None))
        rows = [
            pooled[index] if index in pooled else self._log_probabilities(reading)
            for index, reading in enumerate(readings)
        ]
        return np.stack(rows) if rows else np.zeros((0, len(self._manifest.labels)))

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return the small SEM's cause words of the emotion, strongest first."""
        return self._base.causes(dialogues, emotions)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the small SEM's unit vector of each text."""
        return self._base.embed(texts)

    def write_metrics(self, metrics: Mapping[str, float]) -> None:
        """Write measured metrics into the folder's manifest, where `description` shows them."""
        self._manifest = self._manifest.model_copy(update={"metrics": dict(metrics)})
        self._manifest.write(self._folder)

    def _read(self, resolved: Sequence[tuple[View, Sequence[Turn]]]) -> tuple[list[Reading], dict[int, Array]]:
        """Return the small SEM's readings, and by index the pooled log-probabilities of those in a language of both."""
        readings: list[Reading] = []
        read: dict[int, list[Turn]] = {}
        for index, (reading, topic) in enumerate(self._base.read_views(resolved)):
            readings.append(reading)
            turns = resolved[index][1]
            if not unread_language(turns, self._manifest.languages):
                about = [turns[number] for number in topic] or list(turns)
                in_language = [turn for turn in about if not unread_language([turn], self._manifest.languages)]
                read[index] = in_language or about
        if not read:
            return readings, {}
        runner = self._open()
        (rows,) = runner.run(runner.encode([*read.values()]), "logits")
        large = log_softmax(np.stack(rows).astype(np.float64))
        return readings, {
            index: SHARE * row + (1 - SHARE) * self._log_probabilities(readings[index])
            for index, row in zip(read, large, strict=True)
        }

    def _log_probabilities(self, reading: Reading) -> Array:
        row: Array = np.log([max(reading.distribution[label], _LEAST) for label in self._manifest.labels])
        return row

    def _distribution(self, probabilities: Array) -> dict[str, float]:
        by_label = dict(zip(self._manifest.labels, probabilities, strict=True))
        return {label: float(by_label[label]) for label in self._labels}

    def _open(self) -> OnnxRunner:
        with self._lock:
            if self._runner is None:
                self._runner = OnnxRunner(
                    self._folder, self._manifest.max_tokens, threads=self._threads, has_packed_weights=True
                )
            return self._runner
