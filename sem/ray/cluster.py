"""The Ray cluster that reads a corpus or holds a service."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any

from ...contract import SetupError


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where SEMs run side by side.

    Args:
        address: `local` starts Ray on this machine, for as long as this process lives; `auto` or an address joins one
            that runs, whose machines must have HEF installed. Either way Ray's own processes listen on every
            interface, and ask for a token: keep them behind a firewall.
        actors: How many SEMs run at once; None means as many as there are processors for.
        cpus: Processors of each.
    """

    address: str = "local"
    actors: int | None = None
    cpus: float = 1.0

    def join(self) -> Any:
        """Return Ray, connected; a connection that this process has is kept.

        Raises:
            SetupError: Ray is not installed, or there is no cluster at the address.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as error:
            raise SetupError("a cluster is run with Ray: install it with `pip install 'hef[ray]'`") from error
        if not ray.is_initialized():
            own: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
            try:
                ray.init(
                    address=self.address,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    **(own if self.address == "local" else {}),
                )
            except Exception as error:  # Ray raises bare ones where it does not start
                raise SetupError(f"no Ray cluster can be joined at {self.address!r}: {error}") from error
        return ray

    def size(self, ray: Any) -> int:
        """Return how many SEMs run at once."""
        return self.actors or max(1, int(ray.cluster_resources().get("CPU", 1) / self.cpus))
