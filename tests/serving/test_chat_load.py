"""`hef bench chat-server` against a server in this process: what it counts, and that it notices wrong replies."""

from __future__ import annotations

import asyncio
from typing import Any

import psutil
import pytest
from chat_server import chat_server
from hef.bench.chat_server import ChatLoad
from hef.bench.serving_fakes import InstantChat
from hef.contract import HefContext
from hef.contract.progress import ignore_progress
from hef.graph import create_hef
from hef.sem import resolve_sem
from hef.serving.chat_app import create_app
from hef.serving.server_settings import ServerSettings
from talking_chat import TalkingChat


def load_of(chat: Any, seconds: float) -> ChatLoad:
    sem = resolve_sem("lexicon")
    settings = ServerSettings(context=HefContext(strategy="sem_only"))
    app = create_app(create_hef(model=chat, sem=sem).compile(), model=chat, sem=sem, settings=settings)
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
