"""A PostgreSQL cluster of its own for tests, in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server_process import free_port


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL server that is installed, None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


@contextmanager
def postgres_server(connections: int = 100) -> Iterator[str]:
    """Run a server on a free port and yield its address; its data are gone afterwards."""
    folder = binaries()
    assert folder is not None
    port = free_port()
    # Not below pytest's folder: that is closed to the user whom the server runs as.
    with tempfile.TemporaryDirectory(prefix="postgres", ignore_cleanup_errors=True) as place:
        data = Path(place) / "data"
        options = f"-p {port} -k {place} -c listen_addresses=127.0.0.1 -c max_connections={connections} -c fsync=off"
        _give_away(Path(place))
        _run(folder / "initdb", "-D", data, "-U", "hef", "-A", "trust", "--no-sync", "-E", "UTF8")
        _run(folder / "pg_ctl", "-D", data, "-l", Path(place) / "log", "-o", options, "-w", "start")
        try:
            yield f"postgresql://hef@127.0.0.1:{port}/postgres"
        finally:
            _run(folder / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _run(*command: object) -> None:
    """Run a command as a user that PostgreSQL takes: it refuses root."""
    who = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []} if _root() else {}
    # The server keeps its outputs open: piped, they would never end.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            [str(part) for part in command], stdout=said, stderr=said, stdin=subprocess.DEVNULL, cwd="/", **who
        )
        said.seek(0)
        assert done.returncode == 0, said.read().decode()


def _give_away(folder: Path) -> None:
    if _root():
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)


def _root() -> bool:
    return os.geteuid() == 0
