from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SETUPTOOLS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
PACKAGES = {name: ROOT / SETUPTOOLS["package-dir"][name] for name in SETUPTOOLS["packages"]}
ALLOWED = {
    "contract": "",
    "prompts": "contract",
    "data": "contract",
    "sem": "contract prompts data",
    "llm": "contract prompts data",
    "memory": "contract prompts data",
    "tools": "contract prompts data sem llm memory",
    "nodes": "contract prompts data sem llm memory tools",
    "graph": "contract prompts data sem llm memory tools nodes",
    "training": "contract prompts data sem llm",
    "evaluation": "contract prompts data sem llm memory tools nodes graph",
    "bench": "contract prompts data sem llm memory tools nodes graph evaluation",
    "cli": "contract prompts data sem llm memory tools nodes graph training evaluation bench",
}
"""What each package may import of HEF: all arrows point one way."""
NOT_INSTALLED = {"tests", "notebooks", "docs", "scripts", "deploy", "build"}
MODULES = sorted(path for name, folder in PACKAGES.items() for path in folder.glob("*.py"))


def name_of(path: Path) -> str:
    """Return the dotted name of a module, for example `hef.training.sem.emotion_training`."""
    return ".".join(("hef", *path.relative_to(ROOT).with_suffix("").parts))


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of each module that a file imports, also inside functions."""
    inside = name_of(path).split(".")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = inside[: -node.level] if node.level else []
            base = ".".join([*start, *(node.module or "").split(".")]).rstrip(".")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def tracked() -> list[Path]:
    """Return the files of the repository; none outside a checkout."""
    git = shutil.which("git")
    listing = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True) if git else None
    return [ROOT / name for name in listing.stdout.split("\0") if name] if listing and listing.returncode == 0 else []


def test_packages_are_the_folders_that_hold_code() -> None:
    folders = {path.parent for path in ROOT.glob("*/**/__init__.py")}
    on_disk = {
        folder
        for folder in folders
        if not any(part.startswith(".") or part in NOT_INSTALLED for part in folder.relative_to(ROOT).parts)
    }

    assert set(PACKAGES.values()) == on_disk
    assert set(SETUPTOOLS["package-dir"]) == set(PACKAGES)
    assert all(name == ".".join(("hef", *folder.relative_to(ROOT).parts)) for name, folder in PACKAGES.items())


def test_hef_is_a_namespace_without_a_root_module() -> None:
    assert not (ROOT / "__init__.py").exists()


@pytest.mark.parametrize("name", [name for name in PACKAGES if name.count(".") == 1])
def test_package_is_typed_and_ships_the_mark(name: str) -> None:
    assert (PACKAGES[name] / "py.typed").is_file()
    assert "py.typed" in SETUPTOOLS["package-data"][name]


def test_every_file_beside_the_code_is_shipped() -> None:
    code = {".py", ".pyc"}
    for name, folder in PACKAGES.items():
        patterns = SETUPTOOLS["package-data"].get(name, [])
        shipped = {path for pattern in patterns for path in folder.glob(pattern)}
        nested = [other for other in PACKAGES.values() if folder in other.parents]
        data = {
            path
            for path in tracked()
            if folder in path.parents and path.suffix not in code and not any(other in path.parents for other in nested)
        }
        assert data <= shipped, f"{name}: {sorted(data - shipped)} would not be installed"
        assert all(any(folder.glob(pattern)) for pattern in patterns), (
            f"{name}: a pattern of {patterns} matches nothing"
        )


def test_imports_point_one_way() -> None:
    backwards = [
        f"{name_of(path)} imports {name}"
        for path in MODULES
        for name in imports(path)
        if name.startswith("hef.")
        and name.split(".")[1]
        not in (path.relative_to(ROOT).parts[0], *ALLOWED[path.relative_to(ROOT).parts[0]].split())
    ]
    assert backwards == []


def test_no_module_imports_our_packages_without_the_prefix_hef() -> None:
    assert [
        f"{name_of(path)}: {name}" for path in MODULES for name in imports(path) if name.split(".")[0] in ALLOWED
    ] == []


def test_every_module_has_a_docstring() -> None:
    assert [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))] == []


def test_no_file_holds_a_path_of_a_machine() -> None:
    machine = re.compile("/(" + "|".join(["work/", "root/", "home/"]) + r")\w")
    texts = {path: path.read_bytes() for path in tracked() if path.is_file()}
    if not texts:
        pytest.skip("not a git checkout")

    paths = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path, data in texts.items()
        if b"\0" not in data[:8000]
        for match in machine.finditer(data.decode("utf-8", errors="replace"))
    ]
    assert paths == []
