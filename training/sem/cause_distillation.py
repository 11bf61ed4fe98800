"""Distillation of cause heads: a larger trunk's head labels sentences without annotations for a smaller one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch

from ...data.cause_annotations import AnnotatedDialogue, unannotated_situations
from ...data.conversations import Conversation
from ...sem.runtime.encoding import DialogueEncoder
from .cause_head import CauseFeatures, CauseHead, read_features
from .cause_training import SHIPPED, CauseRecipe, new_cause_head, score_words, train_cause_head
from .emotion_network import EmotionNetwork

SENTENCES = 6000
"""Number of unmarked situations that the teacher scores."""
HEADS = 2
"""Number of the teacher's heads, with different seeds, whose scores are averaged."""


@dataclass(frozen=True, slots=True)
class CauseTeacher:
    """Distil a student's cause head from a larger trunk's.

    The teacher's head learns from the marked rows, better than the student's would, and then scores the words of
    unmarked situations, of which there are many more; the student's head learns these scores.
    """

    rows: Sequence[AnnotatedDialogue]
    """Dialogues with marked words."""
    marked_features: Sequence[CauseFeatures]
    """The teacher's features of them."""
    teacher_features: Sequence[CauseFeatures]
    """The teacher's features of the unmarked situations."""
    student_features: Sequence[CauseFeatures]
    """The student's features of these, for the same words."""
    heads: tuple[CauseHead, ...]
    """The teacher's untrained heads."""
    recipe: CauseRecipe = SHIPPED
    """The recipe of all heads."""

    def distil(self, start: CauseHead, hidden: Collection[str] = (), seed: int = 0) -> CauseHead:
        """Return a student's head, trained on the teacher's scores.

        Args:
            start: The head to start from.
            hidden: Conversations whose marked words are not used.
            seed: Seed of dropout and order.
        """
        marked = [
            example for row, example in zip(self.rows, self.marked_features, strict=True) if row.conv_id not in hidden
        ]
        heads = [train_cause_head(head, marked, self.recipe, seed + number) for number, head in enumerate(self.heads)]
        examples = [
            replace(student, targets=torch.tensor([score_words(head, teacher) for head in heads]).mean(0).softmax(0))
            for teacher, student in zip(self.teacher_features, self.student_features, strict=True)
        ]
        return train_cause_head(start, examples, self.recipe, seed)


def make_cause_teacher(
    teacher: tuple[DialogueEncoder, EmotionNetwork],
    student: tuple[DialogueEncoder, EmotionNetwork],
    rows: Sequence[AnnotatedDialogue],
    conversations: Sequence[Conversation],
    labels: Sequence[str],
    *,
    recipe: CauseRecipe = SHIPPED,
    seed: int = 0,
) -> CauseTeacher:
    """Return a teacher, with the features of marked dialogues and unmarked situations computed once by both trunks.

    Args:
        teacher: Encoder and finished network of the larger run.
        student: Those of the run whose head is trained.
        rows: Dialogues with marked words.
        conversations: Training conversations; those without a situation are left out.
        labels: Emotions in the order of both networks' logits.
        recipe: The recipe of all heads.
        seed: Seed of the selection of situations, and of the teacher's heads.
    """
    unmarked = unannotated_situations(conversations, SENTENCES, seed)
    encoder, network = teacher
    with torch.autocast(network.classifier.weight.device.type, dtype=torch.bfloat16):
        marked_features = read_features(network, encoder, rows, labels)
        teacher_features = read_features(network, encoder, unmarked, labels)
    student_features = read_features(student[1], student[0], unmarked, labels)
    same_words = [
        index
        for index, (one, other) in enumerate(zip(teacher_features, student_features, strict=True))
        if one.words and one.words == other.words
    ]
    return CauseTeacher(
        rows=rows,
        marked_features=marked_features,
        teacher_features=[teacher_features[index] for index in same_words],
        student_features=[student_features[index] for index in same_words],
        heads=tuple(new_cause_head(network, encoder, len(labels), recipe, seed + number) for number in range(HEADS)),
        recipe=recipe,
    )
