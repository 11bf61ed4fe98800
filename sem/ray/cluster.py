"""Connection to the Ray cluster that reads a corpus or runs a service."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any

from ...contract import SetupError
from ...contract.errors import needs_extra


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
