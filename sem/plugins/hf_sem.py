"""Any Hugging Face text-classification model as a SEM."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import islice
from math import fsum, isfinite
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, TypeAlias

from ...contract import Cause, Dialogue, ModelError, Reading, SetupError, View
from ..protocol import SemDescription
from ..runtime.cause_ranking import candidates, rank, without
from ..runtime.encoding import CHARACTERS_PER_TOKEN
from ..taxonomy import DATA, Taxonomy
from ..validation import apply_views, require_known_emotions

Target: TypeAlias = str | Mapping[str, float]
"""Target of a model's label: one label of the taxonomy, or several with shares."""
MULTI_LABEL = "multi_label_classification"
"""`problem_type` of a model with one sigmoid per label."""
_SHORTEST = 8
"""Tokens that any model reads at once."""


def read_label_map(path: Path) -> Mapping[str, Mapping[str, float]]:
    """Load a label map: JSON of `{model label: {"to": {label: share}, "why": reason}}`."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return MappingProxyType({label: MappingProxyType(row["to"]) for label, row in rows.items()})


GOEMOTIONS_TO_EMPATHETIC_DIALOGUES = read_label_map(DATA / "goemotions_to_empathetic_dialogues.json")
"""The 27 emotions of GoEmotions (Demszky et al., ACL 2020) in shares of EmpatheticDialogues' 32; `neutral` is left out.

