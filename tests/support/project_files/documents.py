"""The documents of the project and their code blocks, for the tests that check and run them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
DOCUMENTS = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "sem" / "MODEL_CARD.md",
    ROOT / "llm" / "weights" / "MODEL_CARD.md",
    *sorted(DOCS.rglob("*.md")),
]
"""Every page that a reader of the project sees."""


def blocks(language: str, page: Path = README) -> list[str]:
    """Return the fenced code blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """Return a page without its fenced code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
