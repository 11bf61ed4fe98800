"""A SEM from a folder: an int8 ONNX network, its tokenizer, and a manifest with hashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...contract import Cause, Dialogue, Reading, SetupError, Turn, View
from ...contract.cpu_inference import cpu_threads
from ...contract.dialogue import DialogueCache
from ...contract.numerics import softmax
from ..protocol import SemDescription
from ..taxonomy import Taxonomy
from ..validation import apply_views, require_known_emotions, require_turns
from .cause_ranking import candidates, rank, word_scores
from .encoding import Encoded
from .manifest import FEATURES, TOKENIZER, Manifest
from .onnx_runner import OnnxRunner
from .topic_turns import topic_turns

Array = NDArray[np.float32]
CACHED_DIALOGUES = 128
"""Number of dialogues whose cause scores are cached: those of all who are answered at once, 70 kB each at most."""
READING_SHARES, CHANGED_SHARES = (0.25, 0.25, 0.5), (0.6, 0.3, 0.1)
"""What the head's reading of a dialogue counts, its reading of the current topic alone, and the trunk's of that: in a
dialogue about one subject, and in one of several, which the trunk was not made for."""
CACHED_BATCH = 8
"""Dialogues of a request whose cause scores are cached; larger ones are corpora, whose causes nobody asks for later."""


class _Pass(NamedTuple):
    """What the network says about the last turn of a dialogue."""

    topic_turns: tuple[int, ...]
    """Indices of the turns about its subject; empty where they are all."""
    encoded: Encoded
    """The dialogue."""
    distribution: dict[str, float]
    """The calibrated probabilities."""
    neutral: float | None
    causes: Array | None
    """[tokens, labels]; a copy, as what is kept would else hold the padded batch, and memory of the network's runs."""


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
        if self._manifest.enlarges:
            raise SetupError(f"the SEM in {self._folder} is read on top of another one: open it as a `LargeSem`")
        taxonomy = taxonomy or self._manifest.taxonomy
        if set(self._manifest.labels) != set(taxonomy.labels):
            raise SetupError(f"the SEM in {self._folder} has other labels than taxonomy {taxonomy.name!r}")
        self._taxonomy = taxonomy
        self._threads = cpu_threads(threads or None)
        self._cause_limit = cause_limit
        self._batch_size = batch_size
        self._lock = Lock()
        self._runner: OnnxRunner | None = None
        self._passes = DialogueCache[_Pass](CACHED_DIALOGUES)

    @property
    def description(self) -> SemDescription:
        """Return the description from the manifest, without loading weights."""
        size = sum((self._folder / name).stat().st_size for name in self._manifest.sha256 if name != TOKENIZER)
        return SemDescription(
            name=self._manifest.name,
            taxonomy=self._taxonomy,
            languages=self._manifest.languages,
            licence=self._manifest.licence,
            size_mb=round(size / 1e6, 1),
            source=self._manifest.source,
            metrics=self._manifest.metrics,
            prediction_sets=self._manifest.prediction_sets,
        )

    @property
    def fingerprint(self) -> str:
        """Return a hash of all that decides a reading: network, tokenizer and calibration."""
        return self._manifest.fingerprint

    @property
    def dimensions(self) -> int:
        """Return the width of a sentence vector."""
        return self._manifest.dimensions

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one calibrated reading per dialogue."""
        return [reading for reading, _ in self.read_views(apply_views(dialogues, views))]

    def read_views(self, resolved: Sequence[tuple[View, Sequence[Turn]]]) -> list[tuple[Reading, tuple[int, ...]]]:
        """Return the reading of each view's turns, and which of these turns are about the last one's subject.

        The indices are empty where all are.
        """
        # Causes are asked for of the dialogue, not of another view of it.
        causes = len(resolved) <= CACHED_BATCH and any(view == "dialogue" for view, _ in resolved)
        passes = self._read([turns for _, turns in resolved], causes=causes)
        return [
            (
                Reading(
                    distribution=one.distribution,
                    sem=self._manifest.name,
                    view=view,
                    pool_weight=self._manifest.view_weights.get(view, 1.0),
                    truncated_turns=one.encoded.truncated_turns,
                    neutral=one.neutral,
                    topic_turns=one.topic_turns if one.topic_turns and view == "dialogue" else None,
                ),
                one.topic_turns,
            )
            for one, (view, _) in zip(passes, resolved, strict=True)
        ]

    def logits(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float32]:
        """Return the logits before calibration, [dialogues, labels of the manifest]."""
        require_turns(dialogues)
        _, rows, _, _ = self._run(dialogues)
        return np.stack(rows) if rows else np.zeros((0, len(self._manifest.labels)), dtype=np.float32)

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return the cause words of the emotion, strongest first.

        The network scores every word for every emotion in the pass that predicts the emotion: for the last few
        dialogues that were read nothing is computed again.
        """
        require_known_emotions(dialogues, emotions, self.description)
        columns = [self._manifest.labels.index(emotion) for emotion in emotions]
        cached = [self._passes.get(dialogue) for dialogue in dialogues]
        missing = [list(dialogue) for dialogue, one in zip(dialogues, cached, strict=True) if one is None]
        computed = iter(self._read(missing, causes=True))
        passes = [next(computed) if one is None else one for one in cached]
        return [
            self._rank(dialogue, one, column) for dialogue, one, column in zip(dialogues, passes, columns, strict=True)
        ]

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector per text."""
        runner = self._open()
        (vectors,) = runner.run(runner.encode([[Turn("speaker", text)] for text in texts]), "vector")
        return [[float(value) for value in vector] for vector in vectors]

    def token_features(self, dialogue: Dialogue, max_tokens: int) -> tuple[Encoded, Array]:
        """Return what the network's lower layers make of a dialogue, which further heads read.

        Args:
            dialogue: At least one turn.
            max_tokens: The window; what lies further back is cut.

        Returns:
            Its token ids, and the features of its tokens, [tokens, width].
        """
        runner = self._open()
        encoded = runner.encode([dialogue], max_tokens)
        ((features,),) = runner.run(encoded, FEATURES)
        return encoded[0], features

    def write_metrics(self, metrics: Mapping[str, float]) -> None:
        """Write measured metrics into the folder's manifest, where `description` shows them."""
        self._manifest = self._manifest.model_copy(update={"metrics": dict(metrics)})
        self._manifest.write(self._folder)

    def _read(self, dialogues: Sequence[Sequence[Turn]], *, causes: bool) -> list[_Pass]:
        """Read dialogues; with `causes`, the newest are cached."""
        encoded, logits, topics, by_name = self._run(dialogues, "neutral", *(["causes"] if causes else []))
        passes = [
            _Pass(
                topic_turns=topics[index],
                encoded=one,
                distribution=self._distribution(logits[index]),
                neutral=self._neutral(by_name["neutral"][index]) if "neutral" in by_name else None,
                causes=by_name["causes"][index][: len(one.ids)].copy() if causes else None,
            )
            for index, one in enumerate(encoded)
        ]
        if causes:
            for turns, one in zip(dialogues, passes, strict=True):
                self._passes.put(turns, one)
        return passes

    def _run(
        self, dialogues: Sequence[Sequence[Turn]], *outputs: str
    ) -> tuple[list[Encoded], list[Array], list[tuple[int, ...]], dict[str, list[Array]]]:
        """Return the dialogues' token ids, their logits, the turns of their topics, and further outputs of the network.

        A network that tells topics reads the last turn in three ways: its head reads the dialogue, and the turns about
        the last one's subject alone; what the head was built on reads these turns, too. The first knows how the person
        speaks of it now, the others are free of what was felt about other subjects.
        """
        runner, manifest = self._open(), self._manifest
        encoded = runner.encode(dialogues)
        names = [name for name in outputs if name != "neutral" or manifest.neutral]
        if manifest.topic is None:
            logits, *others = runner.run(encoded, "logits", *names)
            return encoded, logits, [()] * len(encoded), dict(zip(names, others, strict=True))
        head, trunk, scores, *others = runner.run(encoded, "logits", "trunk_logits", "topic", *names)
        topics = [topic_turns(one, tokens, manifest.topic) for one, tokens in zip(encoded, scores, strict=True)]
        changed = [index for index, turns in enumerate(topics) if turns]
        alone = runner.encode([[dialogues[index][turn] for turn in topics[index]] for index in changed])
        head_alone = head.copy()
        for index, row, other in zip(changed, *runner.run(alone, "logits", "trunk_logits"), strict=True):
            head_alone[index], trunk[index] = row, other
        logits = [
            _log_mean(rows, CHANGED_SHARES if turns else READING_SHARES)
            for *rows, turns in zip(head, head_alone, trunk, topics, strict=True)
        ]
        return encoded, logits, topics, dict(zip(names, others, strict=True))

    def _neutral(self, score: Array) -> float | None:
        return self._manifest.neutral.probability(float(score.reshape(()))) if self._manifest.neutral else None

    def _rank(self, dialogue: Dialogue, one: _Pass, column: int) -> tuple[Cause, ...]:
        assert one.causes is not None
        about = set(one.topic_turns)
        words = candidates(dialogue, light=True)
        words = [word for word in words if word.turn in about] or words
        scores = word_scores(one.encoded, words, one.causes[:, column].tolist())
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


def _log_mean(rows: Sequence[Array], shares: Sequence[float]) -> Array:
    """Return the logarithm of the mean of the probabilities that rows of logits stand for, each with its share."""
    mean = np.average(softmax(np.stack(rows)), axis=0, weights=shares)
    return np.asarray(np.log(np.maximum(mean, 1e-12)), dtype=np.float32)
