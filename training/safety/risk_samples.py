"""What the models of risk learn from: labelled turns, ordinary ones, and short answers out of their context."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from zlib import crc32

from ...contract import Turn
from ...contract.safety import SafetyKind, SafetyLevel
from ...data.conversations import Conversation
from ...safety.assess import read_rules
from ..sem.turn_head.turn_samples import HELD_OUT, chat_samples, is_held_out, training_chats

SHORT_ANSWER = 5
"""Words and marks that a turn has at most whose meaning lies in the turn before it."""
_KINDS: tuple[tuple[SafetyKind, str], ...] = (
    ("overdose", r"overdose|pills_taken"),
    ("self_harm", r"self_injury|self_harm|scars|urges"),
    (
        "medical",
        r"medical|emergenc|stroke|heart(?:_|$)|chest|allerg|anaphyl|epipen|(?:^|_)(?:sting|bite|birth)(?:_|$)|bleed|wound"
        r"|breath|chok|asthma|inhaler|eclampsia|head_injury|concussion|fever|seizure|diabet|insulin|heatstroke|hypotherm|carbon|^co_|gas_"
        r"|drown|poison|battery|berries|mushroom|(?:house|kitchen)_fire|crash|accident|sepsis|mening",
    ),
    (
        "abuse",
        r"abuse|stepdad|dv_|partner|home_violence|controlling|traffick|stalk|followed|intruder|outside|locked|hostage"
        r"|strangl|groom|blackmail|neglect|beaten|bull",
    ),
    ("violence", r"violence|harm_others|attack|infant_harm|weapon|knife|arson|revenge|(?:^|_)(?:gun|rage)(?:_|$)"),
    ("other_person", r"third|other_person|friend|teacher|worry"),
    (
        "suicide",
        r"suicid|death_wish|plan|intent|decision|goodbye|farewell|letter|note|means|timing|hopeless|burden|attempt",
    ),
)
"""What the writers of cases called a kind -> the kind of a result; the first that matches counts."""


@dataclass(frozen=True, slots=True)
class RiskSample:
    """A dialogue whose last turn has a known level."""

    turns: tuple[Turn, ...]
    """All turns, the last one the person's."""
    level: SafetyLevel
    """The level of the last turn."""
    kind: str = ""
    """What its writer called it; empty where nothing is known."""
    group: str = ""
    """Who wrote it: samples of a group are left out together."""
    weight: float = 1.0
    """How much it counts."""


def result_kind(kind: str) -> SafetyKind:
    """Return the kind of a result that a writer's kind stands for; empty where none is meant."""
    for name, pattern in _KINDS:
        if re.search(pattern, kind):
            return name
    return ""


def draw_ordinary(conversations: Sequence[Conversation], limit: int, seed: int) -> list[tuple[Turn, ...]]:
    """Return turns of the speaker with two turns before each, at most one of a conversation, drawn at random."""
    rng = random.Random(seed)
    dialogues: list[tuple[Turn, ...]] = []
    for conversation in conversations:
        spoken = [index for index, turn in enumerate(conversation.turns) if turn.role == "speaker"]
        if spoken:
            index = rng.choice(spoken)
            dialogues.append(conversation.turns[max(0, index - 2) : index + 1])
    return rng.sample(dialogues, min(limit, len(dialogues)))


def out_of_context(
    samples: Sequence[RiskSample], questions: Sequence[Turn], *, weight: float, seed: int = 0
) -> list[RiskSample]:
    """Return the short answers among samples by themselves and after an ordinary turn of the listener, as harmless.

    "No" is danger after "are you safe?" alone: so the model learns what of it lies in the question.

    Args:
        samples: Of all levels.
        questions: Turns of the listener in ordinary conversations.
        weight: How much each counts.
        seed: Of the draw.
    """
    rng = random.Random(seed)
    harmless: list[RiskSample] = []
    for sample in samples:
        *before, last = sample.turns
        if not before or sample.level == "none":
            continue
        rules = read_rules((last,), 0)
        if rules.level == "none" and len(rules.evidence.reading.text.split()) <= SHORT_ANSWER:
            contexts = [(), (rng.choice(questions),)] if questions else [()]
            harmless += [RiskSample((*turns, last), "none", group=sample.group, weight=weight) for turns in contexts]
    return harmless


def chat_turns(limit: int, seed: int = 0) -> list[RiskSample]:
    """Return turns of the chats that ship for the SEM: those that a reader gave a level, and others, as harmless.

    A reader saw what the check of danger raised in them, or nearly raised. Of the others, drawn at random, those are
    left out that rules raise. Chats that the SEM's head is not trained on are left out as well, for measuring.

    Args:
        limit: How many of the others at most.
        seed: Of the draw.
    """
    levels = read_chat_levels()
    dialogues = {
        (chat.id, len(sample.turns) - 1): sample.turns
        for chat in training_chats()
        if not is_held_out(chat)
        for sample in chat_samples([chat])
    }
    read = [RiskSample(dialogues[key], *levels[key], group=_group(key)) for key in dialogues if key in levels]
    others = [key for key in dialogues if key not in levels]
    drawn = random.Random(seed).sample(others, min(limit, len(others)))
    harmless = [key for key in drawn if read_rules(dialogues[key], key[1]).level == "none"]
    return [*read, *(RiskSample(dialogues[key], "none", group=_group(key)) for key in harmless)]


def _group(key: tuple[str, int]) -> str:
    """Return the group of a chat's turns: of two, so that one is learned from where the other is left out."""
    return f"chats, {('one', 'other')[crc32(key[0].encode()) // HELD_OUT % 2]} half"


def read_chat_levels() -> dict[tuple[str, int], tuple[SafetyLevel, str]]:
    """Return level and kind that a reader gave turns of the chats, by the chat's id and the turn's index."""
    lines = files("hef.training.safety").joinpath("chat_levels.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {(row["chat"], row["turn"]): (row["level"], row["kind"]) for row in rows}
