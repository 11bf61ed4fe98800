"""A change of topic: the emotion of a turn behind other talk, on joined conversations."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from pydantic import BaseModel, Field

from ...contract import HefContext, PoolingWeights, Turn
from ...data.conversations import Conversation, Sample, subsample
from ..metrics import Estimate, mean_estimate
from .sem_llm_pair import SemLlmPair
from .turn_record import TurnRecord

Shift: TypeAlias = Literal[
    "alone", "behind_another", "behind_small_talk", "back_again", "whole", "whole_behind_another"
]
SHIFTS: tuple[Shift, ...] = get_args(Shift)
TITLES: dict[Shift, str] = {
    "alone": "the first turn alone",
    "behind_another": "behind a conversation of another emotion",
    "behind_small_talk": "behind it and small talk",
    "back_again": "back to the topic after another",
    "whole": "the whole context alone",
    "whole_behind_another": "the whole context behind another",
}
"""What the rows of the table are called: three of first turns, three of contexts of several turns."""
EARLIER_TURNS = 4
"""Turns of the earlier conversation."""
SMALL_TALK = {
    "en": (
        ("How late is it?", "Half past four."),
        ("Which side is the door on?", "On the right."),
        ("What's seven times eight?", "Fifty-six."),
        ("Is it still snowing?", "It stopped an hour ago."),
        ("Where did you put the keys?", "On the shelf."),
        ("Which channel is it on?", "Channel five."),
    ),
    "zh": (
        ("现在几点？", "四点半。"),
        ("门在哪一边？", "右边。"),
        ("七乘八等于几？", "五十六。"),
        ("外面还下雪吗？", "一小时前就停了。"),
        ("钥匙放哪儿了？", "在架子上。"),
        ("在几频道？", "五频道。"),
    ),
}
"""Exchanges that carry no emotion; none of them is in the data of any recipe."""
FILLER = "嗯。"
"""The last listener turn of the Chinese dialogues, which no reply would be."""


@dataclass(frozen=True, slots=True)
class ShiftSample:
    """One context of a kind, and the emotion of what came before."""

    sample: Sample
    earlier_emotion: str
    """The emotion of the earlier conversation; empty where there is none."""


class ShiftReport(BaseModel, frozen=True):
    """How one strategy reads contexts of one kind."""

    strategy: str = Field(description="How the emotion was decided")
    shift: Shift = Field(description="What the contexts are")
    samples: int = Field(description="Number of contexts")
    accuracy: Estimate = Field(description="How often the emotion of the last topic is the decision")
    earlier: Estimate | None = Field(description="How often the earlier conversation's emotion is")


def shift_samples(
    conversations: Sequence[Conversation], limit: int | None, seed: int
) -> dict[Shift, list[ShiftSample]]:
    """Return the contexts of each kind, made of the same conversations.

    Args:
        conversations: Labelled conversations of one language, none of them in a training set.
        limit: Number of conversations, drawn at random; None for all.
        seed: Seed of the draw and of what is joined.
    """
    rng = random.Random(seed)
    groups: dict[Shift, list[ShiftSample]] = {name: [] for name in SHIFTS}
    earlier_pool = [one for one in conversations if _before(one)]
    for conversation in subsample([one for one in conversations if one.turns], limit, seed):
        others = rng.sample(earlier_pool, min(64, len(earlier_pool)))
        other = next((one for one in others if one.emotion != conversation.emotion), None)
        if other is None:
            continue
        first, before, talk = conversation.turns[:1], _before(other), _small_talk(conversation, rng)
        contexts: dict[Shift, tuple[Turn, ...]] = {
            "alone": first,
            "behind_another": (*before, *first),
            "behind_small_talk": (*before, *talk, *first),
        }
        whole = _whole(conversation)
        if len(whole) >= 3:
            contexts["back_again"] = (*whole[:2], *before[-2:], *whole[2:])
            contexts["whole"] = whole
            contexts["whole_behind_another"] = (*before, *whole)
        for name, turns in contexts.items():
            earlier = "" if name in ("alone", "whole") else other.emotion
            groups[name].append(ShiftSample(Sample(turns, conversation.emotion, conversation.conv_id), earlier))
    return groups


def evaluate_shift(
    pair: SemLlmPair,
    context: HefContext,
    groups: dict[Shift, list[ShiftSample]],
    fit: PoolingWeights | None = None,
) -> list[ShiftReport]:
    """Measure one strategy on the contexts of each kind.

    Args:
        pair: SEM and LLM.
        context: Settings of the runs, with the strategy.
        groups: From `shift_samples`.
        fit: How SEM and LLM are joined; None takes the shipped fit or the default.
    """
    return [
        report_shift(context.strategy, name, rows, pair.record(name, context, [row.sample for row in rows], fit))
        for name, rows in groups.items()
        if rows
    ]


def report_shift(
    strategy: str, shift: Shift, rows: Sequence[ShiftSample], records: Sequence[TurnRecord]
) -> ShiftReport:
    """Return how often the emotion of the last topic was decided, and that of the earlier one."""
    decided = [record.prediction.emotion for record in records]
    clusters = [row.sample.conv_id for row in rows]
    right = np.array([emotion == row.sample.emotion for emotion, row in zip(decided, rows, strict=True)], dtype=float)
    old = np.array([emotion == row.earlier_emotion for emotion, row in zip(decided, rows, strict=True)], dtype=float)
    return ShiftReport(
        strategy=strategy,
        shift=shift,
        samples=len(rows),
        accuracy=mean_estimate(right, clusters),
        earlier=mean_estimate(old, clusters) if rows[0].earlier_emotion else None,
    )


def _before(conversation: Conversation) -> tuple[Turn, ...]:
    """Return the first turns of an earlier conversation, with a listener's turn at the end."""
    ends = [i + 1 for i, turn in enumerate(conversation.turns) if turn.role == "listener" and turn.text != FILLER]
    fitting = [end for end in ends if end <= EARLIER_TURNS]
    return conversation.turns[: fitting[-1]] if fitting else ()


def _whole(conversation: Conversation) -> tuple[Turn, ...]:
    """Return the turns before the last listener's turn."""
    ends = [i for i, turn in enumerate(conversation.turns) if turn.role == "listener"]
    return conversation.turns[: ends[-1]] if ends else conversation.turns


def _small_talk(conversation: Conversation, rng: random.Random) -> tuple[Turn, ...]:
    is_chinese = any("\u4e00" <= character <= "\u9fff" for character in conversation.turns[0].text)
    first, second = rng.choice(SMALL_TALK["zh" if is_chinese else "en"])
    return Turn("speaker", first), Turn("listener", second)
