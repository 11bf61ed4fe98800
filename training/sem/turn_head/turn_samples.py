"""Dialogues that the head learns from: conversations alone, joined ones, chats of many subjects, single turns."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, TypeAlias
from zlib import crc32

from ....contract import Turn
from ....contract.dialogue import Role
from ....data.conversations import Conversation, Sample
from ....data.labelled_chats import ROLES, LabelledChat, read_chats

Source: TypeAlias = Literal["conversation", "joined", "chat", "single"]
HELD_OUT = 8
"""One chat of so many is not trained on: what is fitted or measured after a training is on these."""
EARLIER_TURNS, LATER_TURNS = 6, 8
"""Turns at most of an earlier conversation and of the last one, where conversations are joined."""
KINDS = {"conversation": 0.43, "exchange": 0.29, "return": 0.2, "exchange_alone": 0.08}
"""What a joined dialogue ends with, and how often."""
EARLIER_COUNTS = {1: 0.6, 2: 0.3, 3: 0.1}
"""How many conversations or exchanges come before it, and how often."""
WINDOW_EXCHANGES = 3
"""Exchanges at most before the last turn, where a chat is cut."""
EXCHANGE_BEFORE = 0.38
"""Share of exchanges without a feeling among them."""


@dataclass(frozen=True, slots=True)
class TurnSample:
    """A dialogue that ends with the person, and what there is to read in its last turn."""

    turns: tuple[Turn, ...]
    """All turns, oldest first."""
    emotion: str | None
    """What is felt in the last turn; empty where nothing is, None where something is that no label names."""
    same_topic: tuple[bool, ...]
    """For each turn whether it is about the last one's subject."""
    source: Source
    """Where it comes from."""
    language: str
    """ISO 639-1 code."""
    also_right: tuple[str, ...] = ()
    """Further labels that are right."""

    @property
    def topic_begins(self) -> int:
        """Return the index of the first of the turns up to the last one that are all about its subject."""
        begin = len(self.turns) - 1
        while begin and self.same_topic[begin - 1]:
            begin -= 1
        return begin


def chat_samples(chats: Sequence[LabelledChat]) -> Iterator[TurnSample]:
    """Yield each turn of the person behind all turns before it."""
    for chat in chats:
        for turn in chat.turns:
            yield TurnSample(turn.turns, turn.emotion, turn.same_subject, "chat", chat.language, turn.also_right)


def felt_turns(chats: Sequence[LabelledChat]) -> Iterator[Sample]:
    """Yield each turn with a feeling behind the turns about its subject, as a labelled dialogue."""
    for chat in chats:
        for turn in chat.turns:
            if turn.emotion:
                about = [one for one, same in zip(turn.turns, turn.same_subject, strict=True) if same]
                yield Sample(tuple(about), turn.emotion, chat.id)


def chat_windows(chats: Sequence[LabelledChat], seed: int) -> Iterator[TurnSample]:
    """Yield turns of the person behind at most `WINDOW_EXCHANGES` exchanges of their chat: chats begin with few turns.

    What is felt in a turn is known only with what was said about its subject before, so a turn that carries a feeling
    is left out where the window begins within its subject.
    """
    rng = random.Random(seed)
    for sample in chat_samples(chats):
        begin = len(sample.turns) - 1 - 2 * rng.randint(0, WINDOW_EXCHANGES)
        if begin > 0 and not (sample.emotion and any(sample.same_topic[:begin])):
            yield replace(sample, turns=sample.turns[begin:], same_topic=sample.same_topic[begin:])


def conversation_samples(
    conversations: Sequence[Conversation], language: str, count: int, seed: int
) -> Iterator[TurnSample]:
    """Yield beginnings of labelled conversations that end with the person, each about one subject."""
    rng = random.Random(seed)
    usable = [one for one in conversations if _ends(one.turns, "speaker")]
    for index in range(count):
        # Where there are fewer conversations than samples, each is taken as often as the others.
        one = usable[index % len(usable)] if count > len(usable) else rng.choice(usable)
        turns = one.turns[: rng.choice(_ends(one.turns, "speaker"))]
        yield TurnSample(turns, one.emotion, (True,) * len(turns), "conversation", language)


