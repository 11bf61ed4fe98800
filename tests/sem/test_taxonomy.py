from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hef.contract import HefError, SetupError
from hef.graph import create_hef
from hef.sem import EMPATHETIC_DIALOGUES, LexiconSem, Taxonomy
from langchain_core.messages import HumanMessage

WHOLE: dict[str, Any] = {
    "name": "mine",
    "labels": ["sad", "sorry", "glad"],
    "neighbours": {"sad": ["sorry"]},
    "synonyms": {"happy": "glad", "töricht": "sorry"},
    "descriptions": {"sad": "Is unhappy."},
    "groups": {"low": ["sad", "sorry"], "high": ["glad"]},
}


def written(folder: Path, form: object) -> Path:
    path = folder / "mine.json"
    path.write_text(json.dumps(form), encoding="utf-8")
    return path


def test_a_taxonomy_is_read_from_a_file(tmp_path: Path) -> None:
    found = Taxonomy.from_file(written(tmp_path, WHOLE))

    assert (found.name, found.labels) == ("mine", ("sad", "sorry", "glad"))
    assert found.neighbours == {"sad": ("sorry",)}
    assert found.descriptions == WHOLE["descriptions"]
    assert [found.get_group(label) for label in found.labels] == ["low", "low", "high"]


def test_name_and_labels_are_enough(tmp_path: Path) -> None:
    found = Taxonomy.from_file(str(written(tmp_path, {"name": "mine", "labels": ["a", "b"]})))

    assert found == Taxonomy("mine", ("a", "b"))
    assert found.get_group("a") is None


@pytest.mark.parametrize("taxonomy", [EMPATHETIC_DIALOGUES, Taxonomy("tiny", ("a", "b"))])
def test_what_is_written_is_read_again(taxonomy: Taxonomy, tmp_path: Path) -> None:
    taxonomy.to_file(tmp_path / "again.json")

    assert Taxonomy.from_file(tmp_path / "again.json") == taxonomy


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"labels": ["sad"]}, "`labels`"),
        ({"labels": ["sad", "sad", "sorry", "glad"]}, "`labels`"),
        ({"labels": ["sad", "sorry", "glad", " "]}, "blank label in `labels`"),
        ({"labels": "sad, glad"}, "`labels`"),
        ({"labels": ["sad", "sorry", 3]}, "`labels.2`"),
        ({"name": None}, "`name`"),
        ({"neighbours": {"sad": ["bad"]}}, r"`neighbours` .*\['bad'\]"),
        ({"neighbours": {"sad": "sorry"}}, "`neighbours.sad`"),
        ({"synonyms": {"happy": "merry"}}, r"`synonyms` .*\['merry'\]"),
        ({"descriptions": {"bad": "Is bad."}}, r"`descriptions` .*\['bad'\]"),
        ({"groups": {"low": ["sad", "sorry"]}}, r"exactly one of `groups`; look at \['glad'\]"),
        ({"groups": {"low": ["sad", "sorry"], "high": ["glad", "sad"]}}, r"`groups`; look at \['sad'\]"),
        ({"groups": {"low": ["sad", "sorry"], "high": ["glad", "bad"]}}, r"`groups` .*\['bad'\]"),
        ({"emotions": []}, "`emotions`"),
    ],
)
def test_a_mistake_is_told_with_file_and_field(change: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    path = written(tmp_path, {**WHOLE, **change})

    with pytest.raises(SetupError, match=rf"mine\.json is not a taxonomy: .*{complaint}"):
        Taxonomy.from_file(path)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="`labels`: Field required"):
        Taxonomy.from_file(written(tmp_path, {"name": "mine"}))


@pytest.mark.parametrize("text", [b"{", b"", b"\xff\xfe{}", b"[1]", b"null"])
def test_what_is_no_json_object_is_told_with_the_file(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_bytes(text)

    with pytest.raises(HefError, match=r"mine\.json is not (JSON|a taxonomy)"):
        Taxonomy.from_file(tmp_path / "mine.json")


def test_files_that_cannot_be_read_or_written_are_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no taxonomy can be read from .*nothing\.json"):
        Taxonomy.from_file(tmp_path / "nothing.json")
    with pytest.raises(SetupError, match=r"cannot be written to .*mine\.json"):
        EMPATHETIC_DIALOGUES.to_file(tmp_path / "none" / "mine.json")


def test_shipped_labels_are_all_described_and_grouped() -> None:
    taxonomy = EMPATHETIC_DIALOGUES

    assert set(taxonomy.descriptions) == set(taxonomy.labels)
    assert all(0 < len(line) <= 100 and "\n" not in line for line in taxonomy.descriptions.values())
    assert all(taxonomy.get_group(label) for label in taxonomy.labels)
    assert (taxonomy.get_group("furious"), taxonomy.get_group("terrified")) == ("anger", "fear")


def test_own_labels_from_a_file_go_through_a_turn(tmp_path: Path, scripted: Any) -> None:
    mine = Taxonomy.from_file(written(tmp_path, WHOLE))
    hef = create_hef(model=scripted("happy", "How nice!"), sem=LexiconSem({"glad": ["won"]}, mine), taxonomy=mine)

    empathy = hef.compile().invoke({"messages": [HumanMessage("I won!")]})["empathy"]

    assert (empathy.emotion, empathy.degraded) == ("glad", None)
    assert set(empathy.distribution) == set(mine.labels)
