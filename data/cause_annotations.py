"""Dialogues whose cause words people marked: EmoCause's situations and RECCON's dialogues."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..contract.dialogue import Turn, Word
from ..contract.text import word_spans
from .conversations import Conversation
from .json_lines import read_json_lines

_AS_LABEL = {
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
class MarkedDialogue:
    """A dialogue, the speaker's emotion, and the words that people marked as its cause."""

    turns: tuple[Turn, ...]
    """Oldest first."""
    emotion: str
    """The speaker's emotion."""
    places: tuple[Word, ...]
    """The marked words that stand in the text."""
    marked: tuple[str, ...]
    """The marked words as they were given, lower case, each once."""
    conv_id: str
    """Where it comes from; fitting and measuring data are kept apart by it."""


def counts_for(word: str, marked: str) -> bool:
    """Say whether a predicted word counts for a marked one: it equals it, starts or ends with it (EmoCause)."""
    return word.startswith(marked) or word.endswith(marked)


def recall(predicted: Sequence[str], marked: Sequence[str]) -> float:
    """Return the share of marked words that some predicted word counts for."""
    return sum(any(counts_for(word, one) for word in predicted) for one in marked) / len(marked)


def read_emocause(path: Path, labels: Collection[str]) -> tuple[list[MarkedDialogue], list[str]]:
    """Read a (gzipped) JSON-lines file of EmoCause (Kim et al., EMNLP 2021).

    Returns:
        One dialogue of one turn a row, and one message for each row that could not be read, naming its line.
    """
    return read_json_lines(path, lambda row: _emocause(row, labels))


def read_reccon(path: Path, labels: Collection[str]) -> tuple[list[MarkedDialogue], list[str]]:
    """Read a (gzipped) JSON-lines file of RECCON (Poria et al., 2021).

    Each utterance with an emotion gives one dialogue that ends with it and whose speaker is its
    own; a cause that stands with the other person, or nowhere, is left out.

    Returns:
        The dialogues with a cause, and one message for each row that could not be read, naming its line.
    """
    made, broken = read_json_lines(path, lambda row: _reccon(row, labels))
    return [one for several in made for one in several], broken


def unmarked_situations(conversations: Sequence[Conversation], count: int, seed: int) -> list[MarkedDialogue]:
    """Return so many situations, drawn at random, as dialogues of one turn in which nobody marked a word."""
    told = [one for one in conversations if one.situation]
    random.Random(seed).shuffle(told)
    return [MarkedDialogue((Turn("speaker", one.situation),), one.emotion, (), (), one.conv_id) for one in told[:count]]


def _emocause(row: dict[str, Any], labels: Collection[str]) -> MarkedDialogue:
    situation, emotion = row["original_situation"], str(row["emotion"])
    marked = tuple(dict.fromkeys(str(word).lower() for word in row["labels"] if str(word).strip()))
    if not isinstance(situation, str) or not situation.strip() or not marked:
        raise ValueError("no situation, or no marked words")
    if emotion not in labels:
        raise ValueError(f"unknown emotion {emotion!r}")
    turn = Turn("speaker", situation)
    places = tuple(
        Word(0, start, end)
        for start, end in word_spans(turn.text)
        if any(counts_for(turn.text[start:end].lower(), one) for one in marked)
    )
    return MarkedDialogue((turn,), emotion, places, marked, str(row.get("conv_id", "")))


def _reccon(row: dict[str, Any], labels: Collection[str]) -> list[MarkedDialogue]:
    made: list[MarkedDialogue] = []
    said = row["turns"]
    for index, item in enumerate(said):
        emotion = _label_of(str(item["emotion"]))
        evidence = item.get("expanded emotion cause evidence") or []
        spans = item.get("expanded emotion cause span") or []
        if emotion not in labels or not evidence:
            continue
        own = item["speaker"]
        turns = tuple(Turn("speaker" if t["speaker"] == own else "listener", t["utterance"]) for t in said[: index + 1])
        places = {
            place for number, span in zip(evidence, spans, strict=False) for place in _inside(turns, number, span)
        }
        if places:
            ordered = tuple(sorted(places, key=lambda word: (word.turn, word.start)))
            marked = tuple(dict.fromkeys(turns[word.turn].text[word.start : word.end].lower() for word in ordered))
            made.append(MarkedDialogue(turns, emotion, ordered, marked, str(row["dialogue_id"])))
    return made


def _label_of(emotion: str) -> str:
    named = emotion.strip().lower()
    return _AS_LABEL.get(_TYPOS.get(named, named), "")


def _inside(turns: tuple[Turn, ...], number: object, span: str) -> list[Word]:
    """Return the words of a span that stands in one of the speaker's turns, counted from 1."""
    if not isinstance(number, int) or not 1 <= number <= len(turns) or turns[number - 1].role != "speaker":
        return []
    text = turns[number - 1].text
    first = text.find(span.strip())
    if first < 0:
        return []
    last = first + len(span.strip())
    return [Word(number - 1, start, end) for start, end in word_spans(text) if first <= start and end <= last]
