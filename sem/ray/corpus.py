"""Batch inference over a corpus on several processors or machines with Ray Data: one SEM per actor, order preserved.

A part of the corpus is the batch that one SEM reads at once. Parts are not re-batched, so that the numbers are those
of a single process.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from ...contract import Dialogue, Reading
from ..registry import resolve_sem
from .cluster import Cluster

_PARTS_PER_SUBMISSION = 1024
"""Parts that are submitted to the cluster together; a corpus may have any length."""

Part = TypeVar("Part")
Answer = TypeVar("Answer")
Worker = Callable[..., Callable[[Part], Answer]]
"""A class that is instantiated once per actor, and then called with one part after the other."""


class SemReader:
    """Read parts of a corpus with a named SEM."""

    def __init__(self, sem: str | None) -> None:
        self._sem = resolve_sem(sem)

    def __call__(self, part: Sequence[Dialogue]) -> list[Reading]:
        """Return one reading per dialogue."""
        return self._sem.read(part)


def map_corpus(
    worker: Worker[Part, Answer], arguments: Sequence[Any], parts: Iterable[Part], cluster: Cluster
) -> Iterator[Answer]:
    """Yield a worker's result for each part, in the order of the parts.

    Args:
        worker: Importable on every machine of the cluster.
        arguments: Arguments of its constructor; a SEM is given by name, since each actor loads its own.
        parts: The corpus.
        cluster: The cluster that reads it.

    Raises:
        SetupError: Ray is not installed, or the cluster cannot be reached.
    """
    ray = cluster.connect()
    import ray.data as data

    context = data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    actors, remaining = cluster.size(ray), iter(parts)
    while rows := [{"part": pickle.dumps(part)} for part in islice(remaining, _PARTS_PER_SUBMISSION)]:
        results = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _PickledWorker,
            fn_constructor_args=(worker, tuple(arguments)),
            batch_size=1,
            num_cpus=cluster.cpus,
            compute=data.ActorPoolStrategy(size=min(actors, len(rows))),
        )
        for row in results.iter_rows():
            yield pickle.loads(row["part"])


class _PickledWorker:
    """Call a worker with pickled parts: Arrow has no column type for HEF's own types."""

    def __init__(self, worker: Worker[Any, Any], arguments: tuple[Any, ...]) -> None:
        self._worker = worker(*arguments)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        return {"part": [pickle.dumps(self._worker(pickle.loads(part))) for part in batch["part"]]}
