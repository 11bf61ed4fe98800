"""Chinese pieces for the WordPiece tokenizer of an English SEM."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from math import log
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....contract.text import is_content_word

LONGEST_PIECE = 4
PARTICLES = "的了我你他她它吗呢吧啊嘛呀着"
"""Characters that a piece of several does not begin or end with, so that pieces are words; see `WORDS`."""
WORDS = frozenset(
    "我们 你们 他们 她们 它们 为了 除了 目的 算了 好了 的确 了解 罢了 着急 着迷 他人 自我 接着 跟着 随着 哎呀".split()
)
"""Words that do."""
PUNCTUATION = {"，": ",", "。": ".", "！": "!", "？": "?", "；": ";", "：": ":", "、": ",", "（": "(", "）": ")"}
"""Marks of Chinese text, and what the English trunk knows in their place."""
CONTINUES = "##"
ADDED_WORDS = Path(__file__).with_name("added_words.txt")
"""Words that occur at least three times in the training dialogues and are no pieces of XLM-R, most frequent first.

They are what jieba (0.42.1, MIT) finds in the dialogues by its dictionary, without those that a pronoun begins or ends.
"""
ADDED_RANK = 4000
"""Place of these words among the pieces, which is about that of pieces as frequent in the dialogues."""


def is_chinese(character: str) -> bool:
    """Tell whether a character is a Chinese one."""
    return "\u4e00" <= character <= "\u9fff"


def select_pieces(unigram_tokenizer: Path) -> list[str]:
    """Return the Chinese words and characters of a multilingual Unigram tokenizer, likeliest first.

    Args:
        unigram_tokenizer: A `tokenizer.json` with a Unigram model, such as XLM-R's.
    """
    vocabulary: list[tuple[str, float]] = json.loads(unigram_tokenizer.read_text("utf-8"))["model"]["vocab"]
    ordered = sorted(vocabulary, key=lambda pair: -pair[1])
    pieces = dict.fromkeys(piece.removeprefix("▁") for piece, _ in ordered)
    return [piece for piece in pieces if piece and all(map(is_chinese, piece)) and _is_word(piece)]


def add_words(pieces: Sequence[str]) -> list[str]:
    """Return the pieces with the words that they lack, in the place of pieces that are as frequent."""
    words = ADDED_WORDS.read_text("utf-8").split()
    return [*pieces[:ADDED_RANK], *words, *pieces[ADDED_RANK:]]


def _is_word(piece: str) -> bool:
    if len(piece) == 1 or piece in WORDS:
        return True
    return len(piece) <= LONGEST_PIECE and piece[0] not in PARTICLES and piece[-1] not in PARTICLES


def extend_tokenizer(definition: dict[str, Any], pieces: Iterable[str]) -> tuple[dict[str, Any], list[int]]:
    """Return a WordPiece tokenizer that also knows Chinese pieces, and the embedding row of each id.

    A run of Chinese characters is one word to WordPiece, which takes the longest piece that it knows from the left:
    forward maximum matching. A piece has one id at the beginning of a run and another one within it, and one embedding.

    Args:
        definition: A `tokenizer.json` with BERT's normalizer, uncased.
        pieces: Chinese pieces, each with a new embedding; characters that the tokenizer knows already keep their ids.
    """
    vocabulary = dict(definition["model"]["vocab"])
    rows = list(range(len(vocabulary)))
    for row, piece in enumerate(pieces, start=len(rows)):
        for name in (piece, CONTINUES + piece):
            if name in vocabulary:
                rows[vocabulary[name]] = row
            else:
                vocabulary[name] = len(vocabulary)
                rows.append(row)
    known = "".join(sorted({character for piece in vocabulary for character in piece if is_chinese(character)}))
    normalizers = [
        *({"type": "Replace", "pattern": {"String": old}, "content": new} for old, new in PUNCTUATION.items()),
        definition["normalizer"] | {"handle_chinese_chars": False},
    ]
    splits = [
        {"type": "Split", "pattern": {"Regex": f"[{known}]+|[\u4e00-\u9fff]"}, "behavior": "Isolated", "invert": False},
        definition["pre_tokenizer"],
    ]
    model = definition["model"] | {"vocab": vocabulary, "max_input_chars_per_word": 1000}
    return definition | {
        "truncation": None,
        "padding": None,
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": splits},
        "model": model,
    }, rows


def lexical_facts(pieces: Sequence[str], size: int) -> NDArray[np.float32]:
    """Return for each piece what `CauseHead` knows of English tokens: rarity, length, continuation, function word.

    Args:
        pieces: Chinese pieces, likeliest first.
        size: Size of the English vocabulary, whose ids are by frequency.
    """
    rows = [
        (
            4 * log(min(2 * rank + 2, size)) / log(size + 1) - 3,
            min(2 * len(piece), 10) / 5 - 1,
            0.0,
            float(not is_content_word(piece)),
        )
        for rank, piece in enumerate(pieces)
    ]
    return np.array(rows, dtype=np.float32)
