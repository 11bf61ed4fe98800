"""A temporary PostgreSQL cluster for tests."""

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
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    return installed[-1].parent if installed else Path(on_path).resolve().parent if on_path else None


@contextmanager
def postgres_server(connections: int = 100) -> Iterator[str]:
    """Run a server on a free port and yield its address; its data are gone afterwards."""
    folder = binaries()
    assert folder is not None
    port = free_port()
    # Not below pytest's folder, which the server's user cannot read.
    with tempfile.TemporaryDirectory(prefix="postgres", ignore_cleanup_errors=True) as root:
        data = Path(root) / "data"
        options = f"-p {port} -k {root} -c listen_addresses=127.0.0.1 -c max_connections={connections} -c fsync=off"
        _give_to_nobody(Path(root))
        _run(folder / "initdb", "-D", data, "-U", "hef", "-A", "trust", "--no-sync", "-E", "UTF8")
        _run(folder / "pg_ctl", "-D", data, "-l", Path(root) / "log", "-o", options, "-w", "start")
        try:
            yield f"postgresql://hef@127.0.0.1:{port}/postgres"
        finally:
            _run(folder / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _run(*command: object) -> None:
    """Run a command as a user other than root, whom PostgreSQL refuses."""
    user = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []} if _is_root() else {}
    # The server inherits the output and keeps it open: reading a pipe would never end.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [str(part) for part in command], stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/", **user
        )
        output.seek(0)
        assert done.returncode == 0, output.read().decode()


def _give_to_nobody(folder: Path) -> None:
    if _is_root():
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)


def _is_root() -> bool:
    return os.geteuid() == 0
