"""Two turns with the embedded LLM and a memory on disk, reporting every attempted network connection."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

LOOPBACK = ("127.", "::1", "localhost", "/")
attempts: list[str] = []


def record_connection(event: str, arguments: tuple[Any, ...]) -> None:
    """Record network calls of Python to any address but loopback."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = str(address[0] if isinstance(address, tuple) else address)
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = str(arguments[0])
    else:
        return
    if not host.startswith(LOOPBACK):
        attempts.append(f"{event} {host}")


def unroutable_packets() -> int:
    """Return the number of packets of this network namespace without a route, including those of native code."""
    names, values = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line[:3] == "Ip:"]
    return int(values[names.index("OutNoRoutes")])


def run_turns(folder: str) -> None:
    """Run two turns, so that the second one recalls the first."""
    from hef.graph import HefContext, create_hef, open_store

    with open_store(folder) as store:
        hef = create_hef().compile(store=store)
        for thread in ("one", "two"):
            out = hef.invoke(
                {"messages": [("user", "My dog died last night.")]},
                {"configurable": {"thread_id": thread}},
                context=HefContext(user_id="ana", model_settings={"max_tokens": 8}),
            )
        assert out["messages"][-1].text.strip()
        assert out["empathy"].degraded is None, out["empathy"].degraded
        assert out["empathy"].memories


if __name__ == "__main__":
    sys.addaudithook(record_connection)
    if sys.argv[1] == "connect":
        import socket

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            try:
                caller.connect(("192.0.2.1", 80))
            except OSError as error:
                print(error, file=sys.stderr)
    else:
        run_turns(sys.argv[1])
    print({"tried": attempts, "unreachable": unroutable_packets()})
