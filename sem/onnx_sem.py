"""A SEM in one folder: an int8 ONNX network, its tokenizer, and a manifest with hashes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract import Cause, Dialogue, Reading, SetupError, Turn, View, look
from .cause_ranking import Word, candidates, rank, without
from .encoding import DialogueEncoder, Encoded, pad
from .manifest import Manifest
from .protocol import SemDescription, every_view
from .taxonomy import Taxonomy

Array = NDArray[np.float32]
SHORTLIST = 16
"""How many words of a dialogue are left out one by one."""


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
        self._loaded: tuple[Any, DialogueEncoder] | None = None

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
            figures=self._manifest.figures,
        )

    @property
    def dimensions(self) -> int:
        """Return the width of a sentence vector."""
        return self._manifest.dimensions

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one calibrated reading a dialogue."""
        looks = every_view(dialogues, views)
        encoded = self._encode([look(d, view) for d, view in zip(dialogues, looks, strict=True)])
        (logits,) = self._run(encoded, ["logits"])
        return [
            Reading(distribution=self._distribution(row), sem=self._manifest.name, view=view, dropped=item.dropped)
            for row, view, item in zip(logits, looks, encoded, strict=True)
        ]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return the words without which the emotion becomes least probable, strongest first.

        Words whose tokens contribute most to the emotion's logit (class activation mapping, Zhou et
        al., CVPR 2016) are left out one by one; the log-probability that is lost is a word's score.
        """
        columns = [self._column(emotion) for emotion in emotions]
        encoded = self._encode(dialogues)
        whole, tokens = self._run(encoded, ["logits", "token_logits"])
        words = [
            _shortlist(dialogue, item, rows[:, column])
            for dialogue, item, rows, column in zip(dialogues, encoded, tokens, columns, strict=True)
        ]
        pairs = [(index, word) for index, several in enumerate(words) for word in several]
        (left,) = self._run(self._encode([without(dialogues[i], word) for i, word in pairs]), ["logits"])
        scores: list[list[float]] = [[] for _ in dialogues]
        for (index, _), logits in zip(pairs, left, strict=True):
            scores[index].append(_share(whole[index], columns[index]) - _share(logits, columns[index]))
        return [rank(*found, self._cause_limit) for found in zip(dialogues, words, scores, strict=True)]

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text."""
        (vectors,) = self._run(self._encode([[Turn("speaker", text)] for text in texts]), ["vector"])
        return [[float(value) for value in vector] for vector in vectors]

    def record(self, figures: Mapping[str, float]) -> None:
        """Write measured figures into the folder's manifest, where `description` shows them."""
        self._manifest = self._manifest.model_copy(update={"figures": dict(figures)})
        self._manifest.write(self._folder)

    def _column(self, emotion: str) -> int:
        if emotion not in self._manifest.labels:
            raise SetupError(
                f"unknown emotion {emotion!r}; SEM {self._manifest.name!r} knows {', '.join(self._taxonomy.labels)}"
            )
        return self._manifest.labels.index(emotion)

    def _distribution(self, logits: Array) -> dict[str, float]:
        scaled = logits.astype(np.float64) / self._manifest.temperature
        raised = np.exp(scaled - scaled.max())
        by_label = dict(zip(self._manifest.labels, raised / raised.sum(), strict=True))
        return {label: float(by_label[label]) for label in self._taxonomy.labels}

    def _encode(self, dialogues: Sequence[Dialogue]) -> list[Encoded]:
        if any(not dialogue for dialogue in dialogues):
            raise SetupError("a dialogue without turns cannot be read; give at least one turn")
        return self._load()[1].batch(dialogues)

    def _run(self, encoded: Sequence[Encoded], outputs: list[str]) -> list[list[Array]]:
        """Run in batches of similar length; return for each output one array a dialogue."""
        session, _ = self._load()
        found: list[list[Any]] = [[None] * len(encoded) for _ in outputs]
        order = sorted(range(len(encoded)), key=lambda i: len(encoded[i].ids))
        for start in range(0, len(order), self._batch_size):
            part = order[start : start + self._batch_size]
            arrays = session.run(outputs, pad([encoded[i] for i in part]))
            for held, array in zip(found, arrays, strict=True):
                for index, row in zip(part, array, strict=True):
                    held[index] = row
        return found

    def _load(self) -> tuple[Any, DialogueEncoder]:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._open()
            return self._loaded

    def _open(self) -> tuple[Any, DialogueEncoder]:
        import onnxruntime as ort
        from tokenizers import Tokenizer

        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if self._threads:
            options.intra_op_num_threads = self._threads
        session = ort.InferenceSession(str(self._folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        return session, DialogueEncoder(tokenizer, self._manifest.max_tokens)


def _shortlist(dialogue: Dialogue, encoded: Encoded, tokens: Array) -> list[Word]:
    """Return the candidates with the highest token logits, in the order of the text."""
    held: dict[Word, float] = {}
    for word in candidates(dialogue):
        inside = [
            float(tokens[i])
            for i, place in enumerate(encoded.places)
            if place and place[0] == word.turn and place[1] < word.end and place[2] > word.start
        ]
        if inside:
            held[word] = max(inside)
    best = set(sorted(held, key=lambda word: -held[word])[:SHORTLIST])
    return [word for word in held if word in best]


def _share(logits: Array, column: int) -> float:
    """Return the log-probability of one label."""
    top = float(logits.max())
    return float(logits[column]) - top - float(np.log(np.exp(logits - top).sum()))
