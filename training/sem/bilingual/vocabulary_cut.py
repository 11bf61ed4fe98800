"""A smaller encoder from a multilingual one: the pieces that some languages use, and its lower layers."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

SPACE = "▁"
"""The character that stands for a space in SentencePiece's pieces."""
ENCODED_TEXTS = 4096
"""Texts that are tokenized at a time."""


def cut_encoder(source: Path, target: Path, texts: Iterable[str], *, pieces: int, layers: int) -> int:
    """Write a smaller copy of a multilingual encoder with a Unigram tokenizer.

    Kept are the special pieces, those that the texts use, every ASCII letter and single Chinese character,
    punctuation and emoji, and then the likeliest pieces of these.

    Args:
        source: Folder with `config.json`, `model.safetensors` and `tokenizer.json`.
        target: Folder to write.
        texts: Texts of the kind that will be read.
        pieces: Size of the vocabulary.
        layers: Number of the lowest layers that are kept.

    Returns:
        The number of pieces; more than asked for where the texts and single characters need more.
    """
    from safetensors.numpy import load_file, save_file

    definition = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    kept = _select(definition, _count(source / "tokenizer.json", texts), pieces)
    target.mkdir(parents=True, exist_ok=True)
    (target / "tokenizer.json").write_text(json.dumps(_renumber(definition, kept), ensure_ascii=False), "utf-8")
    weights = load_file(source / "model.safetensors")
    name = "embeddings.word_embeddings.weight"
    weights[name] = weights[name][kept]
    dropped = [key for key in weights if key.startswith("encoder.layer.") and int(key.split(".")[2]) >= layers]
    save_file(
        {k: np.ascontiguousarray(v) for k, v in weights.items() if k not in dropped}, target / "model.safetensors"
    )
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    config |= {"vocab_size": len(kept), "num_hidden_layers": min(layers, config["num_hidden_layers"])}
    (target / "config.json").write_text(json.dumps(config, indent=1), "utf-8")
    return len(kept)


def _count(tokenizer: Path, texts: Iterable[str]) -> Counter[int]:
    """Return how often each piece occurs in texts."""
    encoder, counts, batch = Tokenizer.from_file(str(tokenizer)), Counter[int](), list[str]()
    encoder.no_truncation()
    encoder.no_padding()
    for text in [*texts, None]:
        if text is not None:
            batch.append(text)
        if len(batch) >= ENCODED_TEXTS or text is None:
            for encoding in encoder.encode_batch(batch, add_special_tokens=False):
                counts.update(encoding.ids)
            batch = []
    return counts


def _select(definition: dict[str, Any], counts: Counter[int], pieces: int) -> list[int]:
    """Return the numbers of the pieces that are kept, in their order."""
    vocabulary = definition["model"]["vocab"]
    kept = {token["id"] for token in definition["added_tokens"]} | counts.keys()
    readable = [number for number, (piece, _) in enumerate(vocabulary) if _is_readable(piece)]
    kept |= {number for number in readable if len(vocabulary[number][0].removeprefix(SPACE)) <= 1}
    for number in sorted(readable, key=lambda number: -vocabulary[number][1]):
        if len(kept) >= pieces:
            break
        kept.add(number)
    return sorted(kept)


def _is_readable(piece: str) -> bool:
    """Tell whether a piece has only ASCII letters, Chinese characters, and characters of no script."""
    return all(_is_of_scripts(character) for character in piece.removeprefix(SPACE))


def _is_of_scripts(character: str) -> bool:
    if character.isascii() or "\u4e00" <= character <= "\u9fff":
        return True
    return unicodedata.category(character)[0] in "PSN" and not character.isdigit() and character < "\U00020000"


def _renumber(definition: dict[str, Any], kept: list[int]) -> dict[str, Any]:
    """Return the tokenizer's definition with the kept pieces alone."""
    new = {old: number for number, old in enumerate(kept)}
    model = definition["model"] | {"vocab": [definition["model"]["vocab"][old] for old in kept]}
    model["unk_id"] = new[model["unk_id"]]
    added = [token | {"id": new[token["id"]]} for token in definition["added_tokens"]]
    processor = json.loads(json.dumps(definition["post_processor"]))
    for token in processor["special_tokens"].values():
        token["ids"] = [new[old] for old in token["ids"]]
    return definition | {"model": model, "added_tokens": added, "post_processor": processor}
