from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from documents import ROOT
from hef.graph import Empathy, create_hef
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.store.memory import InMemoryStore

STRICT = """
import sys, logging
logging.basicConfig(level=logging.WARNING, stream=sys.stdout)
from langchain.agents import create_agent
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from hef.graph import HefContext, HefMiddleware, create_hef
config = {"configurable": {"thread_id": "t"}}
with SqliteSaver.from_conn_string(sys.argv[1]) as saver:
    model = FakeListChatModel(responses=["none, proud", "sad", "I am sorry."])
    hef = create_hef(model=model).compile(checkpointer=saver)
    hef.invoke({"messages": [HumanMessage("My dog died.")]}, config)
with SqliteSaver.from_conn_string(sys.argv[1]) as saver:
    hef = create_hef(model=FakeListChatModel(responses=["x"])).compile(checkpointer=saver)
    values = hef.get_state(config).values
    assert type(values["empathy"]).__name__ == "Empathy", type(values["empathy"])
    assert [type(r).__name__ for r in values["readings"]] == ["Reading", "Reading"], values["readings"]
    assert type(values["verdict"]).__name__ == "Verdict"
    assert values["empathy"].causes[0].text
config = {"configurable": {"thread_id": "agent"}}
def agent(saver):
    middleware = HefMiddleware(settings=HefContext(strategy="sem_only"))
    return create_agent(FakeListChatModel(responses=["Oh."]), [], middleware=[middleware], checkpointer=saver)
with SqliteSaver.from_conn_string(sys.argv[1]) as saver:
    agent(saver).invoke({"messages": [("user", "My dog died.")]}, config)
with SqliteSaver.from_conn_string(sys.argv[1]) as saver:
    values = agent(saver).get_state(config).values
    assert values["empathy"].causes[0].text, values
    assert values["hef_read"].note, values
"""
"""A process in which the state of a graph and that of an agent come back from a file."""


@pytest.mark.parametrize("strict", ["true", "false"])
def test_the_states_of_a_graph_and_of_an_agent_come_back_whole_without_a_warning(strict: str, tmp_path: Path) -> None:
    script = tmp_path / "strict.py"
    script.write_text(STRICT, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", str(script), str(tmp_path / "state.db")],
        env={**os.environ, "LANGGRAPH_STRICT_MSGPACK": strict},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    assert "Blocked" not in done.stderr
    assert "unregistered" not in done.stderr


def test_a_conversation_goes_on_after_a_restart(tmp_path: Path, scripted: Any) -> None:
    config: Any = {"configurable": {"thread_id": "t"}}
    with SqliteSaver.from_conn_string(str(tmp_path / "state.db")) as saver:
        hef = create_hef(model=scripted("sad", "I am sorry.")).compile(checkpointer=saver)
        hef.invoke({"messages": [HumanMessage("My dog died.")]}, config)

    with SqliteSaver.from_conn_string(str(tmp_path / "state.db")) as saver:
        model = scripted("sad", "He was a good dog.")
        out = (
            create_hef(model=model)
            .compile(checkpointer=saver)
            .invoke({"messages": [HumanMessage("He was twelve.")]}, config)
        )

    assert [m.text for m in out["messages"]] == ["My dog died.", "I am sorry.", "He was twelve.", "He was a good dog."]
    assert isinstance(out["empathy"], Empathy)
    assert "Speaker: My dog died." in model.prompts[0][-1].text


@pytest.mark.parametrize("node", ["coarse_emotion", "draft_response"])
def test_a_turn_that_was_interrupted_is_finished_and_remembered_once(node: str, scripted: Any) -> None:
    store, config = InMemoryStore(), {"configurable": {"thread_id": "t", "user_id": "ana"}}
    builder = create_hef(model=scripted("sad", "I am sorry.", "sad", "I am sorry."))
    hef: Any = builder.compile(checkpointer=InMemorySaver(), store=store, interrupt_before=[node])
    hef.invoke({"messages": [HumanMessage("My dog died.")]}, config)

    out = hef.invoke(None, config)

    assert out["messages"][-1].text == "I am sorry."
    assert len(store.search(("hef",))) == 1


class Dying(InMemorySaver):
    """Dies at one checkpoint; what nodes wrote before it lies there, and comes back without our types."""

    def __init__(self, last: int) -> None:
        super().__init__(serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self.left = last

    def put(self, *arguments: Any) -> Any:
        self.left -= 1
        if self.left == -1:
            raise ConnectionAbortedError("killed")
        return super().put(*arguments)


@pytest.mark.parametrize("last", range(2, 8))
def test_a_turn_that_died_before_a_checkpoint_goes_on_from_what_its_nodes_wrote(last: int, scripted: Any) -> None:
    store, config = InMemoryStore(), {"configurable": {"thread_id": "t", "user_id": "ana"}}
    model = scripted("sad", "I am sorry.")
    hef: Any = create_hef(model=model).compile(checkpointer=Dying(last), store=store)
    with pytest.raises(ConnectionAbortedError):
        hef.invoke({"messages": [HumanMessage("My dog died.")]}, config, durability="sync")
    assert hef.get_state(config).tasks

    out = hef.invoke(None, config)

    assert [message.text for message in out["messages"]] == ["My dog died.", "I am sorry."]
    assert isinstance(out["empathy"], Empathy)
    assert out["empathy"].degraded is None
    assert len(model.prompts) == 2
    assert len(store.search(("hef",))) == 1


def test_the_command_line_builds_only_objects_of_the_state_from_checkpoints() -> None:
    start = "import sys; sys.argv = ['hef', '--version']; from hef.cli import main; main()"
    code = f"try:\n    {start}\nexcept SystemExit:\n    pass\n"
    code += "from langgraph.checkpoint.serde._msgpack import STRICT_MSGPACK_ENABLED as strict; print('strict:', strict)"
    environment = {name: value for name, value in os.environ.items() if name != "LANGGRAPH_STRICT_MSGPACK"}

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "strict: True"


@pytest.mark.parametrize("file", ["langgraph.json", "deploy/langgraph.json"])
def test_langgraphs_server_builds_only_objects_of_the_state(file: str) -> None:
    settings = json.loads((ROOT / file).read_text(encoding="utf-8"))

    assert settings["env"]["LANGGRAPH_STRICT_MSGPACK"] == "true"
    assert settings["checkpointer"]["serde"]["pickle_fallback"] is False
