"""The layers of docs/architecture.md and the shape of folders and files, read from the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import MODULES, PACKAGES, ROOT, module_name

ALLOWED = {
    "contract": "",
    "prompts": "contract",
    "data": "contract",
    "safety": "contract prompts data sem",
    "sem": "contract prompts data",
    "llm": "contract prompts data",
    "memory": "contract prompts data",
    "characters": "contract prompts data memory",
    "tools": "contract prompts data safety sem llm memory",
    "nodes": "contract prompts data safety sem llm memory tools",
    "graph": "contract prompts data safety sem llm memory tools nodes",
    "training": "contract prompts data safety sem llm",
    "evaluation": "contract prompts data safety sem llm memory tools nodes graph",
    "bench": "contract prompts data safety sem llm memory characters tools nodes graph evaluation serving",
    "serving": "contract prompts data safety sem llm memory characters tools nodes graph",
    "ui": "contract prompts data safety sem llm memory characters tools nodes graph",
    "cli": "contract prompts data safety sem llm memory characters tools nodes graph training evaluation bench "
    "serving ui",
}
"""What each package may import of HEF: all arrows point one way."""


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of each module that a file imports, also inside functions."""
    inside = module_name(path).split(".")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = inside[: -node.level] if node.level else []
            base = ".".join([*start, *(node.module or "").split(".")]).rstrip(".")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def test_the_record_of_the_layers_has_the_same_table() -> None:
    record = (ROOT / "docs" / "decisions" / "0001-layers-and-contract.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", record, re.MULTILINE)

    assert {name: set(cell.replace("nothing", "").replace(",", "").split()) for name, cell in rows} == {
        name: set(allowed.split()) for name, allowed in ALLOWED.items()
    }


def test_every_package_has_a_place_in_the_layers() -> None:
    assert {folder.relative_to(ROOT).parts[0] for folder in PACKAGES.values()} == set(ALLOWED)


def test_imports_point_one_way() -> None:
    backwards = [
        f"{module_name(path)} imports {name}"
        for path in MODULES
        for name in imports(path)
        if name.startswith("hef.")
        and name.split(".")[1]
        not in (path.relative_to(ROOT).parts[0], *ALLOWED[path.relative_to(ROOT).parts[0]].split())
    ]
    assert backwards == []


def test_no_model_is_loaded_with_code_of_its_own() -> None:
    """`trust_remote_code=False` stands at each call, so that neither a default nor a question to the user decides."""
    scripts = [*(ROOT / "scripts").glob("*.py"), *(ROOT / "deploy").glob("*.py")]
    trusting = [
        f"{path.name}:{call.lineno}"
        for path in [*MODULES, *scripts]
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "from_pretrained"
        and not any(
            keyword.arg == "trust_remote_code" and getattr(keyword.value, "value", None) is False
            for keyword in call.keywords
        )
    ]
    assert trusting == []


def test_no_module_imports_our_packages_without_the_prefix_hef() -> None:
    assert [
        f"{module_name(path)}: {name}" for path in MODULES for name in imports(path) if name.split(".")[0] in ALLOWED
    ] == []


def test_every_module_has_a_docstring() -> None:
    assert [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "misc"])
def test_no_module_is_named_after_nothing(word: str) -> None:
    assert [name for name in map(module_name, MODULES) if word in name.replace("_", ".").split(".")] == []


def test_no_folder_has_more_modules_than_one_can_overlook() -> None:
    sizes = {folder: len(list(folder.glob("*.py"))) for folder in PACKAGES.values()}
    assert {str(folder.relative_to(ROOT)): size for folder, size in sizes.items() if size > 16} == {}


def test_no_module_is_longer_than_330_lines() -> None:
    lengths = {module_name(path): path.read_text(encoding="utf-8").count("\n") for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 330} == {}


def test_a_file_name_stands_for_one_idea() -> None:
    names = [path.name for path in MODULES if path.name != "__init__.py"]
    assert {name for name in names if names.count(name) > 1} == set()
