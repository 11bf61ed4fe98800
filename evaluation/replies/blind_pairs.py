"""Blind pairs for outside judges: two replies to one dialogue, and a sealed key that says which is HEF's."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from math import comb
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...contract import SetupError
from ..metrics import SHARE, Estimate, mean_estimate
from .replier import Reply
from .reply_samples import ReplySample

SIDES = ("a", "b")


class Pair(BaseModel):
    """What a judge sees."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="Names the pair and nothing else")
    dialogue: tuple[dict[str, str], ...] = Field(description="`role` and `text` of each turn, oldest first")
    a: str = Field(description="One reply")
    b: str = Field(description="The other")


class KeyRow(BaseModel):
    """What a judge does not see."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="Of the pair")
    sample: str = Field(description="What was replied to")
    hef: Literal["a", "b"] = Field(description="Which reply is HEF's")
    seed: int = Field(description="Of the order and the sides")


class Verdict(BaseModel):
    """What a judge said of one pair."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="Of the pair")
    better: Literal["a", "b", "tie"] = Field(description="The better reply")


class WinRate(BaseModel):
    """How often HEF's reply was judged better."""

    model_config = ConfigDict(frozen=True)

    verdicts: int = Field(description="Verdicts that were counted")
    pairs: int = Field(description="Different pairs among them")
    unjudged: int = Field(description="Pairs of the key without a verdict")
    wins: int = Field(description="Verdicts for HEF")
    ties: int = Field(description="Verdicts for neither")
    losses: int = Field(description="Verdicts for the LLM alone")
    rate: Estimate = Field(description="Wins and half of the ties over all verdicts; 95% interval over pairs")
    p_value: float = Field(
        description="Two-sided sign test over pairs, each counted once by most of its verdicts, ties left out"
    )


def make_pairs(
    samples: Sequence[ReplySample], hef: Sequence[Reply], plain: Sequence[Reply], seed: int
) -> tuple[list[Pair], list[KeyRow]]:
    """Return pairs in random order, HEF's reply on each side equally often, and their key.

    Args:
        samples: What was replied to.
        hef: HEF's reply to each.
        plain: The other reply to each.
        seed: Of the order and the sides.
    """
    chance = random.Random(f"pairs:{seed}")
    order = chance.sample(range(len(samples)), len(samples))
    first = chance.randrange(2)
    sides = [SIDES[(place + first) % 2] for place in range(len(order))]
    chance.shuffle(sides)
    pairs: list[Pair] = []
    key: list[KeyRow] = []
    for number, (place, side) in enumerate(zip(order, sides, strict=True), start=1):
        sample, name = samples[place], f"pair-{number:04d}"
        own, other = hef[place].text.strip(), plain[place].text.strip()
        turns = tuple({"role": turn.role, "text": turn.text} for turn in sample.turns)
        a, b = (own, other) if side == "a" else (other, own)
        pairs.append(Pair(id=name, dialogue=turns, a=a, b=b))
        key.append(KeyRow(id=name, sample=sample.id, hef="a" if side == "a" else "b", seed=seed))
    return pairs, key


def key_path(pairs: Path) -> Path:
    """Return where the key of a file of pairs lies: `pairs.key.jsonl` beside `pairs.jsonl`."""
    return pairs.with_name(f"{pairs.stem}.key.jsonl")


def export_pairs(path: Path, pairs: Sequence[Pair], key: Sequence[KeyRow]) -> dict[str, str]:
    """Write pairs and key into two files.

    Returns:
        File name -> its sha256. Written down where the key is not, they show a later change of either file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    written: dict[str, str] = {}
    for place, rows in ((path, pairs), (key_path(path), key)):
        text = "".join(f"{json.dumps(row.model_dump(mode='json'), ensure_ascii=False)}\n" for row in rows)
        place.write_bytes(text.encode())
        written[place.name] = sha256(place)
    return written


def sha256(path: Path) -> str:
    """Return the sha256 of a file.

    Raises:
        SetupError: There is no such file.
    """
    if not path.is_file():
        raise SetupError(f"there is no file {path}")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_verdict(row: Mapping[str, Any]) -> Verdict:
    """Return a verdict from a row.

    Raises:
        ValueError: It has no `id`, or `better` is not one of a, b and tie.
    """
    try:
        return Verdict.model_validate(row)
    except ValidationError as error:
        raise ValueError("expected `id` and `better` (a, b or tie)") from error


def make_key_row(row: Mapping[str, Any]) -> KeyRow:
    """Return a row of a key.

    Raises:
        ValueError: It is none.
    """
    try:
        return KeyRow.model_validate(row)
    except ValidationError as error:
        raise ValueError("expected `id`, `sample`, `hef` (a or b) and `seed`") from error


def win_rate(verdicts: Iterable[Verdict], key: Iterable[KeyRow]) -> tuple[WinRate, list[str]]:
    """Count verdicts with the key; a pair may have several.

    Returns:
        The figures, and one message for each verdict on a pair that the key does not know.

    Raises:
        SetupError: No verdict is on a pair of the key.
    """
    sides = {row.id: row.hef for row in key}
    given = list(verdicts)
    strange = [f"verdict on {held.id!r}, which the key does not know" for held in given if held.id not in sides]
    known = [held for held in given if held.id in sides]
    if not known:
        raise SetupError("no verdict is on a pair of the key; give the key that was exported with these pairs")
    scores = [0.0 if held.better == "tie" else 1.0 if held.better == sides[held.id] else -1.0 for held in known]
    ids = [held.id for held in known]
    totals: dict[str, float] = dict.fromkeys(ids, 0.0)
    for name, score in zip(ids, scores, strict=True):
        totals[name] += score
    figures = WinRate(
        verdicts=len(known),
        pairs=len(totals),
        unjudged=len(sides) - len(totals),
        wins=scores.count(1.0),
        ties=scores.count(0.0),
        losses=scores.count(-1.0),
        rate=mean_estimate((np.array(scores) + 1) / 2, ids, bounds=SHARE),
        p_value=sign_test(sum(total > 0 for total in totals.values()), sum(total < 0 for total in totals.values())),
    )
    return figures, strange


def sign_test(wins: int, losses: int) -> float:
    """Return the two-sided p-value of as uneven a split under a fair coin, exact; 1 where there was no toss."""
    tosses, fewer = wins + losses, min(wins, losses)
    return (
        min(1.0, sum(comb(tosses, count) for count in range(fewer + 1)) / float(2 ** (tosses - 1))) if tosses else 1.0
    )
