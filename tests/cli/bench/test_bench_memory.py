"""`hef bench memory`: what is compared with what, and whether many at once are served; never how long it took."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chroma_server import chroma_server
from hef.bench.concurrent_users import measure_concurrent_users
from hef.bench.memory_speed import LIMIT, WARM, RawChroma
from hef.bench.synthetic_dialogues import RandomVectors, synthetic_turn
from hef.cli.app import app
from hef.memory import ChromaStore, arecall_turns
from hef.memory.turn_recall import OVERFETCH
from hef.memory.turns import stored_value
from typer.testing import CliRunner


def bench(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["bench", "memory", *map(str, arguments)])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chroma_server(tmp_path_factory.mktemp("server")) as url:
        yield url


def test_made_up_turns_differ_and_have_two_or_three_vectors() -> None:
    turns = [stored_value(*synthetic_turn(number, 30)) for number in range(3000)]
    assert len({turn["text"] for turn in turns}) == len({turn["id"] for turn in turns}) == 3000
    assert {turn["user_id"] for turn in turns} == {f"user {number}" for number in range(30)}
    assert {len(turn["clauses"]) for turn in turns if turn["user_id"] == "user 7"} == {0, 2}
    assert 2.3 < sum(1 + len(turn["clauses"]) for turn in turns) / 3000 < 2.4


def test_a_vector_that_was_made_ready_is_looked_up_and_the_same() -> None:
    vectors = RandomVectors(4)
    fresh = vectors.embed_query("one")
    vectors.prepare(["one"])
    vectors._made = lambda text: pytest.fail(f"{text} was made anew")  # type: ignore[method-assign, assignment]
    assert vectors.embed_documents(["one"]) == [fresh] == [vectors.embed_query("one")]
    assert sum(number * number for number in fresh) == pytest.approx(1)


def test_raw_chroma_gives_a_users_own_rows_with_the_whole_turn(tmp_path: Path) -> None:
    turns = [stored_value(*synthetic_turn(number, 2)) for number in range(6)]
    with RawChroma(tmp_path, RandomVectors(8)) as raw:
        raw.upsert(turns)
        found = [json.loads(document) for document in raw.query("user 1", turns[3]["text"], 5)]
    assert found[0] == turns[3]
    assert {turn["user_id"] for turn in found} == {"user 1"}
    assert len(found) == 3


def test_raw_rows_by_clause_are_as_many_as_vectors(tmp_path: Path) -> None:
    turns = [stored_value(*synthetic_turn(number, 2)) for number in range(6)]
    with RawChroma(tmp_path / "rows", RandomVectors(8), by_clause=True) as raw:
        raw.upsert(turns)
        assert raw._rows.count() == sum(1 + len(turn["clauses"]) for turn in turns) > 6
        assert sorted(filter(None, raw._rows.get()["documents"])) == sorted(map(json.dumps, turns))


def test_all_grow_by_the_same_turns_and_a_raw_query_asks_for_as_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, list[int]] = {"raw": [], "rows": []}
    query, upsert, search = RawChroma.query, RawChroma.upsert, ChromaStore.search

    def counted_query(raw: RawChroma, user: str, text: str, count: int) -> list[str]:
        asked["raw"].append(count)
        return query(raw, user, text, count)

    def counted_upsert(raw: RawChroma, turns: Any) -> None:
        asked["rows"].append(len(turns))
        upsert(raw, turns)

    def counted_search(store: ChromaStore, *arguments: Any, **named: Any) -> Any:
        asked.setdefault("hef", []).append(named["limit"])
        return search(store, *arguments, **named)

    monkeypatch.setattr(RawChroma, "query", counted_query)
    monkeypatch.setattr(RawChroma, "upsert", counted_upsert)
    monkeypatch.setattr(ChromaStore, "search", counted_search)
    arguments = ["--sizes", "20,60", "--users", 4, "--repeats", 6, "--folder", tmp_path, "--plots", tmp_path / "plots"]
    done = bench(*arguments, "--json")

    assert done.exit_code == 0, done.stderr
    held = json.loads(done.stdout)
    assert [(one["turns"], one["users"], one["imported"]) for one in held["results"]] == [(20, 4, 20), (60, 4, 24)]
    assert asked["raw"] == asked["hef"] == [LIMIT + OVERFETCH] * 2 * (6 + WARM)
    assert sum(asked["rows"]) == 2 * (60 + 6 + WARM)
    assert all(held["results"][0][name]["ratio"]["value"] > 0 for name in ("recall", "write", "write_rows"))
    assert [path.name for path in tmp_path.iterdir()] == ["plots"]
    assert (tmp_path / "plots" / "memory.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("sizes", ["100,many", "2000,1000", "1000,1050", "0", ""])
def test_sizes_that_do_not_grow_are_refused(sizes: str) -> None:
    done = bench("--sizes", sizes)
    assert done.exit_code == 2
    assert "--sizes" in done.stderr


def test_a_hundred_people_at_once_meet_no_error_and_only_their_own_turns(server: str) -> None:
    found = measure_concurrent_users(server, 100, 16)
    assert found.errors == ()
    assert (found.users, found.calls) == (100, 600)


def test_turns_of_others_are_told_by_concurrent_users(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stray(store: ChromaStore, user: str, query: str, limit: int) -> Any:
        return await arecall_turns(store, "user 0" if user == "user 1" else user, query, limit)

    monkeypatch.setattr("hef.bench.concurrent_users.arecall_turns", stray)
    assert measure_concurrent_users(server, 3, 16).errors == ("user 1 got back other turns",)


def test_concurrent_users_leaves_nothing_on_the_server(server: str) -> None:
    import chromadb
    from chromadb.config import Settings

    host, _, port = server.removeprefix("http://").partition(":")
    client = chromadb.HttpClient(host, int(port), settings=Settings(anonymized_telemetry=False))
    before = {found.name for found in client.list_collections()}
    measure_concurrent_users(server, 2, 16)
    assert {found.name for found in client.list_collections()} == before == set()


def test_the_table_and_concurrent_users_of_a_server_are_shown(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.setattr("hef.cli.bench.bench_memory._CONCURRENT_USERS", 4)
    out = tmp_path / "out.json"
    done = bench("--sizes", 20, "--users", 4, "--repeats", 6, "--server", server, "--out", out)
    assert done.exit_code == 0, done.stderr
    for shown in ("raw Chroma", "recalling", "writing a turn", "of one vector", "4 people at once"):
        assert shown in done.stdout
    held = json.loads(out.read_text(encoding="utf-8"))
    assert held["concurrent_users"][0]["errors"] == []
    assert (held["task"], held["concurrent_users"][0]["calls"]) == ("memory speed", 24)
