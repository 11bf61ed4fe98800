"""docs/cli.md is what the commands say of themselves."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    page = runpy.run_path(str(ROOT / "scripts" / "write_cli_doc.py"))["page"]

    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == page(), (
        "run: python scripts/write_cli_doc.py docs/cli.md"
    )
