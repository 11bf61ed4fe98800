"""From EmpatheticDialogues' archive to the form HEF reads."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hef.contract import SetupError
from hef.data import download as data_download
from hef.data.conversations import read_samples
from hef.data.download import convert_archive, download
from hef.sem import EMPATHETIC_DIALOGUES

TRAIN = """conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags
c:1,1,sad,My cat_comma_ Tom_comma_ ran off,7,He said "stay_comma_ and left,5|5_5|5,
c:1,3,sad,My cat_comma_ Tom_comma_ ran off,7,I miss him.,5|5_5|5,
c:1,2,sad,My cat_comma_ Tom_comma_ ran off,9,  Oh no!  ,5|5_5|5,
broken line
c:2,1,proud,I won,3,I won a race_comma_ at last.,5|5,
c:2,2,proud,I won,4,Great 😀,5|5,
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "small.tar.gz"
    with tarfile.open(path, "w:gz") as held:
        for name, text in {"train.csv": TRAIN, "valid.csv": TRAIN.split("broken")[0], "README": "hello"}.items():
            member = tarfile.TarInfo(f"empatheticdialogues/{name}")
            member.size = len(text.encode())
            held.addfile(member, io.BytesIO(text.encode()))
    return path


def test_an_archive_becomes_files_that_can_be_measured_on(archive: Path, tmp_path: Path):
    assert convert_archive(archive, tmp_path / "out") == {"train": 2, "valid": 1}
    samples, broken = read_samples(tmp_path / "out" / "train.jsonl.gz", EMPATHETIC_DIALOGUES.labels)
    assert broken == []
    assert [(sample.conv_id, sample.emotion) for sample in samples] == [("c:1", "sad"), ("c:2", "proud")]
    assert samples[0].turns[0].text == 'He said "stay, and left'
    assert samples[1].turns[0].text == "I won a race, at last."


def test_turns_stand_in_their_order_and_the_first_to_speak_is_the_speaker(archive: Path, tmp_path: Path):
    convert_archive(archive, tmp_path)
    from hef.data.conversations import read_conversations

    (first, second), _ = read_conversations(tmp_path / "train.jsonl.gz")
    assert [turn.role for turn in first.turns] == ["speaker", "listener", "speaker"]
    assert first.turns[1].text == "Oh no!"
    assert first.situation == "My cat, Tom, ran off"
    assert second.turns[1].text == "Great 😀"


def test_a_download_from_anywhere_is_converted(archive: Path, tmp_path: Path):
    assert download(tmp_path / "out", archive.as_uri()) == {"train": 2, "valid": 1}


def test_a_download_beyond_the_size_of_the_archive_is_refused(archive: Path, tmp_path: Path, monkeypatch: Any):
    monkeypatch.setattr(data_download, "MAX_ARCHIVE_BYTES", archive.stat().st_size - 1)
    with pytest.raises(SetupError, match=r"cannot be downloaded: it has more than .* bytes; download it elsewhere"):
        download(tmp_path, archive.as_uri())
    monkeypatch.setattr(data_download, "MAX_ARCHIVE_BYTES", archive.stat().st_size)
    assert download(tmp_path, archive.as_uri())


def test_a_download_that_takes_too_long_is_given_up(archive: Path, tmp_path: Path, monkeypatch: Any):
    never = Event()
    monkeypatch.setattr(data_download, "MAX_SECONDS", 0.05)
    monkeypatch.setattr(data_download, "urlopen", lambda *_, **__: never.wait())
    try:
        with pytest.raises(SetupError, match=r"cannot be downloaded: no byte came for 60 s, or not all in 0\.05 s"):
            download(tmp_path, archive.as_uri())
    finally:
        never.set()


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_small_archive_that_unpacks_to_any_size_is_refused(kind: bytes, tmp_path: Path, monkeypatch: Any):
    monkeypatch.setattr(data_download, "MAX_UNPACKED_BYTES", 1_000_000)
    member = tarfile.TarInfo("train.csv")
    member.size, member.type = 10_000_000_000, kind
    bomb = tmp_path / "bomb.tar.gz"
    with gzip.open(bomb, "wb") as out:
        out.write(member.tobuf(tarfile.GNU_FORMAT) + bytes(3_000_000))

    with pytest.raises(SetupError, match="it has more than 1,000,000 bytes"):
        convert_archive(bomb, tmp_path)


def test_what_is_no_archive_is_told(tmp_path: Path):
    wrong = tmp_path / "wrong.tar.gz"
    wrong.write_text("not an archive", encoding="utf-8")
    with pytest.raises(SetupError, match="cannot be read as the EmpatheticDialogues archive"):
        convert_archive(wrong, tmp_path)
    with tarfile.open(wrong, "w:gz"):
        pass
    with pytest.raises(SetupError, match=r"has none of train\.csv"):
        convert_archive(wrong, tmp_path)
    with pytest.raises(SetupError, match="cannot be downloaded"):
        download(tmp_path, (tmp_path / "nowhere.tar.gz").as_uri())
