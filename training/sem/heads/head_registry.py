"""The heads of a finished run, fitted on its trunk, each once a run folder where it needs no further data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ....data.cause_annotations import MarkedDialogue
from ...soft_labels import load_finished
from ..cause_distillation import CauseTeacher, cause_teacher
from ..cause_training import SHIPPED, WEAK, begin, fit, fit_cause_head
from ..emotion_training import Run
from ..occlusion import occluded
from .cause_head import CauseHead
from .embedding_head import EmbeddingHead, fit_embedding_head


def embedding_head(run: Run) -> EmbeddingHead:
    """Return the head for sentence vectors."""
    network, path = run.finished(), run.folder / "embedding.pt"
    if path.exists():
        head = EmbeddingHead(network.width, network.depth + 1)
        head.load_state_dict(torch.load(path))
        return head.eval()
    head = fit_embedding_head(network, run.forward, run.fitted, seed=run.recipe.seed)
    torch.save(head.state_dict(), path)
    return head


def weak_cause_head(run: Run) -> CauseHead:
    """Return the cause head that has seen sentence labels alone."""
    network, path, seed = run.finished(), run.folder / "causes.pt", run.recipe.seed
    head = begin(network, run.forward.encoder, len(run.taxonomy.labels), SHIPPED, seed)
    if path.exists():
        head.load_state_dict(torch.load(path))
        return head.eval()
    head = fit(head, occluded(network, run.forward, run.fitted, run.taxonomy, seed=seed), WEAK, seed)
    torch.save(head.state_dict(), path)
    return head


def cause_head(run: Run, marked: Sequence[MarkedDialogue], taught: CauseTeacher | None = None) -> CauseHead:
    """Return the cause head that goes on from the weak one with marked words, where there are any.

    Args:
        run: The finished run.
        marked: Dialogues with marked words.
        taught: A larger run, whose head learns them first and teaches this one.
    """
    start = weak_cause_head(run)
    if not marked:
        return start
    if taught:
        start = taught.teach(start, seed=run.recipe.seed)
    return fit_cause_head(
        run.finished(), run.forward.encoder, marked, run.taxonomy.labels, start=start, seed=run.recipe.seed
    )


def cause_teacher_of(run: Run, marked: Sequence[MarkedDialogue], teacher: Path) -> CauseTeacher:
    """Return what a finished larger run can teach a run's cause head.

    Raises:
        SetupError: The folder holds no finished run.
    """
    forward, network = load_finished(teacher, run.taxonomy)
    pupil = (run.forward.encoder, run.finished())
    known = (forward.encoder, network)
    return cause_teacher(known, pupil, marked, run.fitted, run.taxonomy.labels, seed=run.recipe.seed)