def joined_samples(
    conversations: Sequence[Conversation],
    exchanges: Sequence[Sequence[Turn]],
    language: str,
    count: int,
    seed: int,
    *,
    is_brief: bool = False,
) -> Iterator[TurnSample]:
    """Yield conversations and exchanges without a feeling one after another, some with a return to the first.

    Args:
        conversations: Labelled conversations.
        exchanges: Talk in which nothing is felt; each ends with the person.
        language: ISO 639-1 code of both.
        count: How many dialogues.
        seed: Seed of what is joined.
        is_brief: Only one exchange comes before: a chat may change its subject in its second turn.
    """
    rng = random.Random(seed)
    earlier_counts, earlier_turns = ({1: 1.0}, 2) if is_brief else (EARLIER_COUNTS, EARLIER_TURNS)
    usable = [one for one in conversations if _ends(one.turns, "speaker")]
    replies = [turn for exchange in exchanges for turn in exchange if turn.role == "listener"]
    made = 0
    while made < count:
        kind = rng.choices([*KINDS], [*KINDS.values()])[0]
        talk = _Talk([], [])
        earlier: list[tuple[Conversation, int, int]] = []
        for number in range(0 if kind == "exchange_alone" else _draw(earlier_counts, rng)):
            if rng.random() < EXCHANGE_BEFORE:
                talk.add(_answered(rng.choice(exchanges), replies, rng), number)
                continue
            one = rng.choice(usable)
            ends = _ends(one.turns, "listener", earlier_turns)
            told = list(one.turns[: rng.choice(ends)]) if ends else _answered(one.turns[:1], replies, rng)
            earlier.append((one, len(told) if ends else 1, number))
            talk.add(told, number)
        emotion = _end_talk(talk, kind, earlier, usable, exchanges, replies, rng)
        if emotion is not None and talk.turns[-1].role == "speaker":
            same = tuple(topic == talk.topics[-1] for topic in talk.topics)
            yield TurnSample(tuple(talk.turns), emotion, same, "joined", language)
            made += 1


def single_samples(dialogues: Sequence[Sequence[Turn]], *, is_felt: bool, language: str = "en") -> Iterator[TurnSample]:
    """Yield turns of which only is known whether something is felt in them."""
    for turns in dialogues:
        yield TurnSample(tuple(turns), None if is_felt else "", (True,) * len(turns), "single", language)


def training_chats() -> list[LabelledChat]:
    """Return the chats from which the trainings draw; none of them is in `hef evaluate chats`."""
    chats: list[LabelledChat] = []
    with as_file(files("hef.training.sem.turn_head").joinpath("cases")) as folder:
        for path in sorted(folder.glob("chats_*.jsonl")):
            chats += read_chats(path)[0]
    return chats


def is_held_out(chat: LabelledChat) -> bool:
    """Return whether a chat is not trained on, by the head or by the models of danger."""
    return crc32(chat.id.encode()) % HELD_OUT == 0


def shipped_exchanges(language: str) -> list[list[Turn]]:
    """Return talk in which nothing is felt, in one language; empty where there is none."""
    with as_file(files("hef.training.sem.turn_head").joinpath(f"cases/exchanges_{language}.jsonl")) as path:
        return read_exchanges(path) if path.is_file() else []


def read_exchanges(path: Path) -> list[list[Turn]]:
    """Return the exchanges of JSON lines with `turns` of `role` and `text`, as those of chats."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [[Turn(ROLES[turn["role"]], turn["text"]) for turn in row["turns"]] for row in rows]


@dataclass(frozen=True, slots=True)
class _Talk:
    """Turns that grow, each with the number of its topic."""

    turns: list[Turn]
    topics: list[int]

    def add(self, turns: Sequence[Turn], topic: int) -> None:
        self.turns.extend(turns)
        self.topics.extend([topic] * len(turns))


def _end_talk(
    talk: _Talk,
    kind: str,
    earlier: Sequence[tuple[Conversation, int, int]],
    conversations: Sequence[Conversation],
    exchanges: Sequence[Sequence[Turn]],
    replies: Sequence[Turn],
    rng: random.Random,
) -> str | None:
    """Add what a joined dialogue ends with and return its emotion; None where there is nothing to return to."""
    new_topic = max(talk.topics, default=-1) + 1
    if kind.startswith("exchange"):
        talk.add(rng.choice(exchanges), new_topic)
        return ""
    if kind == "conversation":
        one = rng.choice(conversations)
        talk.add(one.turns[: rng.choice(_ends(one.turns, "speaker", LATER_TURNS))], new_topic)
        return one.emotion
    if not earlier:
        return None
    one, told, topic = earlier[0]
    if talk.topics[-1] == topic:
        talk.add(_answered(rng.choice(exchanges), replies, rng), new_topic)
    rest = one.turns[told:]
    rest = rest[1:] if rest and rest[0].role == "listener" else rest
    if not (ends := _ends(rest, "speaker")):
        return None
    talk.add(rest[: rng.choice(ends)], topic)
    return one.emotion


def _ends(turns: Sequence[Turn], role: Role, most: int | None = None) -> list[int]:
    """Return how many turns there are up to each of one role, at most so many."""
    return [index + 1 for index, turn in enumerate(turns[:most]) if turn.role == role]


def _answered(turns: Sequence[Turn], replies: Sequence[Turn], rng: random.Random) -> list[Turn]:
    """Return turns with some reply behind them where they end with the person."""
    return [*turns, *([rng.choice(replies)] if turns[-1].role == "speaker" else [])]


def _draw(shares: dict[int, float], rng: random.Random) -> int:
    return rng.choices([*shares], [*shares.values()])[0]
