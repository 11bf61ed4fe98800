"""One turn of the embedded set-up with a memory on disk, which tells every connection that is tried."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

LOOPBACK = ("127.", "::1", "localhost", "/")
tried: list[str] = []


def hear(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what Python asks the network for; only loopback is no connection to anywhere."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = str(address[0] if isinstance(address, tuple) else address)
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = str(arguments[0])
    else:
        return
    if not host.startswith(LOOPBACK):
        tried.append(f"{event} {host}")


def unreachable() -> int:
    """Return how many packets of this network namespace found no route, native code's among them."""
    names, values = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line[:3] == "Ip:"]
    return int(values[names.index("OutNoRoutes")])


def turn(folder: str) -> None:
    """Run two turns, so that the second one recalls the first."""
    from hef.graph import HefContext, create_hef, open_store

    with open_store(folder) as store:
        hef = create_hef().compile(store=store)
        for thread in ("one", "two"):
            out = hef.invoke(
                {"messages": [("user", "My dog died last night.")]},
                {"configurable": {"thread_id": thread}},
                context=HefContext(user_id="ana"),
            )
        assert out["messages"][-1].text.strip()
        assert out["empathy"].degraded is None, out["empathy"].degraded
        assert out["empathy"].memories


if __name__ == "__main__":
    sys.addaudithook(hear)
    if sys.argv[1] == "connect":
        import socket

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            try:
                caller.connect(("192.0.2.1", 80))
            except OSError as error:
                print(error, file=sys.stderr)
    else:
        turn(sys.argv[1])
    print({"tried": tried, "unreachable": unreachable()})
