"""The samples of a bilingual run: contexts, situations, joined conversations, and turns without an emotion."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from ....contract import Turn
from ....data.conversations import Conversation
from .bilingual_recipe import BilingualRecipe

Turns = tuple[Turn, ...]
Join = Literal["other", "small_talk", "return", "plain_end"]
JOINS: tuple[Join, ...] = ("other", "other", "small_talk", "return", "plain_end")
"""Kinds of joined conversations, by how often they are drawn."""
EARLIER_TURNS = 4
"""Maximum number of turns of an earlier topic."""
REPLIES = ("这样啊", "嗯嗯，我懂", "是吗？", "原来如此", "然后呢？", "后来怎么样了？", "啊，真的吗", "我明白了")
"""Replies of a listener after the last speaker turn of a Chinese conversation, whose own is a filler."""
FILLER = "嗯。"
SMALL_TALK = Path(__file__).with_name("small_talk.json")


@dataclass(frozen=True, slots=True)
class BilingualSample:
    """One training sample."""

    turns: Turns
    """The dialogue context."""
    emotion: str = ""
    """The label; empty where there is none."""
    neutral: float | None = None
    """1 where the current topic carries no emotion, 0 where it carries one, None where nobody knows."""
    current: tuple[bool, ...] = ()
    """For each turn whether it belongs to the topic of the last one; empty where all do."""
    taught: Turns = ()
    """English turns that an English teacher reads instead of the current topic; empty where there are none."""


@dataclass(frozen=True, slots=True)
class BilingualData:
    """What a run learns from; nothing of it may come from validation conversations."""

    english: Sequence[Conversation]
    chinese: Sequence[Conversation] = ()
    """Translations of English conversations, with their `conv_id`."""
    plain: Sequence[Turns] = ()
    """Contexts without an emotion."""
    emotional: Sequence[Turns] = ()
    """Contexts with an emotion that is not one of the labels."""
    small_talk: dict[str, list[Turns]] = field(default_factory=dict)
    """Exchanges of two turns without an emotion, by language."""


def read_small_talk() -> dict[str, list[Turns]]:
    """Return the exchanges of small talk that come with the recipe."""
    rows: dict[str, list[list[str]]] = json.loads(SMALL_TALK.read_text("utf-8"))
    return {
        language: [(Turn("speaker", first), Turn("listener", second)) for first, second in exchanges]
        for language, exchanges in rows.items()
    }


def plan_pass(data: BilingualData, recipe: BilingualRecipe, number: int) -> list[BilingualSample]:
    """Return the samples of one pass in random order."""
    rng = random.Random(f"{recipe.seed}:{number}")
    by_id = {conversation.conv_id: conversation for conversation in data.english}
    samples: list[BilingualSample] = []
    for conversation in data.english:
        samples.append(_context(conversation, None, recipe, rng))
        if conversation.situation and rng.random() < recipe.situations:
            situation = (Turn("speaker", conversation.situation),)
            samples.append(BilingualSample(situation, conversation.emotion, 0.0, taught=situation))
    for conversation in data.chinese:
        original = by_id.get(conversation.conv_id)
        samples += [_context(conversation, original, recipe, rng) for _ in range(recipe.chinese_repeats)]
    for _ in range(round(recipe.joined * len(data.english))):
        samples.append(_joined(data, by_id, recipe, rng))
    samples += _neutral(data, round(recipe.neutral * len(data.english)), rng)
    rng.shuffle(samples)
    return [sample for sample in samples if sample.turns]


def _context(
    conversation: Conversation, original: Conversation | None, recipe: BilingualRecipe, rng: random.Random
) -> BilingualSample:
    """Return a random prefix of a conversation that ends before a listener's turn, or a view of it.

    Args:
        conversation: The conversation.
        original: Its English original if it is a translation.
        recipe: Shares of the views.
        rng: Source of chance.
    """
    cuts = [i for i, turn in enumerate(conversation.turns) if turn.role == "listener" and i]
    cut = rng.choice(cuts) if cuts else len(conversation.turns)
    view, source = (
        rng.random(),
        (original or conversation).turns[:cut] if original or not _is_chinese(conversation) else (),
    )
    turns = conversation.turns[:cut]
    if view < recipe.speaker_view:
        turns, source = (tuple(turn for turn in part if turn.role == "speaker") for part in (turns, source))
    elif view < recipe.speaker_view + recipe.last_turn_view:
        turns, source = turns[-1:], source[-1:]
    return BilingualSample(turns, conversation.emotion, 0.0, taught=source)


def _joined(
    data: BilingualData, by_id: dict[str, Conversation], recipe: BilingualRecipe, rng: random.Random
) -> BilingualSample:
    """Return a sample whose topic changes."""
    language = "zh" if data.chinese and rng.random() < 0.35 else "en"
    pool = data.chinese if language == "zh" else data.english
    earlier = _earlier_topic(rng.choice(pool), rng)
    conversation = rng.choice(pool)
    sample = _context(conversation, by_id.get(conversation.conv_id) if language == "zh" else None, recipe, rng)
    small_talk: Turns = rng.choice(data.small_talk[language]) if data.small_talk else ()
    match rng.choice(JOINS):
        case "small_talk" if small_talk:
            before = (*(earlier if rng.random() < 0.6 else ()), *small_talk)
            return _behind(sample, before)
        case "plain_end" if small_talk:
            plain = (*small_talk, rng.choice(data.small_talk[language])[0]) if rng.random() < 0.3 else small_talk[:1]
            return _behind(BilingualSample(plain, "", 1.0), earlier)
        case "return" if len(sample.turns) >= 3:
            away = small_talk if small_talk and rng.random() < 0.4 else _earlier_topic(rng.choice(pool), rng)[:2]
            first = sample.turns[: 2 * rng.randint(1, (len(sample.turns) - 1) // 2)]
            rest = sample.turns[len(first) :]
            current = (*(True for _ in first), *(False for _ in away), *(True for _ in rest))
            return replace(sample, turns=(*first, *away, *rest), current=current)
        case _:
            return _behind(sample, earlier)


def _behind(sample: BilingualSample, before: Turns) -> BilingualSample:
    current = (*(False for _ in before), *(True for _ in sample.turns))
    return replace(sample, turns=(*before, *sample.turns), current=current)


def _earlier_topic(conversation: Conversation, rng: random.Random) -> Turns:
    """Return the first turns of a conversation, with a listener's turn at the end."""
    ends = [i + 1 for i, turn in enumerate(conversation.turns) if turn.role == "listener" and i]
    turns = conversation.turns[: rng.choice(ends)] if ends else conversation.turns
    if turns and turns[-1].text == FILLER:
        turns = (*turns[:-1], Turn("listener", rng.choice(REPLIES)))
    return turns[-EARLIER_TURNS:]


def _neutral(data: BilingualData, count: int, rng: random.Random) -> list[BilingualSample]:
    """Return samples without an emotion, and half as many of the same sources with one that is no label."""
    talk = [turns for exchanges in data.small_talk.values() for turns in exchanges]
    samples: list[BilingualSample] = []
    for _ in range(count):
        if talk and rng.random() < 0.25:
            samples.append(BilingualSample(rng.choice(talk)[:1], "", 1.0))
        elif data.plain:
            samples.append(BilingualSample(rng.choice(data.plain), "", 1.0))
        if data.emotional and rng.random() < 0.5:
            samples.append(BilingualSample(rng.choice(data.emotional), "", 0.0))
    return samples


def _is_chinese(conversation: Conversation) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for turn in conversation.turns for character in turn.text)
