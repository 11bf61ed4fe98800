"""From EmpatheticDialogues' archive to the form HEF reads."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hef.contract import SetupError
from hef.evaluation import convert_archive, download, read_samples
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
