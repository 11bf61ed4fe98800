"""From the labels that an LLM names to a distribution."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .taxonomy import Taxonomy

NAMED = 3
"""How many labels an LLM is asked for, and how many of an answer count."""


def named_labels(answer: str, taxonomy: Taxonomy) -> list[str]:
    """Return the labels that an answer names, in its order, each once and `NAMED` at most.

    Case, numbering and a sentence around them do not matter; a label after "not" does not count. A
    synonym counts where it stands alone between commas or on a line, and anywhere in an answer that
    names no label at all.
    """
    own = {_plain(label): label for label in taxonomy.labels}
    meant = {_plain(word): label for word, label in taxonomy.synonyms.items()}
    found: list[str] = []
    for item in re.split(r"[,;\n/|]", answer):
        said = _plain(item)
        found += _phrases(said, own) or ([meant[said]] if said in meant else [])
    return list(dict.fromkeys(found or _phrases(_plain(answer), meant)))[:NAMED]


def distribution_from_labels(named: Sequence[str], labels: Sequence[str], reliability: float) -> dict[str, float]:
    """Return the distribution of a model that only named labels.

    Args:
        named: The labels it named, best first.
        labels: All labels.
        reliability: Probability of the named ones together; each has half of the one before it.
    """
    others = [label for label in labels if label not in named]
    if not named or not others:
        return dict.fromkeys(labels, 1 / len(labels)) if not named else _halving(named, 1.0)
    shares = {**_halving(named, reliability), **dict.fromkeys(others, (1 - reliability) / len(others))}
    return {label: shares[label] for label in labels}


def _halving(named: Sequence[str], mass: float) -> dict[str, float]:
    whole = 2 - 0.5 ** (len(named) - 1)
    return {label: mass * 0.5**place / whole for place, label in enumerate(named)}


def _phrases(said: str, known: Mapping[str, str]) -> list[str]:
    """Return what the known phrases in a plain text stand for, in its order; negated ones are left out."""
    if not known:
        return []
    choices = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    hits = re.finditer(rf"(?<!\S)(?P<negated>(?:not|nor|never) )?(?P<phrase>{choices})(?!\S)", said)
    return [known[hit["phrase"]] for hit in hits if not hit["negated"]]


def _plain(text: str) -> str:
    """Return a text's words in lower case, with single spaces between."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))
