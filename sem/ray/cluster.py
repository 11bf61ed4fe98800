"""A Ray cluster that runs a service or reads a corpus by batch inference: one SEM per actor, order preserved.

A part of the corpus is the batch that one SEM reads at once. Parts are not re-batched, so that the numbers are those
of a single process.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from ...contract import Dialogue, Reading, SetupError
from ...contract.errors import needs_extra
from ..registry import resolve_sem

_PARTS_PER_SUBMISSION = 1024
"""Parts that are submitted to the cluster together; a corpus may have any length."""
Part = TypeVar("Part")
Answer = TypeVar("Answer")
Worker = Callable[..., Callable[[Part], Answer]]
"""A class that is instantiated once per actor, and then called with one part after the other."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Ray cluster with several SEMs in parallel.

    Args:
        address: `local` starts Ray on this machine for the lifetime of this process; `auto` or an address connects to
            a running cluster, whose machines must have HEF installed. Either way Ray's own processes listen on every
            interface, and require a token: keep them behind a firewall.
        actors: Number of SEMs in parallel; None means as many as there are processors for.
        cpus: Processors per SEM.
    """

    address: str = "local"
    actors: int | None = None
    cpus: float = 1.0

    def connect(self) -> Any:
        """Connect to the cluster and return Ray; an existing connection of this process is reused.

        Raises:
            SetupError: Ray is not installed, or no cluster can be reached at the address.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        with needs_extra("ray", "a cluster needs Ray"):
            import ray
        if not ray.is_initialized():
            local_options: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
            try:
                ray.init(
                    address=self.address,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    **(local_options if self.address == "local" else {}),
                )
            except Exception as error:  # Ray raises bare exceptions when it cannot start
                raise SetupError(f"no Ray cluster can be reached at {self.address!r}: {error}") from error
        return ray

    def size(self, ray: Any) -> int:
        """Return the number of SEMs in parallel."""
        return self.actors or max(1, int(ray.cluster_resources().get("CPU", 1) / self.cpus))


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
