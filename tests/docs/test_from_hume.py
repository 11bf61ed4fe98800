"""docs/from-hume.md: its table has every label of both sides, and its command takes what it says."""

from __future__ import annotations

import json
import re
from collections import Counter

from documents import DOCS
from hef.cli.app import app
from hef.sem import shipped_sem
from typer.testing import CliRunner

PAGE = (DOCS / "from-hume.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| (equal|near|none) \| ([^|]*?) ?\|$", PAGE, re.MULTILINE)


def test_each_expression_has_one_row_and_names_emotions_of_the_shipped_sem() -> None:
    assert len(ROWS) == len({name for name, _, _ in ROWS}) == 53
    labels = set(shipped_sem().description.taxonomy.labels)
    mapped = {name: re.findall(r"\w+", emotions) for name, _, emotions in ROWS}
    named = {emotion for emotions in mapped.values() for emotion in emotions}
    assert all(bool(emotions) == (kind != "none") for (_, kind, _), emotions in zip(ROWS, mapped.values(), strict=True))
    (besides,) = re.findall(r"without a label of Hume's: ([\w, ]+)\.", PAGE)
    assert set(besides.split(", ")) == labels - named
    assert named <= labels


def test_what_is_equal_is_equal_to_one_expression_alone() -> None:
    equal = Counter(emotion for _, kind, emotions in ROWS if kind == "equal" for emotion in emotions.split(", "))
    assert max(equal.values()) == 1, equal


def test_the_command_reads_a_file_and_passes_ids_through() -> None:
    (command,) = re.findall(r"^hef (perceive .*) < said.jsonl", PAGE, re.MULTILINE)
    line = json.dumps({"id": 7, "text": "They cancelled my flight and I missed the wedding."})
    result = CliRunner().invoke(app, command.split(), input=f"{line}\n")
    row = json.loads(result.stdout)
    assert (result.exit_code, row["id"]) == (0, 7)
    assert len(row["distribution"]) == 32
    assert abs(sum(row["distribution"].values()) - 1) < 0.001
