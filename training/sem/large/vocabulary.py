"""A tokenizer without the pieces that chats hardly use: names and scripts are a third of a large vocabulary."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from ....sem.runtime.encoding import BEGIN, END

COMMON = 16_000
"""Pieces of the vocabulary that are kept in any case: BERT's are in the order of how common they are."""
_CONTINUATION = "##"


def cut_tokenizer(tokenizer: Path, texts: Iterable[str]) -> tuple[dict[str, Any], list[int]]:
    """Return a WordPiece tokenizer with fewer pieces, and the former id of each piece that is kept.

    Kept are special tokens, single signs and Latin letters, the common pieces in Latin script, and what occurs in the
    texts; any other word falls apart into these.

    Args:
        tokenizer: A `tokenizer.json`.
        texts: What the encoder was trained on.
    """
    content = json.loads(tokenizer.read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = content["model"]["vocab"]
    named = (content["model"]["unk_token"], *BEGIN, *END)
    special = {token["id"] for token in content["added_tokens"]}
    special |= {vocabulary[name] for name in named if name in vocabulary}
    seen: set[int] = set()
    for encoding in Tokenizer.from_file(str(tokenizer)).encode_batch(list(texts), add_special_tokens=False):
        seen.update(encoding.ids)
    needed = special | seen
    kept = [
        (piece, number)
        for piece, number in sorted(vocabulary.items(), key=lambda item: item[1])
        if number in needed or _is_basic(piece, number)
    ]
    renumbered = {former: number for number, (_, former) in enumerate(kept)}
    content["model"]["vocab"] = {piece: renumbered[former] for piece, former in kept}
    for token in content["added_tokens"]:
        token["id"] = renumbered[token["id"]]
    content["post_processor"] = content["padding"] = content["truncation"] = None  # dialogues are put together by HEF
    return content, [former for _, former in kept]


def _is_basic(piece: str, number: int) -> bool:
    letters = piece.removeprefix(_CONTINUATION)
    is_latin = all(character < "\u0250" or not character.isalpha() for character in letters)
    return is_latin and (len(letters) == 1 or (number < COMMON and not piece.startswith("[")))
