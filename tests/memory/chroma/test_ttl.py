from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hef.memory import ChromaStore
from langgraph.store.base import GetOp, PutOp, SearchOp
from store_contract import INDEX, keys


@pytest.fixture
def pass_minutes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what moves the clock of the memory on."""
    clock = [1_000_000.0]
    for module in ("ttl", "client.row_access", "ops"):
        monkeypatch.setattr(f"hef.memory.chroma.{module}.now", lambda: clock[0])

    def pass_minutes(minutes: float) -> None:
        clock[0] += minutes * 60

    return pass_minutes


@pytest.fixture
def store() -> Iterator[ChromaStore]:
    with ChromaStore.ephemeral(index=INDEX) as store:
        yield store


def test_an_item_expires_after_its_minutes(store: ChromaStore, pass_minutes: Callable[[float], None]) -> None:
    store.put(("a",), "k", {"text": "x"}, ttl=10)
    pass_minutes(9.9)
    assert store.get(("a",), "k", refresh_ttl=False) is not None
    pass_minutes(0.2)
    assert store.get(("a",), "k") is None
    assert store.sweep_ttl() == 1


@pytest.mark.parametrize("refreshed", [True, False])
def test_a_read_lets_the_time_begin_again_if_asked(
    store: ChromaStore, pass_minutes: Callable[[float], None], refreshed: bool
) -> None:
    store.put(("a",), "got", {"text": "one"}, ttl=10)
    store.put(("a",), "found", {"text": "two"}, ttl=10)
    store.put(("a",), "left alone", {"text": "three"}, ttl=10)
    pass_minutes(6)
    store.get(("a",), "got", refresh_ttl=refreshed)
    store.search(("a",), query="two", limit=1, refresh_ttl=refreshed)
    pass_minutes(6)
    assert sorted(keys(store.search(("a",)))) == (["found", "got"] if refreshed else [])
    assert store.sweep_ttl() == (1 if refreshed else 3)


def test_what_ops_and_configuration_say_about_refreshing(pass_minutes: Callable[[float], None]) -> None:
    with ChromaStore.ephemeral(ttl={"default_ttl": 10, "refresh_on_read": False}) as store:
        store.put(("a",), "k", {"n": 1})
        store.put(("a",), "asked", {"n": 1})
        pass_minutes(6)
        store.get(("a",), "k")
        store.search(("a",))
        store.batch([GetOp(("a",), "asked", refresh_ttl=True), SearchOp(("a",), refresh_ttl=False)])
        pass_minutes(6)
        assert keys(store.search(("a",))) == ["asked"]


async def test_refreshing_and_sweeping_from_tasks(store: ChromaStore, pass_minutes: Callable[[float], None]) -> None:
    await store.aput(("a",), "k", {"text": "x"}, ttl=10)
    await store.aput(("a",), "other", {"text": "x"}, ttl=10)
    pass_minutes(6)
    assert await store.aget(("a",), "k") is not None
    pass_minutes(6)
    assert keys(await store.asearch(("a",), query="x")) == ["k"]
    assert store.sweep_ttl() == 1


def test_an_expired_item_is_made_anew(store: ChromaStore, pass_minutes: Callable[[float], None]) -> None:
    store.put(("a",), "k", {"text": "x"}, ttl=10)
    first = store.get(("a",), "k", refresh_ttl=False)
    store.put(("a",), "k", {"text": "y"}, ttl=10)
    second = store.get(("a",), "k", refresh_ttl=False)
    pass_minutes(11)
    store.put(("a",), "k", {"text": "z"}, ttl=10)
    third = store.get(("a",), "k")
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.created_at == second.created_at < third.created_at


def test_a_page_does_not_count_what_has_expired(store: ChromaStore, pass_minutes: Callable[[float], None]) -> None:
    store.batch([PutOp(("p",), f"{n:02}", {"text": f"dog {n}"}, ttl=10 if n % 2 else None) for n in range(20)])
    pass_minutes(11)
    for query in (None, "dog"):
        pages = [keys(store.search(("p",), query=query, limit=4, offset=offset)) for offset in range(0, 12, 4)]
        assert [len(page) for page in pages] == [4, 4, 2]
        assert sorted(key for page in pages for key in page) == [f"{n:02}" for n in range(0, 20, 2)]


def test_expiry_outlives_the_process(tmp_path: Path, pass_minutes: Callable[[float], None]) -> None:
    with ChromaStore.from_path(tmp_path) as store:
        store.put(("a",), "k", {"n": 1}, ttl=10)
        store.put(("a",), "for ever", {"n": 1})
    pass_minutes(11)
    with ChromaStore.from_path(tmp_path) as store:
        assert keys(store.search(())) == ["for ever"]
        assert store.sweep_ttl() == 1


def test_a_sweep_spares_what_lives_again(store: ChromaStore, pass_minutes: Callable[[float], None]) -> None:
    store.put(("a",), "k", {"text": "x"}, ttl=10)
    pass_minutes(11)
    store.put(("a",), "k", {"text": "y"})
    assert store.sweep_ttl() == 0
    assert store.get(("a",), "k") is not None


def test_the_sweeper_sweeps_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    swept = threading.Event()
    with ChromaStore.ephemeral(ttl={"default_ttl": -1, "sweep_interval_minutes": 5}) as store:
        store.put(("a",), "k", {"n": 1})
        real = store._sweeper._sweep
        counts: list[int] = []
        monkeypatch.setattr(store._sweeper, "_sweep", lambda: (counts.append(real()), swept.set()))
        done = store.start_ttl_sweeper(sweep_interval_minutes=1e-4)
        assert swept.wait(30)
        assert store.stop_ttl_sweeper(30)
        assert store.stop_ttl_sweeper()
        assert counts[0] == 1
        assert done.result(30) is None


def test_the_sweeper_goes_on_after_a_failure_and_is_stopped_by_cancelling_or_closing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[int] = []
    again = threading.Event()

    def fail() -> int:
        tries.append(1)
        if len(tries) > 1:
            again.set()
        raise OSError("disk on fire")

    store = ChromaStore.ephemeral()
    monkeypatch.setattr(store._sweeper, "_sweep", fail)
    done = store.start_ttl_sweeper(sweep_interval_minutes=1e-4)
    assert again.wait(30)
    assert done.cancel()
    assert store.stop_ttl_sweeper(30)
    store.start_ttl_sweeper(sweep_interval_minutes=60)
    store.close()
    assert store.stop_ttl_sweeper(0)


@pytest.mark.parametrize("ttl", [float("nan"), float("inf"), "5", True])
def test_a_time_to_live_that_is_none_is_refused(store: ChromaStore, ttl: float) -> None:
    with pytest.raises(ValueError, match="time to live"):
        store.put(("a",), "k", {"text": "x"}, ttl=ttl)
