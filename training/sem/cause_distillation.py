"""A larger trunk whose own cause head says what it makes of sentences that nobody marked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch

from ...data.cause_annotations import MarkedDialogue, unmarked_situations
from ...data.conversations import Conversation
from ...sem.runtime.encoding import DialogueEncoder
from .cause_training import SHIPPED, CauseRecipe, begin, fit, scores_of
from .emotion_network import EmotionNetwork
from .heads.cause_features import Features, read_features
from .heads.cause_head import CauseHead

SENTENCES = 6000
"""How many unmarked situations are scored."""
HEADS = 2
"""Heads of the teacher, of different seeds, whose scores are averaged."""


@dataclass(frozen=True, slots=True)
class CauseTeacher:
    """Teach a pupil's cause head from a larger trunk's.

    Its head learns from the marked rows, better than the pupil's would, and then scores the words of unmarked
    situations, of which there are many more; the pupil's head learns these scores.
    """

    rows: Sequence[MarkedDialogue]
    """Dialogues with marked words."""
    marked: Sequence[Features]
    """What the teacher's head reads of them."""
    theirs: Sequence[Features]
    """What it reads of the unmarked situations."""
    ours: Sequence[Features]
    """What the pupil's head reads of these, for the same words."""
    heads: tuple[CauseHead, ...]
    """What the teacher's heads begin with."""
    recipe: CauseRecipe = SHIPPED
    """How all of them are fitted."""

    def teach(self, start: CauseHead, hidden: Collection[str] = (), seed: int = 0) -> CauseHead:
        """Return a pupil's head that learned from the teacher.

        Args:
            start: What it goes on from.
            hidden: Conversations whose marked words nobody shall see.
            seed: Of dropout and order.
        """
        seen = [one for row, one in zip(self.rows, self.marked, strict=True) if row.conv_id not in hidden]
        heads = [fit(head, seen, self.recipe, seed + number) for number, head in enumerate(self.heads)]
        soft = [
            replace(ours, gold=torch.tensor([scores_of(head, theirs) for head in heads]).mean(0).softmax(0))
            for theirs, ours in zip(self.theirs, self.ours, strict=True)
        ]
        return fit(start, soft, self.recipe, seed)


def cause_teacher(
    teacher: tuple[DialogueEncoder, EmotionNetwork],
    pupil: tuple[DialogueEncoder, EmotionNetwork],
    rows: Sequence[MarkedDialogue],
    conversations: Sequence[Conversation],
    labels: Sequence[str],
    *,
    recipe: CauseRecipe = SHIPPED,
    seed: int = 0,
) -> CauseTeacher:
    """Read the marked dialogues and unmarked situations with both trunks, once.

    Args:
        teacher: Encoder and finished network of the larger run.
        pupil: Those of the run whose head is taught.
        rows: Dialogues with marked words.
        conversations: Training conversations; those without a situation are left out.
        labels: Emotions in the order of both networks' logits.
        recipe: How the heads are fitted.
        seed: Of which situations are read, and of the teacher's heads.
    """
    unmarked = unmarked_situations(conversations, SENTENCES, seed)
    encoder, network = teacher
    with torch.autocast(network.classifier.weight.device.type, dtype=torch.bfloat16):
        marked, theirs = (read_features(network, encoder, held, labels) for held in (rows, unmarked))
    ours = read_features(pupil[1], pupil[0], unmarked, labels)
    same = [place for place, one in enumerate(theirs) if one.words and one.words == ours[place].words]
    return CauseTeacher(
        rows=rows,
        marked=marked,
        theirs=[theirs[place] for place in same],
        ours=[ours[place] for place in same],
        heads=tuple(begin(network, encoder, len(labels), recipe, seed + number) for number in range(HEADS)),
        recipe=recipe,
    )
