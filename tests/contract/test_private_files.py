from __future__ import annotations

import stat
from pathlib import Path

from hef.contract.private_files import create_private_folder, make_private_folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_above_are_made_for_their_owner_alone_and_existing_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o755)

    create_private_folder(tmp_path / "shared" / "cache" / "weights")

    assert mode(tmp_path / "shared") == 0o755
    assert mode(tmp_path / "shared" / "cache") == mode(tmp_path / "shared" / "cache" / "weights") == 0o700


def test_an_existing_folder_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    folder.mkdir(mode=0o755)

    make_private_folder(folder)

    assert mode(folder) == 0o700
