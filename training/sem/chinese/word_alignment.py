"""Which English tokens a Chinese piece is translated to, from parallel turns (IBM model 1, Brown et al., 1993)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

NULL = ""
"""Stands for English words that no Chinese piece is behind."""
TRANSLATIONS = 5
"""Translations of a piece that are kept."""
MIN_SHARE = 1e-3
"""Expected counts below it are dropped."""


def align_pieces(
    pairs: Sequence[tuple[Sequence[str], Sequence[str]]], *, iterations: int = 6
) -> dict[str, list[tuple[str, float]]]:
    """Return for each Chinese piece its likeliest English tokens with their probabilities, likeliest first.

    Args:
        pairs: Pieces of a turn and tokens of its original; a repeated one counts once a turn.
        iterations: Steps of expectation maximisation, from equal probabilities.
    """
    turns = [([*dict.fromkeys(pieces), NULL], list(dict.fromkeys(tokens))) for pieces, tokens in pairs]
    shares: dict[tuple[str, str], float] | None = None
    for _ in range(iterations):
        counts: defaultdict[tuple[str, str], float] = defaultdict(float)
        totals: Counter[str] = Counter()
        for pieces, tokens in turns:
            for token in tokens:
                weights = [1.0 if shares is None else shares.get((token, piece), 1e-9) for piece in pieces]
                total = sum(weights)
                for piece, weight in zip(pieces, weights, strict=True):
                    counts[token, piece] += weight / total
                    totals[piece] += weight / total  # type: ignore[assignment]
        shares = {pair: count / totals[pair[1]] for pair, count in counts.items() if count > MIN_SHARE}
    translations: dict[str, list[tuple[str, float]]] = {}
    for (token, piece), share in (shares or {}).items():
        translations.setdefault(piece, []).append((token, share))
    translations.pop(NULL, None)
    return {
        piece: sorted(candidates, key=lambda pair: (-pair[1], pair[0]))[:TRANSLATIONS]
        for piece, candidates in translations.items()
    }
