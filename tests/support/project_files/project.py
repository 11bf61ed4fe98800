"""The project's own files: its packages as pyproject.toml lists them, their modules, and what git tracks."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS: dict[str, Any] = PYPROJECT["tool"]["setuptools"]
PACKAGES = {name: ROOT / SETUPTOOLS["package-dir"][name] for name in SETUPTOOLS["packages"]}
"""Dotted name of each installed package -> its folder."""
MODULES = sorted(path for folder in PACKAGES.values() for path in folder.glob("*.py"))
"""Every installed Python file."""


def module_name(path: Path) -> str:
    """Return the dotted name of a module, for example `hef.training.sem.emotion_training`."""
    return ".".join(("hef", *path.relative_to(ROOT).with_suffix("").parts))


def tracked_files() -> list[Path]:
    """Return the files of the repository; none outside a checkout."""
    git = shutil.which("git")
    listing = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True) if git else None
    return [ROOT / name for name in listing.stdout.split("\0") if name] if listing and listing.returncode == 0 else []
