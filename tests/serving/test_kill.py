"""Two workers, one PostgreSQL, one Chroma server, one LLM server; a worker is killed in the middle of turns.

`HEF_CONVERSATIONS=200 python -m pytest tests/serving/test_kill.py` holds more conversations at once.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hef.bench.serving_fakes import InstantChat
from hef.graph import create_hef, open_store
from hef.memory import list_turns
from langchain_core.messages import AIMessage, HumanMessage
from llm_server import CODE
from postgres_server import binaries
from serving_site import Site

psycopg = pytest.importorskip("psycopg")
pytest.importorskip("langgraph.checkpoint.postgres")
pytest.importorskip("langchain_openai")
pytestmark = pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server: apt-get install postgresql")

CONVERSATIONS = int(os.environ.get("HEF_CONVERSATIONS", "16"))
TURNS = 5
EACH = 2
"""Conversations of a person; what was said in one may be recalled in the other."""
NODES = {*create_hef(model=InstantChat(labels=())).nodes, "__start__", "trim"}
AT_ONCE = max(2, CONVERSATIONS // 4)
"""Turns of a worker at once: few enough that neither runs out of conversations before the kill."""


def person_of(conversation: int) -> str:
    return f"person{conversation // EACH}"


def code_of(conversation: int, turn: int) -> str:
    return f"code{person_of(conversation)}x{conversation % EACH}x{turn}"


def said_in(conversation: int, turn: int) -> str:
    return f"I lost my {code_of(conversation, turn)} today, and I cannot stop crying about it."


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, list[str]]]:
    """Answer all turns, one worker being killed on the way; give the site and the nodes at which turns were resumed."""
    with ExitStack() as stack:
        site = Site(tmp_path_factory.mktemp("site"), stack, replies=CONVERSATIONS * TURNS // 4, at_once=AT_ONCE)
        doomed, heir = site.worker("doomed"), site.worker("heir")
        site.wait_for(doomed)
        site.wait_for(heir)
        _speak(site)
        assert site.llm.wait_for("doomed", AT_ONCE // 2), "no reply of the worker waits"
        doomed.kill()
        doomed.wait()
        site.llm.opened.set()
        yield site, _follow(site, heir)


@pytest.fixture
def site(played: tuple[Site, list[str]]) -> Site:
    return played[0]


def _speak(site: Site) -> None:
    """Let everybody say everything, and everything twice, as a client does that heard no answer."""
    rows = [
        (f"{conversation}/{turn}", f"t{conversation}", person_of(conversation), said_in(conversation, turn))
        for turn in range(TURNS)
        for conversation in range(CONVERSATIONS)
    ]
    insert = "INSERT INTO hef_turns (id, thread, person, said) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
    with psycopg.connect(site.postgres) as connection:
        connection.cursor().executemany(insert, [row for row in rows for _ in range(2)])


def _follow(site: Site, heir: subprocess.Popen[str]) -> list[str]:
    """Wait until all turns are answered, and return the nodes at which turns were resumed."""
    assert heir.stdout
    resumed: list[str] = []
    for line in heir.stdout:
        told = json.loads(line)
        assert "fault" not in told, line
        resumed += told["resumed"]
        if site.ask("SELECT count(*) FROM hef_turns WHERE reply IS NULL") == [(0,)]:
            return resumed
    raise AssertionError("the worker ended")


def test_turns_that_the_killed_worker_had_begun_were_resumed_where_they_were(played: tuple[Site, list[str]]) -> None:
    _, resumed = played
    # Which nodes is chance: a checkpoint is written beside the next step, and may not have been there yet.
    assert resumed
    assert set(resumed) <= NODES


def test_every_turn_has_one_reply(site: Site) -> None:
    answered = site.ask("SELECT id FROM hef_turns WHERE reply IS NOT NULL AND fault IS NULL")
    assert sorted(answered) == sorted((f"{c}/{t}",) for c in range(CONVERSATIONS) for t in range(TURNS))
    from langgraph.checkpoint.postgres import PostgresSaver

    with PostgresSaver.from_conn_string(site.postgres) as saver:
        hef = create_hef(model=InstantChat(labels=())).compile(checkpointer=saver)
        for conversation in range(CONVERSATIONS):
            state = hef.get_state({"configurable": {"thread_id": f"t{conversation}"}})
            messages = state.values["messages"]
            assert state.next == ()
            assert [type(one) for one in messages] == [HumanMessage, AIMessage] * TURNS
            assert [one.id for one in messages[::2]] == [f"{conversation}/{turn}" for turn in range(TURNS)]
            assert [one.text for one in messages[::2]] == [said_in(conversation, turn) for turn in range(TURNS)]
            replies = dict(site.ask(f"SELECT id, reply FROM hef_turns WHERE thread = 't{conversation}'"))
            assert [replies[one.id] for one in messages[::2]] == [one.text for one in messages[1::2]]


def test_memory_holds_every_turn_exactly_once(site: Site) -> None:
    with open_store(url=site.chroma) as store:
        for conversation in range(CONVERSATIONS):
            turns = list_turns(store, person_of(conversation))
            held = sorted((turn.turn, turn.text, turn.reply) for turn in turns if turn.thread == f"t{conversation}")
            replies = site.ask(f"SELECT said, reply FROM hef_turns WHERE thread = 't{conversation}' ORDER BY number")
            assert held == [(place + 1, *said) for place, said in enumerate(replies)]
        assert len(store.search(("hef",), limit=10_000)) == CONVERSATIONS * TURNS


def test_nothing_crosses_from_one_person_to_another(site: Site) -> None:
    recalled = 0
    for name, person, reply in site.ask("SELECT id, person, reply FROM hef_turns"):
        conversation, turn = map(int, name.split("/"))
        codes = set(CODE.findall(reply))
        theirs = {code_of(c, t) for c in range(CONVERSATIONS) if person_of(c) == person for t in range(TURNS)}
        before = {code_of(conversation, t) for t in range(turn + 1)}
        assert before <= codes <= theirs
        recalled += len(codes - before)
    assert recalled, "no reply rests on the memory of another conversation"
