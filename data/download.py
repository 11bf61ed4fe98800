"""Download of EmpatheticDialogues from its official archive, converted to the JSON lines that HEF reads.

The archive contains `train.csv`, `valid.csv` and `test.csv` with the columns `conv_id, utterance_idx,
context, prompt, speaker_idx, utterance, …`. Commas inside a text are written `_comma_`, and quotes
are not escaped, so lines are split at their commas and not read as CSV.
"""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from ..contract import SetupError

ARCHIVE = "https://dl.fbaipublicfiles.com/parlai/empatheticdialogues/empatheticdialogues.tar.gz"
SPLITS = ("train", "valid", "test")
COLUMNS = ("conv_id", "utterance_idx", "context", "prompt", "speaker_idx", "utterance")


def download(folder: Path, source: str = ARCHIVE) -> dict[str, int]:
    """Download the archive (about 28 MB; CC BY-NC 4.0) and convert it.

    Args:
        folder: Where `train.jsonl.gz`, `valid.jsonl.gz` and `test.jsonl.gz` are written.
        source: URL of the archive.

    Returns:
        The number of conversations per split.

    Raises:
        SetupError: The archive cannot be downloaded, or is not the right one.
    """
    with TemporaryDirectory() as folder_name:
        archive = Path(folder_name) / "archive.tar.gz"
        try:
            with urlopen(source, timeout=60) as remote, archive.open("wb") as local:
                shutil.copyfileobj(remote, local)
        except (URLError, OSError, ValueError) as error:
            raise SetupError(
                f"{source} cannot be downloaded: {error}; download it elsewhere and give `--archive FILE`"
            ) from error
        return convert_archive(archive, folder)


def convert_archive(archive: Path, folder: Path) -> dict[str, int]:
    """Convert a downloaded archive and return the number of conversations per split.

    Raises:
        SetupError: The file is not the archive.
    """
    counts: dict[str, int] = {}
    try:
        with tarfile.open(archive) as members:
            for member in members:
                split = Path(member.name).stem
                lines = members.extractfile(member) if member.name.endswith(".csv") and split in SPLITS else None
                if lines:
                    counts[split] = _write(folder / f"{split}.jsonl.gz", (line.decode("utf-8") for line in lines))
    except (tarfile.TarError, OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{archive} cannot be read as the EmpatheticDialogues archive: {error}") from error
    if not counts:
        raise SetupError(f"{archive} has none of {', '.join(f'{split}.csv' for split in SPLITS)}")
    return counts


def conversations(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the conversations of one CSV file as rows in HEF's format; truncated lines are skipped."""
    columns = (line.rstrip("\r\n").split(",") for line in lines)
    rows = [dict(zip(COLUMNS, values, strict=False)) for values in columns if len(values) >= len(COLUMNS)]
    for conv_id, group in groupby(
        (row for row in rows if row["utterance_idx"].isdigit()), key=lambda row: row["conv_id"]
    ):
        turns = sorted(group, key=lambda row: int(row["utterance_idx"]))
        yield {
            "conv_id": conv_id,
            "emotion": turns[0]["context"].strip(),
            "situation": _text(turns[0]["prompt"]),
            "utterances": [_utterance(turn, turns[0]["speaker_idx"]) for turn in turns],
        }


def _utterance(turn: Mapping[Any, str], speaker: str) -> dict[str, str]:
    """Convert one turn; the one who speaks first is the speaker."""
    return {"role": "speaker" if turn["speaker_idx"] == speaker else "listener", "text": _text(turn["utterance"])}


def _text(field: str) -> str:
    return field.replace("_comma_", ",").strip()


def _write(path: Path, lines: Iterable[str]) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with gzip.open(path, "wt", encoding="utf-8") as out:
        for row in conversations(lines):
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count
