"""The file of keys: what it holds, who may read it, and that a running server sees each change."""

from __future__ import annotations

import stat
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from hef.contract import SetupError
from hef.serving.keys import KeyFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "keys.toml"


def test_a_token_is_random_found_again_and_stored_nowhere(path: Path) -> None:
    key, token = KeyFile(path).add("ana", label="phone")
    other = KeyFile(path).add("ana")[1]
    assert len(token) > 45
    assert token != other
    assert KeyFile(path).find(token) == key
    assert token not in path.read_text()
    assert sha256(token.encode()).hexdigest() in path.read_text()


@pytest.mark.parametrize("wrong", ["", "sk-hef-", " ", "é", "\ud800", "a" * 100_000])
def test_what_is_no_key_opens_nothing(path: Path, wrong: str) -> None:
    file = KeyFile(path)
    key, token = file.add("ana")
    for attempt in (wrong, token[:-1], token + "x", token.upper(), key.digest, key.id, "ana"):
        assert file.find(attempt) is None


def test_every_key_is_compared_so_that_the_time_says_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = KeyFile(path)
    tokens = [file.add(name)[1] for name in ("ana", "ben", "cy")]
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda one, other: compared.append(one) or one == other)
    assert file.find(tokens[0]).person == "ana"  # type: ignore[union-attr]
    assert file.find("wrong") is None
    assert len(compared) == 2 * len(tokens)


def test_the_file_is_readable_by_its_owner_alone(path: Path) -> None:
    file = KeyFile(path)
    file.add("ana")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    assert KeyFile(path).keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["keys.toml", "keys.toml.lock"]


def test_a_running_server_sees_keys_that_are_added_and_revoked(path: Path) -> None:
    server, command = KeyFile(path), KeyFile(path)
    assert server.keys is None
    ana, ben = command.add("ana")[1], command.add("ben")[1]
    assert server.find(ana).person == "ana"  # type: ignore[union-attr]
    command.revoke("ana")
    assert server.find(ana) is None
    assert server.find(ben).person == "ben"  # type: ignore[union-attr]


def test_a_server_that_had_keys_stays_closed_without_them(path: Path) -> None:
    server = KeyFile(path)
    token = server.add("ana")[1]
    server.revoke("ana")
    assert server.keys == ()
    server.add("ana")
    assert server.keys
    path.unlink()
    assert server.keys == ()
    assert server.find(token) is None
    assert KeyFile(path).keys is None


def test_one_key_is_revoked_by_its_id_and_all_of_a_person_by_the_name(path: Path) -> None:
    file = KeyFile(path)
    phone, desk, ben = file.add("ana", label="phone")[0], file.add("ana", label="desk")[0], file.add("ben")[0]
    assert file.revoke(phone.id) == (phone,)
    assert file.revoke("nobody") == ()
    assert file.keys == (desk, ben)
    file.add("ana")
    assert len(file.revoke("ana")) == 2
    assert file.keys == (ben,)


@pytest.mark.parametrize("label", ['"quoted" \\ back', "Café 猫 🙂", "x = 1 # no comment", ""])
def test_labels_and_names_are_read_as_they_were_written(path: Path, label: str) -> None:
    key = KeyFile(path).add(label or "ana", label=label, front_end=True, same_people=True)[0]
    assert KeyFile(path).keys == (key,)


@pytest.mark.parametrize("name", ["", "  ", "webui/ana", "../../etc/passwd", "a\nb", "a\x7f", "a\u202eb", "x" * 201])
def test_what_is_no_name_gets_no_key(path: Path, name: str) -> None:
    with pytest.raises(SetupError, match="name"):
        KeyFile(path).add(name)
    assert not path.exists()


def test_only_a_front_end_says_whose_people_it_has(path: Path) -> None:
    with pytest.raises(SetupError, match="front_end"):
        KeyFile(path).add("ana", same_people=True)


@pytest.mark.parametrize(
    "content",
    [
        "keys = 3",
        "[[keys]]\nperson = 'ana'",
        "[[keys]]\nperson = 'ana'\ncreated = 2026-01-01\nsha256 = 'abc'",
        "[[keys]]\nperson = 'ana'\ncreated = 2026-01-01\nfront_end = 'no'\nsha256 = '" + "a" * 64 + "'",
        "[[keys]]\nperson = 'x/y'\ncreated = 2026-01-01\nsha256 = '" + "a" * 64 + "'",
        "not toml",
        "\0",
    ],
)
def test_a_file_that_holds_something_else_is_refused_in_words_and_left_as_it_is(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(SetupError, match=r"keys\.toml is no file of keys"):
        _ = KeyFile(path).keys
    with pytest.raises(SetupError):
        KeyFile(path).add("ana")
    assert path.read_text() == content


def test_keys_that_are_added_at_once_are_all_kept(path: Path) -> None:
    threads = [threading.Thread(target=KeyFile(path).add, args=(f"person {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(KeyFile(path).keys or ()) == 8


def test_a_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere.toml")
    KeyFile(path).add("ana")
    assert path.is_symlink()
    assert KeyFile(tmp_path / "elsewhere.toml").keys == KeyFile(path).keys
