"""A corpus read on many processors, or many machines, with Ray Data: one SEM an actor, answers in their order.

A part of the corpus is the batch that one SEM reads at once. Parts stay as they are cut, so that the numbers are the
same ones that a single process gives.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from ...contract import Dialogue, Reading
from ..registry import resolve_sem
from .cluster import Cluster

_AT_ONCE = 1024
"""Parts that are handed to the cluster together; a corpus of any length passes through."""

Part = TypeVar("Part")
Answer = TypeVar("Answer")
Worker = Callable[..., Callable[[Part], Answer]]
"""A class whose objects are made once an actor, and then called with one part after the other."""


class SemReader:
    """Read parts of a corpus with the SEM of a name."""

    def __init__(self, sem: str | None) -> None:
        self._sem = resolve_sem(sem)

    def __call__(self, part: Sequence[Dialogue]) -> list[Reading]:
        """Return one reading a dialogue."""
        return self._sem.read(part)


def map_corpus(
    worker: Worker[Part, Answer], given: Sequence[Any], parts: Iterable[Part], cluster: Cluster
) -> Iterator[Answer]:
    """Yield what a worker makes of each part, in the order of the parts.

    Args:
        worker: Importable on every machine of the cluster.
        given: What it is made with; a SEM is named, since each actor loads its own.
        parts: The corpus.
        cluster: Where it is read.

    Raises:
        SetupError: Ray is not installed, or the cluster is not there.
    """
    ray = cluster.join()
    import ray.data as data

    context = data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    actors, left = cluster.size(ray), iter(parts)
    while several := [{"part": pickle.dumps(part)} for part in islice(left, _AT_ONCE)]:
        done = data.from_items(several, override_num_blocks=len(several)).map_batches(
            _Unpacking,
            fn_constructor_args=(worker, tuple(given)),
            batch_size=1,
            num_cpus=cluster.cpus,
            compute=data.ActorPoolStrategy(size=min(actors, len(several))),
        )
        for row in done.iter_rows():
            yield pickle.loads(row["part"])


class _Unpacking:
    """Call a worker with what a row of Ray Data holds: Arrow has no column type for our own types."""

    def __init__(self, worker: Worker[Any, Any], given: tuple[Any, ...]) -> None:
        self._work = worker(*given)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        return {"part": [pickle.dumps(self._work(pickle.loads(held))) for held in batch["part"]]}
