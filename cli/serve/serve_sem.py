"""`hef serve`: parts of HEF as services of their own."""

from __future__ import annotations

from time import sleep as pause
from typing import Annotated

import typer

from .. import options

serve = typer.Typer(no_args_is_help=True, help="Serve a part of HEF to other processes and machines.")

HostOption = Annotated[str, typer.Option("--host", help="Where it listens; 0.0.0.0 is everywhere.", metavar="ADDRESS")]
PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="On which port.", metavar="N")]
ReplicasOption = Annotated[int, typer.Option("--replicas", min=1, help="SEMs that run side by side.", metavar="N")]
BatchOption = Annotated[int, typer.Option("--batch-size", min=1, help="Dialogues read at once.", metavar="N")]
WaitOption = Annotated[
    float, typer.Option("--wait-ms", min=0, help="Milliseconds a dialogue waits for others.", metavar="N")
]
ClusterOption = Annotated[
    str,
    typer.Option("--ray", help="local starts Ray here, auto or an address joins a cluster.", metavar="ADDRESS"),
]


@serve.callback()
def _group() -> None:
    """Keep `sem` a command of its own, though it is the only one."""


@serve.command("sem")
def serve_sem(
    sem: options.SemOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8100,
    replicas: ReplicasOption = 1,
    cpus: options.CpusOption = 1.0,
    batch_size: BatchOption = 32,
    wait_ms: WaitOption = 5.0,
    ray: ClusterOption = "local",
) -> None:
    """Serve a SEM with Ray Serve: what many callers ask at once is read in batches.

    Its callers give the address where a SEM is named: --sem http://127.0.0.1:8100, HEF_SEM, create_hef(sem=...).
    Who can reach the address can ask it, so listen elsewhere than on this machine only behind what checks callers.
    """
    from ..settings import settings

    chosen = settings(sem=sem)
    from ...sem.ray.cluster import Cluster

    Cluster(ray).join()
    from ...sem.ray.service import ServiceOptions, start_service, stop_service

    wanted = ServiceOptions(sem=chosen.sem, replicas=replicas, cpus=cpus, batch_size=batch_size, wait_ms=wait_ms)
    url = start_service(wanted, host, port)
    typer.echo(f"serving at {url}; Ctrl-C ends it")
    try:
        while True:
            pause(3600)
    except KeyboardInterrupt:
        stop_service()
