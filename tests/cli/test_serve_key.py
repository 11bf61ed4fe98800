"""`hef serve key`: a key is shown once, listed without what it opens, and revoked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hef.cli.app import app
from hef.serving.keys import KeyFile
from typer.testing import CliRunner


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEF_HOME", str(tmp_path))
    monkeypatch.delenv("HEF_KEYS", raising=False)
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["serve", "key", *arguments])


def test_stdout_is_the_key_alone_and_the_file_knows_it(home: Path) -> None:
    done = run("add", "ana", "--label", "phone")
    assert done.exit_code == 0
    key = KeyFile(home / "keys.toml").find(done.stdout.strip())
    assert key is not None
    assert (key.person, key.label, key.front_end) == ("ana", "phone", False)
    assert "shown this once" in done.stderr


def test_a_front_ends_key_says_so() -> None:
    made = json.loads(run("add", "webui", "--front-end", "--same-people", "--json").stdout)
    assert made["front_end"] is made["same_people"] is True
    assert made["key"] not in run("list", "--json").stdout
    assert run("add", "ana", "--same-people").exit_code == 2


def test_keys_are_listed_and_revoked_by_id_or_name() -> None:
    assert "makes one" in run("list").stdout
    for label in ("phone", "desk"):
        run("add", "ana", "--label", label)
    run("add", "ben")
    rows = json.loads(run("list", "--json").stdout)
    assert [row["name"] for row in rows] == ["ana", "ana", "ben"]
    assert rows[0]["id"] in run("list").stdout
    assert f"revoked {rows[1]['id']} of ana (desk)" in run("revoke", rows[1]["id"]).stdout
    assert [row["id"] for row in json.loads(run("revoke", "ana", "--json").stdout)] == [rows[0]["id"]]
    again = run("revoke", "ana")
    assert again.exit_code == 1
    assert "no key 'ana'" in again.output
    assert [row["name"] for row in json.loads(run("list", "--json").stdout)] == ["ben"]
    run("revoke", "ben")
    assert "lets nobody in" in " ".join(run("list").stdout.split())


@pytest.mark.parametrize("name", ["../ana", "", "a\nb"])
def test_what_is_no_name_is_said_in_a_sentence(name: str, home: Path) -> None:
    done = run("add", name)
    assert done.exit_code == 2
    assert "name" in done.output
    assert not (home / "keys.toml").exists()


def test_another_file_may_be_named_and_a_damaged_one_is_left(tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "door.toml"
    assert run("add", "ana", "--keys", str(other)).exit_code == 0
    assert KeyFile(other).keys
    other.write_text("damaged")
    for arguments in (("add", "ben"), ("list",), ("revoke", "ana")):
        done = run(*arguments, "--keys", str(other))
        assert done.exit_code == 2
        assert "no file of keys" in " ".join(done.output.split())
    assert other.read_text() == "damaged"


def test_a_name_cannot_steer_the_terminal(home: Path) -> None:
    KeyFile(home / "keys.toml").add("ana", label="[bold]x[/]")
    assert "[bold]x[/]" in run("list").stdout
