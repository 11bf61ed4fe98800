"""`hef bench chat-server` against a server in this process: what it counts, and that it notices wrong replies."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import psutil
import pytest
from chat_server import chat_server
from hef.bench.chat_server import ChatLoad, measured_app
from hef.bench.serving_fakes import REPLY, InstantChat
from hef.contract import HefContext
from hef.contract.progress import ignore_progress
from hef.memory import ChromaStore, list_turns
from hef.sem import resolve_sem
from hef.serving.threads.sqlite_turns import SqliteTurns
from talking_chat import TalkingChat


def load_of(chat: Any, seconds: float) -> ChatLoad:
    sem = resolve_sem("lexicon")
    app = measured_app(chat, sem, None, None, HefContext(strategy="sem_only"))
    with chat_server(app) as server:
        load = ChatLoad(f"{server.url}/v1", psutil.Process(), turns=2)
        asyncio.run(load.run(3, seconds, ignore_progress))
    return load


def test_turns_are_counted_and_none_fails() -> None:
    report = load_of(InstantChat(labels=()), 0.2).report(sem="lexicon", memory=False, conversations=3)
    assert report.turns >= 3
    assert (report.errors, report.first_errors) == (0, ())
    assert 0 < report.first_word_ms <= report.p50_ms <= report.p95_ms
    assert report.turns_per_second == pytest.approx(report.turns / report.seconds)
    assert report.rss_start_mb > 10
    assert report.rss_end_mb > 10


def test_a_reply_that_was_not_due_is_an_error() -> None:
    report = load_of(TalkingChat(), 0.1).report(sem="lexicon", memory=False, conversations=3)
    assert report.turns == 0
    assert report.errors >= 3
    assert "another reply" in report.first_errors[0]


@pytest.mark.parametrize("remembers", [False, True])
async def test_of_many_conversations_at_once_each_turn_has_one_reply_and_one_memory(
    tmp_path: Path, remembers: bool
) -> None:
    sem, chat, conversations = resolve_sem("lexicon"), InstantChat(labels=()), 64
    # As `hef serve chat` has it, but for the vectors.
    store = ChromaStore(tmp_path / "memory", wait=60, hold=False) if remembers else None
    context = HefContext(strategy="sem_only", remember=remembers)
    app = measured_app(chat, sem, store, SqliteTurns(tmp_path / "turns.sqlite"), context)
    with chat_server(app) as server:
        load = ChatLoad(f"{server.url}/v1", psutil.Process(), turns=3)
        await asyncio.to_thread(asyncio.run, load.run(conversations, 2.0, ignore_progress))
    report = load.report(sem="lexicon", memory=remembers, conversations=conversations)

    assert (report.errors, report.first_errors) == (0, ())
    count = conversations + report.turns  # the first turns are not measured
    assert report.turns >= conversations
    with sqlite3.connect(tmp_path / "turns.sqlite") as connection:
        states = connection.execute("SELECT active, answered IS NOT NULL, count(*) FROM hef_chat_turns GROUP BY 1, 2")
        assert states.fetchall() == [(1, 1, count)]
        assert connection.execute("SELECT count(*) FROM hef_chat_replies").fetchone() == (count,)
    if store is not None:
        turns = [turn for number in range(conversations) for turn in list_turns(store, f"person {number}")]
        assert len(turns) == count
        assert all(turn.reply.startswith(REPLY) for turn in turns)
        store.close()


@pytest.mark.parametrize(
    ("seconds", "growth_mb", "turns", "has_grown"),
    [
        (75.0, 15.0, 0, False),
        (75.0, 17.0, 0, True),
        (75.0, 50.0, 400, False),
        (75.0, 60.0, 400, True),
        (9.0, 99.0, 0, False),
    ],
)
def test_growth_over_the_second_half_of_a_minute_is_judged_by_its_turns(
    seconds: float, growth_mb: float, turns: int, has_grown: bool
) -> None:
    load = ChatLoad("http://127.0.0.1:1/v1", psutil.Process(), turns=2)
    load.seconds, load.rss = seconds, [0, 300_000_000, 300_000_000 + int(growth_mb * 1_000_000)]
    load.turns_before = [0, 100, 100 + turns]
    report = load.report(sem="lexicon", memory=True, conversations=3)
    assert (report.growth_mb, report.has_grown) == (growth_mb, has_grown)
