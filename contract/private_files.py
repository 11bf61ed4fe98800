"""Folders and files of what people said, readable by their owner alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""Permissions of the group and of everybody else."""


def make_private_folder(path: Path) -> None:
    """Create a folder that only its owner may enter, or take the permissions of all others from an existing one.

    A folder that everybody may write to, such as `/tmp`, stays as it is.

    Raises:
        OSError: The folder cannot be created.
    """
    create_private_folder(path)
    if not path.stat().st_mode & stat.S_ISVTX:
        make_private([path])


def create_private_folder(path: Path) -> None:
    """Create a folder, and those above it that are missing, for their owner alone; existing ones stay as they are.

    Raises:
        OSError: The folder cannot be created.
    """
    for folder in reversed([path, *path.parents]):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)


def make_private(paths: Iterable[Path]) -> None:
    """Take the permissions of all others from files and folders, and from what is in the folders.

    What belongs to somebody else, or is deleted meanwhile, is left alone. Links are not followed.
    """
    for path in paths:
        with suppress(OSError):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & _OTHERS:
                os.chmod(path, stat.S_IMODE(mode) & ~_OTHERS)


def make_contents_private(folder: Path) -> None:
    """Take the permissions of all others from everything in a folder."""
    make_private(Path(parent, name) for parent, folders, files in os.walk(folder) for name in (*folders, *files))
