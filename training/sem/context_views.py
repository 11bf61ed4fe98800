"""The views of conversations that one pass of SEM training sees."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ...contract import Turn
from ...data.conversations import Conversation, Sample
from .sem_recipe import Recipe


def views(conversations: Sequence[Conversation], recipe: Recipe, number: int) -> list[Sample]:
    """Return the samples of one pass: a random prefix of each conversation, and its situation."""
    chance = random.Random(f"{recipe.seed}:{number}")
    samples: list[Sample] = []
    for conversation in conversations:
        cuts = [i for i, turn in enumerate(conversation.turns) if turn.role == "listener" and i]
        turns = conversation.turns[: chance.choice(cuts)] if cuts else conversation.turns
        shown = chance.random()
        if shown < recipe.speaker_view:
            turns = tuple(turn for turn in turns if turn.role == "speaker")
        elif shown < recipe.speaker_view + recipe.last_turn_view:
            turns = turns[-1:]
        if turns:
            samples.append(Sample(turns, conversation.emotion, conversation.conv_id))
        if recipe.situations and conversation.situation:
            situation = (Turn("speaker", conversation.situation),)
            samples.append(Sample(situation, conversation.emotion, conversation.conv_id))
    return samples
