"""Blind pairs for human judges: two replies to one dialogue, and a sealed key that says which one is HEF's."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from ...contract import SetupError
from ...contract.errors import needs_extra
from ..metrics import Estimate, mean_estimate
from .replier import Reply, ReplySample

Row = TypeVar("Row", bound=BaseModel)
SIDES: tuple[Literal["a"], Literal["b"]] = ("a", "b")


class ReplyPair(BaseModel, frozen=True):
    """What a judge sees."""

    id: str = Field(description="Names the pair and reveals nothing else")
    dialogue: tuple[dict[str, str], ...] = Field(description="`role` and `text` of each turn, oldest first")
    a: str = Field(description="One reply")
    b: str = Field(description="The other")


class KeyRow(BaseModel, frozen=True):
    """What a judge does not see."""

    id: str = Field(description="Of the pair")
    sample: str = Field(description="Id of the sample that was replied to")
    hef: Literal["a", "b"] = Field(description="Which reply is HEF's")
    seed: int = Field(description="Seed of the order and the sides")


class JudgeVerdict(BaseModel, frozen=True):
    """A judge's decision on one pair."""

    id: str = Field(description="Of the pair")
    better: Literal["a", "b", "tie"] = Field(description="The better reply")


class WinRate(BaseModel, frozen=True):
    """How often HEF's reply was judged better."""

    verdicts: int = Field(description="Verdicts that were counted")
    pairs: int = Field(description="Different pairs among them")
    unjudged: int = Field(description="Pairs of the key without a verdict")
    wins: int = Field(description="Verdicts for HEF")
    ties: int = Field(description="Verdicts for neither")
    losses: int = Field(description="Verdicts for the LLM alone")
    rate: Estimate = Field(description="Wins and half of the ties over all verdicts; 95% interval over pairs")
    p_value: float = Field(
        description="Two-sided sign test over pairs, each counted once by the majority of its verdicts, without ties"
    )


def make_pairs(
    samples: Sequence[ReplySample], hef: Sequence[Reply], plain: Sequence[Reply], seed: int
) -> tuple[list[ReplyPair], list[KeyRow]]:
    """Return pairs of HEF's and the plain reply in random order, HEF's on each side equally often, and their key."""
    rng = random.Random(f"pairs:{seed}")
    order = rng.sample(range(len(samples)), len(samples))
    first = rng.randrange(2)
    sides: list[Literal["a", "b"]] = [SIDES[(number + first) % 2] for number in range(len(order))]
    rng.shuffle(sides)
    pairs: list[ReplyPair] = []
    key: list[KeyRow] = []
    for number, (row, side) in enumerate(zip(order, sides, strict=True), start=1):
        sample, name = samples[row], f"pair-{number:04d}"
        replies = (hef[row].text.strip(), plain[row].text.strip())
        a, b = replies if side == "a" else replies[::-1]
        turns = tuple({"role": turn.role, "text": turn.text} for turn in sample.turns)
        pairs.append(ReplyPair(id=name, dialogue=turns, a=a, b=b))
        key.append(KeyRow(id=name, sample=sample.id, hef=side, seed=seed))
    return pairs, key


def key_path(pairs: Path) -> Path:
    """Return the path of the key of a file of pairs: `pairs.key.jsonl` beside `pairs.jsonl`."""
    return pairs.with_name(f"{pairs.stem}.key.jsonl")


def export_pairs(path: Path, pairs: Sequence[ReplyPair], key: Sequence[KeyRow]) -> dict[str, str]:
    """Write pairs and key into two files.

    Returns:
        File name -> its sha256. Recorded apart from the key, they reveal a later change of either file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    hashes: dict[str, str] = {}
    for file, rows in ((path, pairs), (key_path(path), key)):
        text = "".join(f"{json.dumps(row.model_dump(mode='json'), ensure_ascii=False)}\n" for row in rows)
        file.write_bytes(text.encode())
        hashes[file.name] = sha256(file)
    return hashes


def sha256(path: Path) -> str:
    """Return the sha256 of a file.

    Raises:
        SetupError: The file does not exist.
    """
    if not path.is_file():
        raise SetupError(f"there is no file {path}")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_verdict(row: Mapping[str, Any]) -> JudgeVerdict:
    """Parse a row of verdicts.

    Raises:
        ValueError: It has no `id`, or `better` is not one of a, b and tie.
    """
    return _parse(JudgeVerdict, row, "`id` and `better` (a, b or tie)")


def make_key_row(row: Mapping[str, Any]) -> KeyRow:
    """Parse a row of a key.

    Raises:
        ValueError: A field is missing or invalid.
    """
    return _parse(KeyRow, row, "`id`, `sample`, `hef` (a or b) and `seed`")


def _parse(kind: type[Row], row: Mapping[str, Any], fields: str) -> Row:
    try:
        return kind.model_validate(row)
    except ValidationError as error:
        raise ValueError(f"expected {fields}") from error


def win_rate(verdicts: Iterable[JudgeVerdict], key: Iterable[KeyRow]) -> tuple[WinRate, list[str]]:
    """Count verdicts with the key; a pair may have several.

    Returns:
        The win rate, and one message for each verdict on a pair that is not in the key.

    Raises:
        SetupError: No verdict is on a pair of the key, or SciPy is not installed.
    """
    sides = {row.id: row.hef for row in key}
    verdicts = list(verdicts)
    unknown = [f"verdict on {row.id!r}, which the key does not know" for row in verdicts if row.id not in sides]
    known = [row for row in verdicts if row.id in sides]
    if not known:
        raise SetupError("no verdict is on a pair of the key; give the key that was exported with these pairs")
    scores = [0.0 if row.better == "tie" else 1.0 if row.better == sides[row.id] else -1.0 for row in known]
    ids = [row.id for row in known]
    totals = dict.fromkeys(ids, 0.0)
    for name, score in zip(ids, scores, strict=True):
        totals[name] += score
    rate = WinRate(
        verdicts=len(known),
        pairs=len(totals),
        unjudged=len(sides) - len(totals),
        wins=scores.count(1.0),
        ties=scores.count(0.0),
        losses=scores.count(-1.0),
        rate=mean_estimate((np.array(scores) + 1) / 2, ids),
        p_value=sign_test(sum(total > 0 for total in totals.values()), sum(total < 0 for total in totals.values())),
    )
    return rate, unknown


def sign_test(wins: int, losses: int) -> float:
    """Return the two-sided p-value of the exact sign test; 1 without any win or loss.

    Raises:
        SetupError: SciPy is not installed.
    """
    with needs_extra("evaluate", "the sign test needs SciPy"):
        from scipy.stats import binomtest
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
