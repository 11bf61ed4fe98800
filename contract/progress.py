"""The callback that long operations report their progress to."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receive the progress of a long operation."""

    def __call__(self, task: str, done: int, total: int | None) -> None:
        """Receive one step.

        Args:
            task: Name of what is being done, as a progress bar shows it.
            done: Number of units that are done.
            total: Number of all units; None where it is not known.
        """


def ignore_progress(task: str, done: int, total: int | None) -> None:
    """Do nothing."""
