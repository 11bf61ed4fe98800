"""The heads of a finished run: trained on its frozen trunk, and cached in the run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ...data.cause_annotations import AnnotatedDialogue
from ..soft_labels import load_finished
from .cause_distillation import CauseTeacher, make_cause_teacher
from .cause_head import CauseHead
from .cause_training import SHIPPED, WEAK, new_cause_head, train_cause_head, train_on_dialogues
from .embedding_head import EmbeddingHead, train_embedding_head
from .emotion_training import SemRun
from .occlusion import occlusion_examples


def get_embedding_head(run: SemRun) -> EmbeddingHead:
    """Return the head for sentence vectors, from `embedding.pt` if the folder has it."""
    network, path = run.finished(), run.folder / "embedding.pt"
    if path.exists():
        head = EmbeddingHead(network.width, network.depth + 1)
        head.load_state_dict(torch.load(path))
        return head.eval()
    head = train_embedding_head(network, run.forward, run.fitted, seed=run.recipe.seed)
    torch.save(head.state_dict(), path)
    return head


def get_weak_cause_head(run: SemRun) -> CauseHead:
    """Return the cause head trained on sentence labels alone, from `causes.pt` if the folder has it."""
    network, path, seed = run.finished(), run.folder / "causes.pt", run.recipe.seed
    head = new_cause_head(network, run.forward.encoder, len(run.taxonomy.labels), SHIPPED, seed)
    if path.exists():
        head.load_state_dict(torch.load(path))
        return head.eval()
    examples = occlusion_examples(network, run.forward, run.fitted, run.taxonomy, seed=seed)
    head = train_cause_head(head, examples, WEAK, seed)
    torch.save(head.state_dict(), path)
    return head


def get_cause_head(run: SemRun, marked: Sequence[AnnotatedDialogue], teacher: CauseTeacher | None = None) -> CauseHead:
    """Return the cause head trained on marked words after weak supervision; the weak head without marked words.

    Args:
        run: The finished run.
        marked: Dialogues with marked words.
        teacher: A larger run, whose head learns them first and labels further sentences.
    """
    start = get_weak_cause_head(run)
    if not marked:
        return start
    if teacher:
        start = teacher.distil(start, seed=run.recipe.seed)
    return train_on_dialogues(
        run.finished(), run.forward.encoder, marked, run.taxonomy.labels, start=start, seed=run.recipe.seed
    )


def load_cause_teacher(run: SemRun, marked: Sequence[AnnotatedDialogue], folder: Path) -> CauseTeacher:
    """Load a finished larger run as the teacher of a run's cause head.

    Raises:
        SetupError: The folder holds no finished run.
    """
    forward, network = load_finished(folder, run.taxonomy)
    teacher, student = (forward.encoder, network), (run.forward.encoder, run.finished())
    return make_cause_teacher(teacher, student, marked, run.fitted, run.taxonomy.labels, seed=run.recipe.seed)
