"""All pages together: their snippets run, and what they name exists."""

from __future__ import annotations

import ast
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main
from documents import DOCS, DOCUMENTS, README, ROOT, blocks, prose
from hef.cli.app import app
from hef.cli.settings import Settings
from hef.contract import HefContext, RecallWeights
from hef.graph import create_hef
from langchain_core.language_models import GenericFakeChatModel

# These pages have tests of their own, because they need a server, a worker, a shell or a network.
RUN_ELSEWHERE = {"memory.md", "plugins.md", "serving.md", "studio.md", "discord.md", "telegram.md", "pipecat.md"}
SNIPPETS = [
    pytest.param(snippet, id=f"{page.stem}{number}")
    for page in DOCUMENTS
    if page.name not in RUN_ELSEWHERE
    for number, snippet in enumerate(blocks("python", page))
]
NAMES = [str(page.relative_to(ROOT)) for page in DOCUMENTS]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_python_snippet_runs(snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "snippet.py"
    script.write_text(snippet, encoding="utf-8")

    runpy.run_path(str(script), run_name="snippet")


def test_the_pages_that_have_snippets_have_them() -> None:
    assert len(blocks("python", README)) == 2
    assert len(blocks("python", DOCS / "embedding.md")) >= 6
    assert len(blocks("python", DOCS / "failures.md")) == 1


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", NAMES)
def test_every_relative_link_resolves(name: str) -> None:
    page = ROOT / name
    broken = []
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def _commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each `hef` command on a page, in code blocks and in the text."""
    in_text = re.findall(r"`(hef [^`]+)`", prose(page))
    in_blocks = [line for block in blocks("sh", page) for line in block.splitlines()]
    for line in [*in_text, *in_blocks]:
        words = shlex.split(line.replace("\\|", "|"), comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        if words[:1] == ["hef"]:
            yield words[1:]


def _fault(words: list[str]) -> str | None:
    """Return what a command line names that does not exist, None where all of it does."""
    command: Any = typer.main.get_command(app)
    context = click.Context(command)
    for position, word in enumerate(words):
        if not hasattr(command, "resolve_command"):
            known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            options = [option.partition("=")[0] for option in words[position:] if re.match(r"--?[a-z]", option)]
            return next((option for option in options if option not in known | {"--help"}), None)
        if word.startswith("-"):
            continue
        if not re.match(r"[a-z]", word):
            return None
        try:
            _, command, _ = command.resolve_command(context, [word])
        except click.UsageError:
            return word
    return None


@pytest.mark.parametrize("name", [name for name in NAMES if name != "CHANGELOG.md"])  # which names old ones, too
def test_every_command_exists_with_its_options(name: str) -> None:
    faults = {" ".join(words): fault for words in _commands(ROOT / name) if (fault := _fault(words))}

    assert faults == {}


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert _fault(["reply", "--no-such-option"]) == "--no-such-option"
    assert _fault(["memory", "remember"]) == "remember"
    assert _fault(["memory", "list", "--user", "ana"]) is None


@pytest.mark.parametrize("name", [name for name in NAMES if name != "CHANGELOG.md"])
def test_every_module_that_is_run_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    modules = re.findall(r"python -m hef\.([\w.]+)", text)
    scripts = re.findall(r"python (\w[\w/]*\.py)", text)

    assert [module for module in modules if not (ROOT / f"{module.replace('.', '/')}.py").is_file()] == []
    assert [script for script in scripts if not (ROOT / script).is_file()] == []


def _is_defined(name: str) -> bool:
    """Return whether a dotted name is a package or a module, or a word of one."""
    path, parts = ROOT, name.split(".")[1:]
    while parts and (path / parts[0]).is_dir():
        path /= parts.pop(0)
    source = path / f"{parts.pop(0)}.py" if parts and (path / f"{parts[0]}.py").is_file() else path / "__init__.py"
    text = source.read_text(encoding="utf-8")
    return all(re.search(rf"\b{part}\b", text) for part in parts)


def test_every_module_that_the_changelog_sends_to_exists() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    new = re.sub(r"`[^`\n]+`(?:, `[^`\n]+`)* → ", "", changelog)
    names = re.findall(r"`(?:python -m )?(hef(?:\.\w+)+)", new)

    assert len(names) > 30
    assert [name for name in names if not _is_defined(name)] == []
    assert not _is_defined("hef.graph.agents.reader")
    assert not _is_defined("hef.graph.no_such_function")


def test_every_package_is_on_the_map() -> None:
    rows = re.findall(r"^\| `([\w/]+)` \|", (DOCS / "architecture.md").read_text(encoding="utf-8"), re.MULTILINE)
    aside = {"tests", "notebooks", "docs", "scripts", "deploy", "build"}
    folders = (path.parent.relative_to(ROOT) for path in ROOT.glob("*/**/__init__.py"))
    packages = {
        "/".join(folder.parts) for folder in folders if folder.parts[0] not in aside and folder.parts[0][0] != "."
    }

    assert packages <= set(rows)
    assert {row for row in rows if "/" in row} <= packages


def test_every_node_is_in_the_table_of_one_turn_with_its_module() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| `(nodes/\w+\.py)` \|$", (DOCS / "architecture.md").read_text(), re.MULTILINE)
    nodes = {path.stem for path in (ROOT / "nodes").glob("*.py")} - {"__init__"}

    assert {Path(module).stem for _, module in rows} == nodes
    graph = set(create_hef(model=GenericFakeChatModel(messages=iter([]))).nodes)
    assert {name for name, _ in rows} == graph


def _table(heading: str) -> dict[str, str]:
    """Return name -> second cell of the table under a heading of the configuration page."""
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    part = re.split(r"^#", text.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", part, re.MULTILINE))


def test_the_settings_and_their_defaults_are_those_of_the_context() -> None:
    table = _table("Settings of a run")
    fields = HefContext.model_fields

    assert set(table) == set(fields)
    plain = {name: ast.literal_eval(cell.strip("`")) for name, cell in table.items() if name != "memory_weights"}
    assert plain == {name: field.default for name, field in fields.items() if name != "memory_weights"}


def test_the_weights_of_recall_and_their_defaults_are_those_of_the_code() -> None:
    table = _table("Weights of recall")
    fields = RecallWeights.model_fields

    assert {name: float(cell) for name, cell in table.items()} == {
        name: fields[name].default for name in fields if name not in ("min_similarity", "half_life_days")
    }
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert f"`min_similarity` (−{-fields['min_similarity'].default:.0f}, off)" in page
    assert f"`half_life_days` ({fields['half_life_days'].default:.0f})" in page


def test_the_environment_is_that_of_the_command_line() -> None:
    assert set(_table("Environment")) == {f"HEF_{name.upper()}" for name in (*Settings.model_fields, "log", "debug")}


def test_the_texts_of_degraded_turns_are_those_of_the_nodes() -> None:
    page = (DOCS / "failures.md").read_text(encoding="utf-8")
    texts = re.findall(r"^\| .* \| `([a-zA-Z ']+)` \|$", page, re.MULTILINE)
    nodes = " ".join(
        path.read_text(encoding="utf-8")
        for path in (*(ROOT / "nodes").rglob("*.py"), *(ROOT / "contract" / "settings").glob("*.py"))
    )
    nodes = nodes.replace("the LLM could not {task}", "the LLM could not judge the emotion")

    assert len(texts) == 20
    assert [text for text in texts if text not in nodes] == []


def test_every_decision_record_has_its_parts_and_is_in_the_index() -> None:
    folder = DOCS / "decisions"
    records = sorted(folder.glob("0*.md"))
    index = (folder / "README.md").read_text(encoding="utf-8")

    assert [record.name[:4] for record in records] == [f"{number:04d}" for number in range(1, len(records) + 1)]
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert record.name in index
        assert "**Status:**" in text
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Superseded by"]
        assert 150 <= len(text.split()) <= 450, record.name


def _successors(text: str) -> tuple[list[str], bool]:
    """Return the numbers of the records that a text says took the place of one, and whether of a part of it alone."""
    return sorted(set(re.findall(r"\b0\d{3}\b", text))), "in part" in text


@pytest.mark.parametrize("record", sorted((DOCS / "decisions").glob("0*.md")), ids=lambda record: record.name[:4])
def test_the_status_of_a_decision_record_its_last_section_and_the_index_agree(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    (status,) = re.findall(r"^\*\*Status:\*\* (.*)$", text, re.MULTILINE)
    (row,) = re.findall(rf"^\| \[\d+\]\({record.name}\) \| (.*?) \|", index, re.MULTILINE)
    last = text.partition("\n## Superseded by\n")[2].strip()
    successors, *superseded = re.split(r"It supersede[sd]", last, maxsplit=1)
    records, is_part = _successors(successors)
    is_accepted = records == [] or is_part

    assert successors.startswith("Nothing.") is (records == [])
    assert _successors(status.partition("superseded by")[2]) == (records, is_part)
    assert _successors(row.partition("superseded by")[2]) == (records, is_part)
    assert status.startswith("accepted") is is_accepted
    assert row == "accepted" or records
    for earlier in re.findall(r"\]\((0\d{3}-[\w-]+\.md)\)", "".join(superseded) if is_accepted else ""):
        earlier_text = (record.parent / earlier).read_text(encoding="utf-8")
        assert record.name in earlier_text.partition("\n## Superseded by\n")[2]


def test_every_experiment_has_its_day_and_is_in_the_index() -> None:
    folder = DOCS / "experiments"
    index = (folder / "README.md").read_text(encoding="utf-8")
    for page in set(folder.glob("*.md")) - {folder / "README.md"}:
        assert re.match(r"\d{4}-\d\d-\d\d-[a-z-]+\.md$", page.name), page.name
        assert page.name in index
