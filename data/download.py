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
import zlib
from collections.abc import Iterable, Iterator, Mapping
from http.client import HTTPException
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from ..contract import SetupError
from ..contract.sync_async import call_within

ARCHIVE = "https://dl.fbaipublicfiles.com/parlai/empatheticdialogues/empatheticdialogues.tar.gz"
SPLITS = ("train", "valid", "test")
MAX_ARCHIVE_BYTES, MAX_UNPACKED_BYTES = 200_000_000, 500_000_000
"""Sizes beyond which a file is not the archive, packed and unpacked; the archive itself is several times smaller."""
READ_SECONDS, MAX_SECONDS = 60, 1800
"""Time that a download may take, from one byte to the next and in all."""
COLUMNS = ("conv_id", "utterance_idx", "context", "prompt", "speaker_idx", "utterance")


def download(folder: Path, source: str = ARCHIVE) -> dict[str, int]:
    """Download the archive (about 28 MB; CC BY-NC 4.0) and convert it.

    Args:
        folder: Where `train.jsonl.gz`, `valid.jsonl.gz` and `test.jsonl.gz` are written.
        source: URL of the archive.

    Returns:
        The number of conversations per split.

    Raises:
        SetupError: The archive cannot be downloaded, takes too long or is too large, or is not the right one.
    """
    with TemporaryDirectory() as folder_name:
        archive = Path(folder_name) / "archive.tar.gz"
        try:
            call_within(MAX_SECONDS, lambda: _fetch(source, archive))
        except TimeoutError as error:
            raise SetupError(
                _no_download(source, f"no byte came for {READ_SECONDS} s, or not all in {MAX_SECONDS} s")
            ) from error
        except (URLError, HTTPException, OSError, ValueError) as error:
            raise SetupError(_no_download(source, str(error))) from error
        return convert_archive(archive, folder)


def _fetch(source: str, archive: Path) -> None:
    with urlopen(source, timeout=READ_SECONDS) as remote, archive.open("wb") as local:
        shutil.copyfileobj(SizeLimit(remote, MAX_ARCHIVE_BYTES), local)


def _no_download(source: str, reason: str) -> str:
    return f"{source} cannot be downloaded: {reason}; download it elsewhere and give `--archive FILE`"


class SizeLimit:
    """A file of which no more than so many bytes are read.

    Args:
        file: The file.
        size: Its maximum size.
    """

    def __init__(self, file: Any, size: int) -> None:
        self._file, self._size, self._left = file, size, size

    def read(self, size: int = -1) -> bytes:
        """Read as a file does.

        Raises:
            OSError: There is more to read than allowed.
        """
        data: bytes = self._file.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise OSError(f"it has more than {self._size:,} bytes")
        return data


def convert_archive(archive: Path, folder: Path) -> dict[str, int]:
    """Convert a downloaded archive and return the number of conversations per split.

    Raises:
        SetupError: The file is not the archive.
    """
    counts: dict[str, int] = {}
    try:
        with gzip.open(archive) as packed:
            # A few bytes may unpack to any size, and a header may claim any: what is read is limited.
            unpacked: Any = SizeLimit(packed, MAX_UNPACKED_BYTES)
            with tarfile.open(fileobj=unpacked, mode="r|") as members:
                for member in members:
                    split = Path(member.name).stem
                    lines = members.extractfile(member) if member.name.endswith(".csv") and split in SPLITS else None
                    if lines:
                        counts[split] = _write(folder / f"{split}.jsonl.gz", (line.decode("utf-8") for line in lines))
    except (tarfile.TarError, OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
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
