from __future__ import annotations

import json
from pathlib import Path

import pytest
from evaluate_cli import SAID


@pytest.fixture
def conversations(tmp_path: Path) -> Path:
    """Return a file of small conversations of one listener turn."""
    path = tmp_path / "small.jsonl"
    rows = [
        {
            "conv_id": f"own:{number}",
            "emotion": emotion,
            "utterances": [{"role": "speaker", "text": text}, {"role": "listener", "text": "Oh, tell me more."}],
        }
        for number, (emotion, text) in enumerate(SAID.items())
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path
