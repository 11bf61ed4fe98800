"""The callback that long operations report their progress to, and the loop over batches that calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Progress(Protocol):
    """Receive the progress of a long operation."""

    def __call__(self, task: str, done: int, total: int | None, /) -> None:
        """Receive one step.

        Args:
            task: Name of what is being done, as a progress bar shows it.
            done: Number of units that are done.
            total: Number of all units; None where it is not known.
        """


def ignore_progress(task: str, done: int, total: int | None) -> None:
    """Do nothing."""


def map_batches(
    function: Callable[[Sequence[T]], Iterable[R]],
    items: Sequence[T],
    *,
    size: int = 64,
    task: str = "",
    progress: Progress = ignore_progress,
) -> list[R]:
    """Return the results of a function that takes many items at once, in order, calling it on `size` items at a time.

    Args:
        function: From a batch of items to one result each.
        items: All items.
        size: Items per call.
        task: Name of the operation.
        progress: Called after each batch.
    """
    results: list[R] = []
    for start in range(0, len(items), size):
        results += function(items[start : start + size])
        progress(task, len(results), len(items))
    return results
