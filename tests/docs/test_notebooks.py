from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))

COMMANDS_HERE = """
import subprocess as _subprocess
from hef.cli.app import app as _app
from typer.testing import CliRunner as _CliRunner

def _commands_here(run, done, runner, app):
    def run_here(command, **options):
        if list(command[1:3]) != ["-m", "hef.cli"]:
            return run(command, **options)
        result = runner.invoke(app, list(command[3:]))
        assert result.exit_code == 0, result.output
        return done(command, 0, result.stdout, result.stderr)
    return run_here

_subprocess.run = _commands_here(_subprocess.run, _subprocess.CompletedProcess, _CliRunner(), _app)
"""
"""Runs the commands of HEF that a notebook starts in the process of the notebook, which has the models."""
SHORT_REPLIES = """
import hef.llm.resolve as _resolve

_resolve._MAX_EMBEDDED_TOKENS = 4
"""
"""What the embedded model replies is not looked at; writing it takes most of the time."""


@pytest.fixture(scope="module")
def kernel() -> Iterator[NotebookClient]:
    """One process for all notebooks, so that libraries are imported and models loaded once."""
    client = NotebookClient(new_notebook(), timeout=300)
    with client.setup_kernel():
        execute(client, new_notebook(cells=[new_code_cell(COMMANDS_HERE + SHORT_REPLIES)]))
        yield client


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_of_a_notebook_runs(path: Path, kernel: NotebookClient, tmp_path: Path) -> None:
    execute(kernel, new_notebook(cells=[new_code_cell(f"%reset -f\n%cd -q {tmp_path}")]))
    notebook = nbformat.read(path, as_version=4)

    execute(kernel, notebook)

    shown = [kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})]
    assert "image/png" in shown
    assert "text/html" in shown


def execute(kernel: NotebookClient, notebook: nbformat.NotebookNode) -> None:
    """Run the cells of a notebook, of which the first error is raised."""
    kernel.nb = notebook
    kernel.reset_execution_trackers()
    for index, cell in enumerate(notebook.cells):
        kernel.execute_cell(cell, index)
