"""What docs/studio.md says: its snippets run from top to bottom, its table and its pictures are of this graph."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from dev_server import dev_server
from documents import ROOT
from hef.cli.app import app
from hef.graph import HefContext, create_hef
from PIL import Image
from typer.testing import CliRunner

DOC = (ROOT / "docs" / "studio.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)


def test_the_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    with dev_server(tmp_path, HEF_HOME=str(tmp_path / "companion")) as url:
        for snippet in SNIPPETS[:-1]:
            exec(snippet.replace("http://127.0.0.1:2024", url), namespace)
        items = namespace["client"].store.search_items(["hef"])["items"]
    output = capsys.readouterr().out

    # One thread was replayed and forked, the other confirmed.
    assert sorted(item["value"]["emotion"] for item in items) == ["anxious", "disappointed"]
    assert "coarse_emotion | SmolLM2-135M-HEF" in output
    assert "How does the person feel" in output
    assert output.endswith("disappointed True\n")

    (command,) = re.findall(r"^hef (.*)$", DOC, re.MULTILINE)
    result = CliRunner().invoke(app, command.split(), env={"HEF_HOME": str(tmp_path / "companion")})
    assert result.exit_code == 0, result.stderr
    row = json.loads((tmp_path / "feedback.jsonl").read_text(encoding="utf-8"))
    assert row["emotion"] == "disappointed"
    exec(SNIPPETS[-1], {})
    assert capsys.readouterr().out.strip() == str([row])


def test_the_table_names_every_setting_except_prompts_on_a_node_that_reads_it() -> None:
    rows = re.findall(r"^\| (`.*`) \| (`.*`) \|", DOC, re.MULTILINE)
    table = {name: re.findall(r"`(\w+)`", nodes) for nodes, names in rows for name in re.findall(r"`(\w+)`", names)}

    fields = {name: field.json_schema_extra for name, field in HefContext.model_fields.items()}
    assert set(table) == {name for name in fields if not name.startswith("prompt_")}
    assert all(set(nodes) <= set(fields[name]["langgraph_nodes"]) for name, nodes in table.items())  # type: ignore[index,arg-type]
    assert all(f"`{name}`" in DOC for name in fields)


def test_the_pictures_are_of_this_graph_and_small(scripted: Any) -> None:
    drawing = runpy.run_path(str(ROOT / "scripts" / "draw_graph.py"))
    shown = drawing["graph_as_text"](create_hef(model=scripted("x")).compile(name="hef"))

    pictures = [ROOT / "docs" / path for path in re.findall(r"\((figures/.*?\.png)\)", DOC)]
    assert len(pictures) == 2
    for picture in pictures:
        assert Image.open(picture).info["Description"] == shown
        assert picture.stat().st_size < 100_000


def test_the_pictures_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["draw_graph.py", str(tmp_path)])

    runpy.run_path(str(ROOT / "scripts" / "draw_graph.py"), run_name="__main__")

    assert {file.name for file in tmp_path.iterdir()} == {"graph.png", "graph_turn.png"}
