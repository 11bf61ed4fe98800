"""`hef memory`: what is stored of a person, taking it along, and its deletion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hef.cli.app import app
from hef.cli.chat.chat_threads import belongs_to, thread_id
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver
from typer.testing import CliRunner

TOLD = [
    ("ana", "monday", "2026-11-02T10:00", "My dog Bello died last night."),
    ("ana", "monday", "2026-11-02T10:05", "I cannot sleep since then."),
    ("ana", "friday", "2026-11-06T23:30", "I passed my driving test!"),
    ("ben", "monday", "2026-11-02T10:00", "My dog Rex ran away."),
]


def exported(number: int, user: str, thread: str, when: str, text: str) -> dict[str, Any]:
    id = f"{number}{'0123456789abcdef' * 4}"[:64]
    turn = {
        "id": id,
        "text": text,
        "reply": f"I hear you, {user}.",
        "emotion": "sad",
        "causes": ["dog"],
        "time": datetime.fromisoformat(when).timestamp(),
        "thread": thread_id(user, thread),
        "user_id": user,
    }
    return {"user": user, "id": id, "turn": turn}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HEF_USER", "HEF_CHROMA_URL", "HEF_HOME"):
        monkeypatch.delenv(name, raising=False)
    lines = [json.dumps(exported(number, *told)) for number, told in enumerate(TOLD)]
    (tmp_path / "all.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "home"


@pytest.fixture
def run(home: Path) -> Callable[..., Result]:
    def run(command: str, *options: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, ["memory", command, *options, "--home", str(home)], input=stdin)

    return run


@pytest.fixture
def filled(run: Callable[..., Result], home: Path) -> Callable[..., Result]:
    done = run("import", str(home.parent / "all.jsonl"), "--json")
    assert json.loads(done.stdout) == {"added": 4, "replaced": 0, "unchanged": 0, "broken": 0}, done.stderr
    return run


def texts(done: Result) -> list[str]:
    assert done.exit_code == 0, done.stderr
    return [line["turn"]["text"] for line in json.loads(done.stdout)]


def keep_conversation(home: Path, person: str, thread: str, said: str) -> None:
    with SqliteSaver.from_conn_string(str(home / "conversations.sqlite")) as saver:
        checkpoint = {**empty_checkpoint(), "channel_values": {"said": said}}
        where: Any = {"configurable": {"thread_id": thread_id(person, thread), "checkpoint_ns": ""}}
        saver.put(where, checkpoint, {}, {})  # type: ignore[arg-type]


def kept_conversations(home: Path) -> list[str]:
    with SqliteSaver.from_conn_string(str(home / "conversations.sqlite")) as saver:
        return sorted(str(one.config["configurable"]["thread_id"]) for one in saver.list(None))


def holding(folder: Path, text: str) -> list[str]:
    return [file.name for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def test_list_shows_the_newest_first_and_no_one_elses(filled):
    assert texts(filled("list", "--user", "ana", "--json")) == [TOLD[2][3], TOLD[1][3], TOLD[0][3]]
    assert texts(filled("list", "--user", "ana", "--json", "--limit", "1")) == [TOLD[2][3]]
    assert texts(filled("list", "--json")) == []
    shown = filled("list", "--user", "ana", "--limit", "2").stdout
    for word in ("driving test", "I hear you, ana.", "friday", "monday", "2026-11-06 23:30", "sad", "2 turns of 3"):
        assert word in shown
    assert "Rex" not in shown
    assert "ana/" not in shown


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--thread", "monday"), [1, 0]),
        (("--thread", "ana/monday"), [1, 0]),
        (("--thread", "none"), []),
        (("--since", "2026-11-06"), [2]),
        (("--until", "2026-11-05"), [1, 0]),
        (("--until", "2026-11-06"), [2, 1, 0]),
        (("--until", "2026-11-02T10:05"), [0]),
        (("--since", "2026-11-02T10:05", "--until", "2026-11-02", "--thread", "monday"), [1]),
    ],
)
def test_a_conversation_or_a_time_range_is_selected(filled, options: tuple[str, ...], found: list[int]):
    assert texts(filled("list", "--user", "ana", "--json", *options)) == [TOLD[number][3] for number in found]


def test_a_turn_is_pinned_or_hidden_and_both_are_undone(filled):
    assert filled("pin", "1", "--user", "ana").stdout == "10123456 is always recalled.\n"
    assert "(pinned) I cannot" in filled("list", "--user", "ana").stdout
    done = filled("hide", "1", "--user", "ana", "--json")
    id = exported(1, *TOLD[1])["id"]
    assert json.loads(done.stdout) == {"user": "ana", "id": id, "pinned": False, "never_recall": True}
    assert "(never recalled) I" in filled("list", "--user", "ana").stdout
    assert (
        filled("hide", "1", "--undo", "--user", "ana").stdout
        == "10123456 is recalled again where it bears on what is said.\n"
    )
    done = filled("pin", "3", "--user", "ana")
    assert (done.exit_code, "ID '3' begins the id of no turn of ana" in done.stderr) == (2, True)


def test_search_ranks_by_meaning_within_what_is_selected(filled):
    found = json.loads(filled("search", "my pet is dead", "--user", "ana", "--json").stdout)
    assert found[0]["turn"]["text"] == TOLD[0][3]
    assert found[0]["score"] > found[1]["score"]
    assert len(found) == 3
    assert texts(filled("search", "my pet is dead", "--user", "ana", "--json", "--thread", "friday")) == [TOLD[2][3]]
    assert texts(filled("search", "my pet is dead", "--user", "ben", "--json", "--limit", "1")) == [TOLD[3][3]]
    assert "score" in filled("search", "my pet is dead", "--user", "ana").stdout


def test_export_and_import_bring_an_equal_memory_elsewhere(filled, home: Path, tmp_path: Path):
    file, elsewhere = tmp_path / "ana.jsonl", tmp_path / "elsewhere"
    done = filled("export", str(file), "--user", "ana", "--json")
    assert json.loads(done.stdout) == {"file": str(file), "turns": 3}
    assert file.stat().st_mode & 0o077 == 0
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["turn"]["text"] for line in lines] == [told[3] for told in TOLD[:3]]
    assert filled("export", "--user", "ana").stdout.splitlines() == lines

    def there(*command: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, ["memory", *command, "--home", str(elsewhere)], input=stdin)

    assert there("import", str(file)).stdout == "3 added\n"
    assert there("import", "-", stdin="\n".join(lines)).stdout == "3 unchanged\n"
    moved = [json.loads(line) for line in there("export", "--user", "ana").stdout.splitlines()]
    assert [(one["user"], one["id"], one["turn"]) for one in moved] == [
        (one["user"], one["id"], one["turn"]) for one in map(json.loads, lines)
    ]
    query = ("search", "I slept badly", "--user", "ana", "--json")
    assert texts(there(*query)) == texts(filled(*query))


def test_export_of_everyone_and_of_a_selection(filled):
    everyone = [json.loads(line)["user"] for line in filled("export", "--everyone").stdout.splitlines()]
    assert sorted(everyone) == ["ana", "ana", "ana", "ben"]
    (one,) = filled("export", "--user", "ana", "--id", "2").stdout.splitlines()
    assert json.loads(one)["turn"]["text"] == TOLD[2][3]


def test_an_export_that_fails_leaves_the_file_as_it_was(filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> Any:
        yield "{}"
        raise OSError(28, "No space left on device")

    file = tmp_path / "kept.jsonl"
    file.write_text("before", encoding="utf-8")
    monkeypatch.setattr("hef.memory.export_turns", broken)
    assert filled("export", str(file), "--user", "ana").exit_code == 1
    assert file.read_text(encoding="utf-8") == "before"
    assert sorted(one.name for one in tmp_path.glob("kept*")) == ["kept.jsonl"]


def test_import_names_a_broken_line_and_stores_the_rest(run, home: Path):
    good = json.dumps(exported(0, *TOLD[0]))
    done = run("import", "-", stdin=f'{good}\n{{"user": "ana"\n{good.replace("ana", "eve")}\n')
    assert done.exit_code == 1
    assert done.stdout == "2 added, 1 broken\n"
    assert "line 2 is not JSON" in done.stderr
    assert texts(run("list", "--user", "eve", "--json")) == [TOLD[0][3]]


def test_import_for_another_user(run, home: Path):
    assert run("import", str(home.parent / "all.jsonl"), "--user", "carl").exit_code == 0
    assert len(texts(run("list", "--user", "carl", "--json"))) == 4
    assert texts(run("list", "--user", "ana", "--json")) == []


def test_nothing_is_made_by_looking(run, home: Path):
    assert "Nothing is stored" in run("list").stdout
    assert run("export").stdout == ""
    assert texts(run("search", "dog", "--json")) == []
    assert json.loads(run("forget", "--yes", "--json").stdout)["turns"] == 0
    assert not home.exists()


def test_forgetting_a_user_leaves_nothing_of_memory_and_conversations(filled, home: Path):
    keep_conversation(home, "ana", "monday", "Bello and what was never remembered")
    keep_conversation(home, "ben", "monday", "Rex")
    assert {"chroma.sqlite3", "conversations.sqlite"} <= set(holding(home, "Bello"))
    done = filled("forget", "--user", "ana", "--yes", "--json")
    counts = {"turns": 3, "conversations": 1, "shortened": 0}
    assert json.loads(done.stdout) == {"user": "ana", **counts, "repeated": [], "left": []}
    for word in ("Bello", "driving test", "ana/monday", "never remembered"):
        assert holding(home, word) == []
    assert kept_conversations(home) == ["ben/monday"]
    assert texts(filled("list", "--user", "ana", "--json")) == []
    assert texts(filled("search", "my dog", "--user", "ben", "--json")) == [TOLD[3][3]]


def test_forgetting_one_turn_deletes_the_conversation_in_which_it_cannot_be_told_from_the_others(filled, home: Path):
    for thread in ("monday", "friday"):
        keep_conversation(home, "ana", thread, "something")
    done = filled("forget", "--user", "ana", "--id", "0", "--yes")
    assert done.stdout == "Forgot 1 turn and 1 conversation of ana.\n"
    assert kept_conversations(home) == ["ana/friday"]
    assert holding(home, "Bello") == []
    assert texts(filled("list", "--user", "ana", "--json")) == [TOLD[2][3], TOLD[1][3]]


def test_forgetting_a_thread_never_touches_another_persons(filled, home: Path):
    keep_conversation(home, "ben", "monday", "something")
    done = filled("forget", "--user", "ana", "--thread", "ben/monday", "--yes", "--json")
    assert (json.loads(done.stdout)["turns"], json.loads(done.stdout)["conversations"]) == (0, 0)
    assert kept_conversations(home) == ["ben/monday"]
    assert texts(filled("list", "--user", "ben", "--json")) == [TOLD[3][3]]


@given(one=st.text(), other=st.text(), thread=st.text(), another=st.text())
def test_no_two_persons_share_a_conversation(one: str, other: str, thread: str, another: str):
    if one != other:
        assert thread_id(one, thread) != thread_id(other, another)
        assert not belongs_to(other, thread_id(one, thread))
    assert belongs_to(one, thread_id(one, thread))


def test_forget_without_yes_is_refused_where_nobody_can_be_asked(filled):
    done = filled("forget", "--user", "ana")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--yes" in done.stderr
    assert len(texts(filled("list", "--user", "ana", "--json"))) == 3


@pytest.mark.parametrize(("answer", "left"), [("n\n", 3), ("\n", 3), ("y\n", 0)])
def test_forget_asks_on_a_terminal(filled, monkeypatch: pytest.MonkeyPatch, answer: str, left: int):
    monkeypatch.setattr("hef.cli.memory.forget._is_interactive", lambda: True)
    done = filled("forget", "--user", "ana", stdin=answer)
    assert "Forget everything, 3 turns of ana, for good?" in done.stdout
    assert "Bello" in done.stdout
    assert done.exit_code == (0 if left == 0 else 1)
    assert len(texts(filled("list", "--user", "ana", "--json"))) == left


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("list", "--since", "yesterday"), "--since is 'yesterday'"),
        (("list", "--since", "2026-11-03", "--until", "2026-11-02"), "is not before"),
        (("list", "--limit", "0"), "--limit"),
        (("search", "  "), "blank"),
        (("forget", "--id", "x", "--yes"), "--id 'x' begins the id of no turn of me"),
        (("forget", "--id", "", "--yes"), "no turn"),
        (("export", "--everyone", "--user", "ana"), "--everyone"),
        (("export", "--json"), "--json"),
        (("import", "no-such-file"), "no-such-file"),
    ],
)
def test_wrong_usage_says_what_to_do(run, command: tuple[str, ...], said: str):
    done = run(*command)
    assert done.exit_code in (1, 2)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_was_said_cannot_steer_the_terminal(run, home: Path):
    odd = json.dumps(exported(1, "ana", "t", "2026-11-02", "\x1b[2Jhello \u202eolleh \ud800"))
    assert run("import", "-", stdin=odd).exit_code == 0
    done = run("list", "--user", "ana")
    assert done.exit_code == 0, done.stderr
    assert "�[2Jhello" in done.stdout
    assert "\u202e" not in done.stdout
    assert texts(run("list", "--user", "ana", "--json")) == ["\x1b[2Jhello \u202eolleh \ud800"]


def test_compact_rewrites_the_files_of_a_stopped_server(filled, home: Path, monkeypatch: pytest.MonkeyPatch):
    from hef.memory import ChromaStore, forget_turns

    with ChromaStore(home / "memory") as store:
        forget_turns(store, "ana")
    assert "chroma.sqlite3" in holding(home, "Bello")
    monkeypatch.setenv("HEF_CHROMA_URL", "http://localhost:8000")
    assert "stop that server" in filled("compact").stderr
    monkeypatch.delenv("HEF_CHROMA_URL")
    told = json.loads(filled("compact", "--json").stdout)
    assert told["bytes"] < told["bytes_before"]
    assert holding(home, "Bello") == []


def test_list_loads_no_model(filled, home: Path):
    code = (
        "import sys; from hef.cli.app import app\n"
        f"try: app(['memory', 'list', '--user', 'ana', '--json', '--home', {str(home)!r}])\nexcept SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert len(json.loads(done.stdout)) == 3
    assert set(done.stderr.split()).isdisjoint({"torch", "transformers", "onnxruntime"})


def test_vectors_of_another_sem_are_told_of_and_computed_anew(
    run: Callable[..., Result], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hef.memory import ChromaStore

    imported = run("import", str(home.parent / "all.jsonl"))
    assert imported.exit_code == 0
    assert "reembed" not in run("search", "dog", "--user", "ana").stderr
    with monkeypatch.context() as changed:
        changed.setattr("hef.sem.runtime.onnx_sem.OnnxSem.embed", _by_letters)
        assert "hef memory reembed" in run("search", "dog", "--user", "ana").stderr

        assert run("reembed").stdout == "4 turns embedded anew\n"
        assert "reembed" not in run("search", "dog", "--user", "ana").stderr
    assert "hef memory reembed" in run("search", "dog", "--user", "ana", "--json").stderr
    assert json.loads(run("reembed", "--json").stdout) == {"reembedded": 4}
    with ChromaStore(home / "memory") as store:
        assert len(store.search(("hef", "turns"))) == 4


def test_there_is_nothing_to_embed_where_nothing_is_stored(run: Callable[..., Result], home: Path) -> None:
    assert run("reembed").stdout == "0 turns embedded anew\n"
    assert not home.exists()


def _by_letters(_: object, texts: list[str]) -> list[list[float]]:
    return [[float(text.count(chr(97 + place % 26)) + place / 384) for place in range(384)] for text in texts]
