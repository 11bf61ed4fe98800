"""Embeddings of Chinese pieces before and after training: from their translations, and from their characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
MIN_PROBABILITY = 0.04
"""Translations below it are not read."""
WELL_KNOWN = 5
"""Occurrences from which a character's embedding counts fully."""


def embeddings_from_translations(
    pieces: Sequence[str],
    translations: Mapping[str, Sequence[tuple[str, float]]],
    vocabulary: Mapping[str, int],
    embeddings: Array,
) -> Array:
    """Return for each piece the mean embedding of its translations, weighted; of all words where it has none.

    Args:
        pieces: Chinese pieces.
        translations: English tokens of each, with their probabilities.
        vocabulary: English tokens and their rows.
        embeddings: Their embeddings, [rows, width].
    """
    words = [row for token, row in vocabulary.items() if token.isascii() and token.isalpha() and len(token) > 2]
    length = float(np.median(np.linalg.norm(embeddings[words], axis=1)))
    rows = np.repeat(embeddings[words].mean(axis=0)[None], len(pieces), axis=0)
    for index, piece in enumerate(pieces):
        known = [
            (vocabulary[token], share)
            for token, share in translations.get(piece, ())
            if share > MIN_PROBABILITY and token.isalpha() and token in vocabulary
        ]
        if known:
            mean = sum(share * embeddings[row] for row, share in known)
            rows[index] = mean / np.linalg.norm(mean) * length
    return rows.astype(np.float32)


def compose_unseen(pieces: Sequence[str], counts: Mapping[str, int], trained: Array) -> Array:
    """Return the embeddings with those of untrained words replaced by the mean of their characters'.

    A word whose characters are all untrained gets the mean of all trained pieces.

    Args:
        pieces: Chinese pieces, [pieces].
        counts: How often each occurred in training.
        trained: Embeddings after training, [pieces, width].
    """
    row = {piece: index for index, piece in enumerate(pieces)}
    seen = [row[piece] for piece in pieces if counts.get(piece, 0)]
    mean, length = trained[seen].mean(axis=0), float(np.median(np.linalg.norm(trained[seen], axis=1)))
    composed = trained.copy()
    for piece in pieces:
        if counts.get(piece, 0):
            continue
        known = [character for character in piece if counts.get(character, 0) and character in row]
        parts = [trained[row[one]] * min(1.0, counts[one] / WELL_KNOWN) for one in known]
        if parts:
            mixed = np.mean(parts, axis=0)
            composed[row[piece]] = mixed / np.linalg.norm(mixed) * length
        else:
            composed[row[piece]] = mean
    return composed
