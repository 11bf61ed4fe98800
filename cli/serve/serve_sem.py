"""`hef serve sem`: a SEM as a service."""

from __future__ import annotations

from time import sleep
from typing import Annotated

import typer

from ..options import Cpus, SemOptions, option
from ..settings import load_settings

Host = Annotated[str, option("Where it listens; 0.0.0.0 is everywhere.", metavar="ADDRESS")]
Port = Annotated[int, option("On which port.", metavar="N", min=1, max=65535)]
Replicas = Annotated[int, option("SEMs that run side by side.", metavar="N", min=1)]
BatchSize = Annotated[int, option("Dialogues read at once.", metavar="N", min=1)]
WaitMs = Annotated[float, option("Milliseconds a dialogue waits for others.", metavar="N", min=0)]
Ray = Annotated[str, option("local starts Ray here, auto or an address joins a cluster.", metavar="ADDRESS")]


def serve_sem(
    models: SemOptions,
    host: Host = "127.0.0.1",
    port: Port = 8100,
    replicas: Replicas = 1,
    ray_cpus: Cpus = 1.0,
    batch_size: BatchSize = 32,
    wait_ms: WaitMs = 5.0,
    ray: Ray = "local",
) -> None:
    """Serve a SEM to many callers with Ray Serve.

    Concurrent requests are read in batches. Callers name the address as their SEM: --sem http://127.0.0.1:8100,
    HEF_SEM, create_hef(sem=...). Everybody who reaches the address can use it, so listen elsewhere than on this
    machine only behind a server that checks callers.
    """
    sem = load_settings(models).sem
    from ...sem.ray.cluster import Cluster

    Cluster(ray).connect()
    from ...sem.ray.service import ServiceOptions, start_service, stop_service

    options = ServiceOptions(sem=sem, replicas=replicas, cpus=ray_cpus, batch_size=batch_size, wait_ms=wait_ms)
    url = start_service(options, host, port)
    typer.echo(f"serving at {url}; Ctrl-C ends it")
    try:
        while True:
            sleep(3600)
    except KeyboardInterrupt:
        stop_service()