The file gives the reasons. Each of the 32 is the target of some label.
"""


class HfSem:
    """Predict emotions with a Hugging Face sequence classifier, and causes by occlusion.

    A single-label model uses softmax; a multi-label model (`problem_type` is `multi_label_classification`) uses
    sigmoids that are scaled to sum to 1.

    Args:
        model: Hub id or folder of an `AutoModelForSequenceClassification`.
        taxonomy: The labels of the readings; None means the model's own.
        label_map: Model label -> taxonomy label, or shares of several; labels that are neither in it
            nor in the taxonomy are left out and the rest is scaled to sum to 1.
        max_tokens: The window, at most what the model reads; the oldest turns are dropped first.
        cause_limit: Maximum number of causes.
        batch_size: Texts per forward pass.

    Raises:
        SetupError: The model cannot be found, the map names a label that is not in the taxonomy, or none
            of the model's labels maps to the taxonomy.
    """

    def __init__(
        self,
        model: str,
        *,
        taxonomy: Taxonomy | None = None,
        label_map: Mapping[str, Target] | None = None,
        max_tokens: int = 256,
        cause_limit: int = 5,
        batch_size: int = 32,
    ) -> None:
        from transformers import AutoConfig

        self._source = model
        try:
            config = AutoConfig.from_pretrained(model, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise SetupError(
                f"no text-classification model at {model!r}: give a folder that holds one, or a hub id"
            ) from error
        self._model_labels = tuple(str(label) for _, label in sorted((config.id2label or {}).items()))
        self._taxonomy = taxonomy or Taxonomy(name=model, labels=self._model_labels)
        self._targets = [self._label_shares(label, label_map or {}) for label in self._model_labels]
        if not any(self._targets):
            raise SetupError(
                f"none of the labels of {model!r} is in taxonomy {self._taxonomy.name!r}; give a label_map"
            )
        self._multi_label = config.problem_type == MULTI_LABEL
        self.longest_input = min(max_tokens, getattr(config, "max_position_embeddings", None) or max_tokens)
        """Tokens that are read at once; once the model is loaded, no more than it can."""
        self._cause_limit = cause_limit
        self._batch_size = batch_size
        self._lock = Lock()
        self._loaded: tuple[Any, Any] | None = None

    @property
    def description(self) -> SemDescription:
        """Return what the model's configuration says."""
        return SemDescription(
            name=f"huggingface:{self._source}", taxonomy=self._taxonomy, languages=("mul",), source=self._source
        )

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one reading per dialogue.

        Raises:
            ModelError: The weights cannot be loaded, the model fails, or its output is not finite.
        """
        resolved = apply_views(dialogues, views)
        inputs = [self._fit_window(turns) for _, turns in resolved]
        rows = self._distributions([text for text, _ in inputs])
        return [
            Reading(distribution=row, sem=self.description.name, view=view, truncated_turns=truncated)
            for row, (view, _), (_, truncated) in zip(rows, resolved, inputs, strict=True)
        ]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return the words whose removal lowers the emotion's probability most."""
        require_known_emotions(dialogues, emotions, self.description)
        return [self._occlude(dialogue, emotion) for dialogue, emotion in zip(dialogues, emotions, strict=True)]

    def _label_shares(self, label: str, label_map: Mapping[str, Target]) -> Mapping[str, float]:
        """Return the taxonomy labels that a model's label maps to, with shares; empty if it is left out."""
        target = label_map.get(label, label)
        shares = {target: 1.0} if isinstance(target, str) else target
        if label not in label_map:
            return shares if label in self._taxonomy else {}
        if stray := sorted(set(shares) - set(self._taxonomy.labels)):
            raise SetupError(f"label_map takes {label!r} to {stray}, which taxonomy {self._taxonomy.name!r} lacks")
        if not all(isfinite(share) and share > 0 for share in shares.values()):
            raise SetupError(f"label_map gives {label!r} the shares {dict(shares)}; expected numbers above 0")
        return shares

    def _occlude(self, dialogue: Dialogue, emotion: str) -> tuple[Cause, ...]:
        self._load()
        words = candidates(dialogue)[-self.longest_input :]
        texts = [self._fit_window(turns)[0] for turns in (dialogue, *(without(dialogue, word) for word in words))]
        full, *occluded = [row[emotion] for row in self._distributions(texts)]
        scores = [10 * (full - probability) for probability in occluded]
        return rank(dialogue, words, scores, self._cause_limit)

    def _fit_window(self, dialogue: Dialogue) -> tuple[str, int]:
        """Return the newest turns that fit the window, joined, and how many turns were dropped or cut."""
        tokenizer, _ = self._load()
        room, cut, parts = self.longest_input - 2, 0, list[str]()
        for turn in reversed(dialogue):
            text = turn.text[-self.longest_input * CHARACTERS_PER_TOKEN :]
            length = len(tokenizer(text, add_special_tokens=False)["input_ids"])
            if parts and length > room:
                break
            cut += length > room or len(text) < len(turn.text)
            parts.append(text)
            room -= length + 1
        return "\n".join(reversed(parts)), len(dialogue) - len(parts) + cut

    def _distributions(self, texts: Sequence[str]) -> list[dict[str, float]]:
        rows: list[dict[str, float]] = []
        pending = iter(texts)
        while batch := list(islice(pending, self._batch_size)):
            rows += [self._map_labels(row) for row in self._probabilities(batch)]
        return rows

    def _probabilities(self, texts: list[str]) -> list[list[float]]:
        """Return the probabilities of the model's labels, [texts, labels]."""
        import torch

        tokenizer, model = self._load()
        try:
            inputs = tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=self.longest_input)
            with torch.inference_mode():
                logits = model(**inputs).logits.float()
        except Exception as error:
            raise ModelError(f"the model {self._source!r} cannot read {len(texts)} texts: {error}") from error
        probabilities: list[list[float]] = (logits.sigmoid() if self._multi_label else logits.softmax(-1)).tolist()
        return probabilities

    def _map_labels(self, probabilities: Sequence[float]) -> dict[str, float]:
        """Return the distribution over the taxonomy; uniform if no mapped label has any probability."""
        row = dict.fromkeys(self._taxonomy.labels, 0.0)
        for shares, probability in zip(self._targets, probabilities, strict=True):
            total_share = fsum(shares.values())
            for label, share in shares.items():
                row[label] += probability * share / total_share
        total = fsum(row.values())
        if not isfinite(total):
            raise ModelError(
                f"the model {self._source!r} returned a value that is not finite; its weights may be damaged"
            )
        if total == 0:
            return dict.fromkeys(row, 1 / len(row))
        return {label: value / total for label, value in row.items()}

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._read_weights()
            return self._loaded

    def _read_weights(self) -> tuple[Any, Any]:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        source = self._source
        try:
            model = AutoModelForSequenceClassification.from_pretrained(source, trust_remote_code=False).eval()
            tokenizer = AutoTokenizer.from_pretrained(source, truncation_side="left", trust_remote_code=False)
            limit = min(self.longest_input, tokenizer.model_max_length)
            self.longest_input = find_longest_input(tokenizer, model, limit)
        except Exception as error:
            raise ModelError(f"the weights of {source!r} cannot be loaded: {error}") from error
        return tokenizer, model


def find_longest_input(tokenizer: Any, model: Any, limit: int) -> int:
    """Return how many tokens a model reads at once, at most the limit.

    It is found by trying, which one pass settles where the limit is read. A configuration does not tell it for every
    architecture: of RoBERTa's 514 positions (`max_position_embeddings`), two are taken by the padding.

    Raises:
        ModelError: It reads nothing.
    """
    import torch

    def failure(length: int) -> Exception | None:
        try:
            inputs = tokenizer(" a" * length, return_tensors="pt", truncation=True, max_length=length)
            with torch.inference_mode():
                model(**inputs)
        except Exception as error:
            return error
        return None

    if (error := failure(limit)) is None:
        return limit
    too_long = bisect_left(range(limit), True, lo=_SHORTEST, key=lambda length: failure(length) is not None)
    if too_long <= _SHORTEST:
        raise ModelError(f"the model reads no text: {error}")
    return too_long - 1
