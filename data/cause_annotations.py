"""Dialogues with human annotations of emotion causes: EmoCause's situations and RECCON's dialogues."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..contract.dialogue import Turn, Word
from ..contract.text import word_spans
from .conversations import Conversation
from .json_lines import open_lines, read_json_lines

_RECCON_LABELS = {
    "happiness": "joyful",
    "sadness": "sad",
    "anger": "angry",
    "surprise": "surprised",
    "fear": "afraid",
    "disgust": "disgusted",
}
"""RECCON's emotions and the nearest of EmpatheticDialogues'."""
_TYPOS = {"happines": "happiness", "happy": "happiness", "sad": "sadness", "angry": "anger", "surprised": "surprise"}


@dataclass(frozen=True, slots=True)
class CauseRow:
    """One situation with its cause words (EmoCause, Kim et al., EMNLP 2021)."""

    situation: str
    """The sentence, as the speaker wrote it."""
    emotion: str
    """The speaker's emotion; an input of the SEM."""
    causes: tuple[str, ...]
    """The annotated words, lower case, each once."""
    conv_id: str
    """The conversation it comes from."""


@dataclass(frozen=True, slots=True)
class AnnotatedDialogue:
    """A dialogue, the speaker's emotion, and the words annotated as its cause."""

    turns: tuple[Turn, ...]
    """Oldest first."""
    emotion: str
    """The speaker's emotion."""
    cause_words: tuple[Word, ...]
    """The annotated words that occur in the text."""
    annotations: tuple[str, ...]
    """The words as they were annotated, lower case, each once."""
    conv_id: str
    """The conversation it comes from; training and evaluation data are separated by it."""


def matches_annotation(word: str, annotation: str) -> bool:
    """Return whether a predicted word counts as an annotated one: it equals it, starts or ends with it (EmoCause)."""
    return word.startswith(annotation) or word.endswith(annotation)


def cause_recall(predicted: Sequence[str], annotations: Sequence[str]) -> float:
    """Return the share of annotated words that some predicted word matches."""
    return sum(any(matches_annotation(word, one) for word in predicted) for one in annotations) / len(annotations)


def make_cause_row(row: dict[str, Any]) -> CauseRow:
    """Parse one row of an EmoCause file.

    Raises:
        ValueError: It has no situation or no annotated words.
    """
    causes = tuple(dict.fromkeys(str(word).lower() for word in row["labels"] if str(word).strip()))
    situation = row["original_situation"]
    if not isinstance(situation, str) or not situation.strip() or not causes:
        raise ValueError("no situation, or no marked words")
    return CauseRow(situation, str(row["emotion"]), causes, str(row.get("conv_id", "")))


def read_emocause(path: Path, labels: Collection[str]) -> tuple[list[AnnotatedDialogue], list[str]]:
    """Read a (gzipped) JSON-lines file of EmoCause (Kim et al., EMNLP 2021).

    Returns:
        One dialogue of one turn per row, and one message for each row that could not be read, naming its line.
    """
    return read_json_lines(path, lambda row: _annotate_situation(make_cause_row(row), labels))


def read_reccon(path: Path, labels: Collection[str]) -> tuple[list[AnnotatedDialogue], list[str]]:
    """Read a (gzipped) JSON-lines file of RECCON (Poria et al., 2021).

    Each utterance with an emotion gives one dialogue that ends with it and whose speaker is the one of
    the utterance; a cause in the other person's turns, or in none, is left out.

    Returns:
        The dialogues with a cause, and one message for each row that could not be read, naming its line.
    """
    dialogues, broken = read_json_lines(path, lambda row: _annotate_utterances(row, labels))
    return [dialogue for per_row in dialogues for dialogue in per_row], broken


def holds_spans(path: Path) -> bool:
    """Return whether the first row of a file is a dialogue with cause spans rather than a sentence with cause words."""
    with open_lines(path) as lines:
        try:
            return "turns" in json.loads(next(iter(lines), b"null"))
        except (ValueError, TypeError):
            return False


def unannotated_situations(conversations: Sequence[Conversation], count: int, seed: int) -> list[AnnotatedDialogue]:
    """Return so many random situations as dialogues of one turn without annotations."""
    sources = [conversation for conversation in conversations if conversation.situation]
    random.Random(seed).shuffle(sources)
    return [
        AnnotatedDialogue((Turn("speaker", one.situation),), one.emotion, (), (), one.conv_id)
        for one in sources[:count]
    ]


def _annotate_situation(row: CauseRow, labels: Collection[str]) -> AnnotatedDialogue:
    if row.emotion not in labels:
        raise ValueError(f"unknown emotion {row.emotion!r}")
    words = tuple(
        Word(0, start, end)
        for start, end in word_spans(row.situation)
        if any(matches_annotation(row.situation[start:end].lower(), annotation) for annotation in row.causes)
    )
    return AnnotatedDialogue((Turn("speaker", row.situation),), row.emotion, words, row.causes, row.conv_id)


def _annotate_utterances(row: dict[str, Any], labels: Collection[str]) -> list[AnnotatedDialogue]:
    dialogues: list[AnnotatedDialogue] = []
    utterances = row["turns"]
    for index, utterance in enumerate(utterances):
        emotion = _parse_label(str(utterance["emotion"]))
        evidence = utterance.get("expanded emotion cause evidence") or []
        spans = utterance.get("expanded emotion cause span") or []
        if emotion not in labels or not evidence:
            continue
        turns = tuple(
            Turn("speaker" if before["speaker"] == utterance["speaker"] else "listener", before["utterance"])
            for before in utterances[: index + 1]
        )
        words = {word for number, span in zip(evidence, spans, strict=False) for word in _find(turns, number, span)}
        if words:
            ordered = tuple(sorted(words, key=lambda word: (word.turn, word.start)))
            texts = dict.fromkeys(turns[word.turn].text[word.start : word.end].lower() for word in ordered)
            dialogues.append(AnnotatedDialogue(turns, emotion, ordered, tuple(texts), str(row["dialogue_id"])))
    return dialogues


def _parse_label(emotion: str) -> str:
    name = emotion.strip().lower()
    return _RECCON_LABELS.get(_TYPOS.get(name, name), "")


def _find(turns: tuple[Turn, ...], number: object, span: str) -> list[Word]:
    """Return the words of a span within turn `number`, counted from 1, if it is one of the speaker's."""
    if not isinstance(number, int) or not 1 <= number <= len(turns) or turns[number - 1].role != "speaker":
        return []
    text = turns[number - 1].text
    first = text.find(span.strip())
    if first < 0:
        return []
    last = first + len(span.strip())
    return [Word(number - 1, start, end) for start, end in word_spans(text) if first <= start and end <= last]
