"""Any Hugging Face text-classification model as a SEM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from threading import Lock
from typing import Any

from ..contract import Cause, Dialogue, ModelError, Reading, SetupError, View, look
from .cause_ranking import candidates, rank, without
from .encoding import CHARACTERS_PER_TOKEN
from .protocol import SemDescription, every_view
from .taxonomy import Taxonomy


class HfSem:
    """Read emotions with a Hugging Face sequence classifier, causes by leaving words out.

    Args:
        model: Hub id or folder of an `AutoModelForSequenceClassification`.
        taxonomy: The labels of the readings; None takes the model's own.
        label_map: Model label -> taxonomy label; labels that are missing in it and not in the
            taxonomy are left out and the rest is scaled to sum to 1.
        max_tokens: The model's window; the oldest turns are dropped first.
        cause_limit: How many cause words are returned at most.
        batch_size: Texts a pass.

    Raises:
        SetupError: The model cannot be found, or none of its labels reaches the taxonomy.
    """

    def __init__(
        self,
        model: str,
        *,
        taxonomy: Taxonomy | None = None,
        label_map: Mapping[str, str] | None = None,
        max_tokens: int = 256,
        cause_limit: int = 5,
        batch_size: int = 32,
    ) -> None:
        from transformers import AutoConfig

        self._source = model
        try:
            config = AutoConfig.from_pretrained(model)
        except (OSError, ValueError) as error:
            raise SetupError(
                f"no text-classification model at {model!r}: give a folder that holds one, or a hub id"
            ) from error
        self._own = tuple(str(label) for _, label in sorted((config.id2label or {}).items()))
        self._taxonomy = taxonomy or Taxonomy(name=model, labels=self._own)
        self._target = [self._place(label, label_map or {}) for label in self._own]
        if all(place is None for place in self._target):
            raise SetupError(
                f"none of the labels of {model!r} is in taxonomy {self._taxonomy.name!r}; give a label_map"
            )
        self._max_tokens = min(max_tokens, int(getattr(config, "max_position_embeddings", max_tokens)))
        self._cause_limit = cause_limit
        self._batch_size = batch_size
        self._lock = Lock()
        self._loaded: tuple[Any, Any] | None = None

    @property
    def description(self) -> SemDescription:
        """Describe the model as far as its configuration tells."""
        return SemDescription(name=f"huggingface:{self._source}", taxonomy=self._taxonomy, source=self._source)

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one reading a dialogue: the softmax of the model's logits."""
        looks = every_view(dialogues, views)
        kept = [self._fit(look(d, view)) for d, view in zip(dialogues, looks, strict=True)]
        rows = self._distributions([text for text, _ in kept])
        return [
            Reading(distribution=row, sem=self.description.name, view=view, dropped=dropped)
            for row, view, (_, dropped) in zip(rows, looks, kept, strict=True)
        ]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return the words without which the emotion becomes least probable."""
        return [self._occlude(dialogue, emotion) for dialogue, emotion in zip(dialogues, emotions, strict=True)]

    def _place(self, label: str, label_map: Mapping[str, str]) -> str | None:
        target = label_map.get(label, label)
        return target if target in self._taxonomy else None

    def _occlude(self, dialogue: Dialogue, emotion: str) -> tuple[Cause, ...]:
        if emotion not in self._taxonomy:
            raise SetupError(
                f"unknown emotion {emotion!r}; {self.description.name} knows {', '.join(self._taxonomy.labels)}"
            )
        words = candidates(dialogue)[-self._max_tokens :]
        texts = [self._fit(turns)[0] for turns in (dialogue, *(without(dialogue, word) for word in words))]
        whole, *left = [row[emotion] for row in self._distributions(texts)]
        scores = [10 * (whole - probability) for probability in left]
        return rank(dialogue, words, scores, self._cause_limit)

    def _fit(self, dialogue: Dialogue) -> tuple[str, int]:
        """Join the newest turns that fit the window; return the text and how many turns did not, or only in part."""
        tokenizer, _ = self._load()
        room, cut, kept = self._max_tokens - 2, 0, list[str]()
        for turn in reversed(dialogue):
            text = turn.text[-self._max_tokens * CHARACTERS_PER_TOKEN :]
            length = len(tokenizer(text, add_special_tokens=False)["input_ids"])
            if kept and length > room:
                break
            cut += length > room or len(text) < len(turn.text)
            kept.append(text)
            room -= length + 1
        return "\n".join(reversed(kept)), len(dialogue) - len(kept) + cut

    def _distributions(self, texts: Sequence[str]) -> list[dict[str, float]]:
        import torch

        tokenizer, model = self._load()
        rows: list[dict[str, float]] = []
        pending = iter(texts)
        while part := list(islice(pending, self._batch_size)):
            inputs = tokenizer(part, return_tensors="pt", padding=True, truncation=True, max_length=self._max_tokens)
            with torch.inference_mode():
                probabilities = model(**inputs).logits.float().softmax(-1).tolist()
            rows += [self._mapped(row) for row in probabilities]
        return rows

    def _mapped(self, probabilities: Sequence[float]) -> dict[str, float]:
        row = dict.fromkeys(self._taxonomy.labels, 0.0)
        for place, probability in zip(self._target, probabilities, strict=True):
            if place is not None:
                row[place] += probability
        total = sum(row.values())
        return {label: value / total for label, value in row.items()}

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                from transformers import AutoModelForSequenceClassification, AutoTokenizer

                try:
                    model = AutoModelForSequenceClassification.from_pretrained(self._source).eval()
                    self._loaded = AutoTokenizer.from_pretrained(self._source, truncation_side="left"), model
                except (OSError, ValueError) as error:
                    raise ModelError(f"the weights of {self._source!r} cannot be loaded: {error}") from error
            return self._loaded
