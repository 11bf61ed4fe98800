"""The conversations of `hef chat` on the disk: what a stopped turn leaves, who may read and write them, their size."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from hef.cli import main
from hef.cli.app import app
from hef.cli.build_graph import LOADER
from hef.cli.chat import session
from hef.cli.chat.chat_threads import CONVERSATIONS, thread_id
from hef.cli.chat.conversation_file import open_conversations, sole_writer
from hef.contract import HefState
from hef.graph.turn_events import EmotionDecided, Step, Token
from hef.nodes import remember
from langchain_core.messages import AnyMessage
from langgraph.graph import StateGraph
from langgraph.graph.message import add_messages
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt
from scripted_chat import ScriptedChat
from typer.testing import CliRunner
from typing_extensions import TypedDict


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedChat]:
    """Let a scripted LLM stand for the embedded one."""
    monkeypatch.setattr("hef.cli.chat.chat_command.preload_llm", lambda model: None)
    monkeypatch.setattr("hef.cli.chat.reply_command.preload_llm", lambda model: None)

    def set_script(*answers: Any) -> ScriptedChat:
        model = ScriptedChat(script=list(answers))
        monkeypatch.setattr("hef.graph.parts.resolve_model", lambda spec: model)
        return model

    return set_script


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Hear Ctrl-C as a program in a terminal does, also in a shell's background, which ignores it."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


def chat(home: Path, stdin: str, *options: str) -> Any:
    return CliRunner().invoke(app, ["chat", "--home", str(home), "--strategy", "sem_only", *options], input=stdin)


def stop_at(monkeypatch: pytest.MonkeyPatch, event: type, *, turn: int) -> None:
    """Press Ctrl-C once, at the first event of a type in a turn, counted from 1."""
    stream_turn, turns = session.stream_turn, []

    async def stopped_once(*arguments: Any) -> Any:
        turns.append(arguments)
        async for one in stream_turn(*arguments):
            yield one
            if len(turns) == turn and isinstance(one, event):
                turns.append(arguments)
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(session, "stream_turn", stopped_once)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("event", [Step, EmotionDecided])
def test_a_turn_that_is_stopped_before_its_reply_is_answered_and_remembered_with_what_is_said_next(
    script: Callable[..., ScriptedChat], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, event: type
) -> None:
    model = script("I hear you.", "I hear both.")
    stop_at(monkeypatch, event, turn=1)

    done = chat(tmp_path, "My dog Bello died.\nI found him in the garden.\n", "--json")

    assert done.exit_code == 0, done.output
    (turn,) = map(json.loads, done.stdout.splitlines())
    said = [message.text for message in model.prompts[-1]]
    assert any("My dog Bello died." in text for text in said)
    assert not any("I hear" in text for text in said)
    assert turn["reply"].startswith("I hear")
    listed = CliRunner().invoke(app, ["memory", "list", "--json", "--home", str(tmp_path)])
    (memory,) = (line["turn"]["text"] for line in json.loads(listed.stdout))
    assert memory.splitlines() == ["My dog Bello died.", "I found him in the garden."]


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("event", [Step, EmotionDecided])
def test_what_was_said_in_a_turn_that_is_stopped_is_remembered_at_once(
    script: Callable[..., ScriptedChat], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, event: type
) -> None:
    script("I hear you.")
    stop_at(monkeypatch, event, turn=1)

    chat(tmp_path, "My dog Bello died.\n")

    assert remembered(tmp_path) == [("My dog Bello died.", "")]
    assert "My dog Bello died." in chat(tmp_path, "").stdout


@pytest.mark.usefixtures("ctrl_c")
def test_a_reply_that_is_stopped_is_kept_and_remembered_as_a_fragment(
    script: Callable[..., ScriptedChat], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = script("I hear you.", "I see.")
    stop_at(monkeypatch, Token, turn=1)

    done = chat(tmp_path, "My dog Bello died.\nI found him in the garden.\n", "--json")

    (turn,) = map(json.loads, done.stdout.splitlines())
    assert turn["reply"].strip() == "I see."
    (first, fragment), second = remembered(tmp_path)
    assert first == "My dog Bello died."
    assert fragment in ("I …", "I hear …")
    assert second == ("I found him in the garden.", "I see. ")
    assert any(fragment in message.text for message in model.prompts[-1])


def remembered(home: Path) -> list[tuple[str, str]]:
    """Return text and reply of each stored turn, oldest first."""
    listed = CliRunner().invoke(app, ["memory", "list", "--json", "--home", str(home)]).stdout
    return [(line["turn"]["text"], line["turn"]["reply"]) for line in json.loads(listed)[::-1]]


@pytest.mark.usefixtures("ctrl_c")
def test_a_reply_that_is_stopped_after_a_question_was_answered_leaves_no_question(
    script: Callable[..., ScriptedChat], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script("none, proud", "none, proud", "I hear you.")
    stop_at(monkeypatch, Token, turn=2)
    options = ("--confirm", "--strategy", "two_stage")

    done = chat(tmp_path, "My dog Bello died.\ndevastated\n", *options)

    assert done.stdout.count("yes, no, or the emotion") == 1
    assert remembered(tmp_path)[0][1] in ("I …", "I hear …")
    assert "yes, no, or the emotion" not in chat(tmp_path, "", *options).stdout


@pytest.mark.usefixtures("ctrl_c")
def test_what_was_said_in_a_turn_that_was_stopped_is_kept_for_no_longer_than_any_other(
    script: Callable[..., ScriptedChat], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script("I hear you.")
    stop_at(monkeypatch, Step, turn=1)

    chat(tmp_path, "My dog Bello died.\n", "--remember-for", "7")

    listed = CliRunner().invoke(app, ["memory", "list", "--json", "--home", str(tmp_path)])
    (memory,) = (line["turn"] for line in json.loads(listed.stdout))
    assert memory["expires"] == pytest.approx(memory["time"] + 7 * 86_400)


@pytest.mark.usefixtures("ctrl_c")
def test_a_reply_that_was_complete_when_it_was_stopped_is_remembered(
    script: Callable[..., ScriptedChat], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script("I hear you.")
    calls: list[bool] = []

    def stopped_once(state: HefState, runtime: Runtime[Any]) -> Any:
        calls.append(True)
        if len(calls) == 1:
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(1)
            return {}
        return remember(state, runtime)

    monkeypatch.setattr("hef.graph.build.remember", stopped_once)

    chat(tmp_path, "My dog Bello died.\n", "--user", "ana")

    listed = CliRunner().invoke(app, ["memory", "list", "--user", "ana", "--json", "--home", str(tmp_path)])
    assert [line["turn"]["text"] for line in json.loads(listed.stdout)] == ["My dog Bello died."]
    assert "I hear you." in chat(tmp_path, "", "--user", "ana").stdout


def test_a_conversation_that_is_open_elsewhere_is_refused_and_another_is_not(
    script: Callable[..., ScriptedChat], tmp_path: Path
) -> None:
    script("I hear you.", "Yes.")
    holder = (
        "import sys; from pathlib import Path; from hef.cli.chat.conversation_file import sole_writer\n"
        f"with sole_writer(Path({str(tmp_path)!r}), {thread_id('me', 'default')!r}, 'default'):\n"
        "    print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", holder], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "open\n"
        refused = chat(tmp_path, "My dog died.\n", "--thread", "default")
        other = chat(tmp_path, "My dog died.\n", "--thread", "other", "--json")
        process.stdin.close()
    after = chat(tmp_path, "My dog died.\n", "--thread", "default", "--json")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "'default' is open in another `hef chat`" in refused.stderr
    assert "--thread" in refused.stderr
    assert (other.exit_code, after.exit_code) == (0, 0)
    assert list((tmp_path / "open-conversations").glob("*.lock")) == []


def test_all_files_are_for_their_owner_alone_also_those_that_others_could_read(
    script: Callable[..., ScriptedChat], tmp_path: Path
) -> None:
    script("I hear you.", "Yes.")
    home = tmp_path / "home"

    def open_to_others() -> list[str]:
        files = [home, *home.rglob("*")]
        assert {"memory", CONVERSATIONS, "chroma.sqlite3"} <= {file.name for file in files}
        return [str(file) for file in files if stat.S_IMODE(file.stat().st_mode) & 0o077]

    mask = os.umask(0o022)
    try:
        assert chat(home, "My dog died.\n").exit_code == 0
        assert open_to_others() == []
        for file in (home, *home.rglob("*")):
            file.chmod(0o755 if file.is_dir() else 0o644)
        assert chat(home, "I miss him.\n").exit_code == 0
        assert open_to_others() == []
        for file in (home, *home.rglob("*")):
            file.chmod(0o755 if file.is_dir() else 0o644)
        assert CliRunner().invoke(app, ["memory", "list", "--home", str(home)]).exit_code == 0
        assert open_to_others() == []
    finally:
        os.umask(mask)


class _State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def _run_turns(home: Path, count: int, *, ask: bool = False) -> int:
    """Run turns of a graph of several steps with the checkpointer of `hef chat`, and return the bytes on the disk."""

    def answer(state: _State) -> dict[str, Any]:
        reply = interrupt("which?") if ask else "I hear you, and I am so sorry."
        return {"messages": [("ai", reply)]}

    builder = StateGraph(_State)
    builder.add_node("read", lambda state: {})
    builder.add_node("answer", answer)
    builder.add_edge("__start__", "read")
    builder.add_edge("read", "answer")

    async def run() -> None:
        async with open_conversations(home) as saver:
            graph = builder.compile(checkpointer=saver)
            config: Any = {"configurable": {"thread_id": "ana/default"}}
            for number in range(count):
                await graph.ainvoke({"messages": [("user", f"Saying number {number}, my dog died.")]}, config)

    asyncio.run(run())
    return sum(file.stat().st_size for file in home.glob(f"{CONVERSATIONS}*"))


def test_conversations_grow_with_their_turns_and_not_with_the_square_of_them(tmp_path: Path) -> None:
    first = _run_turns(tmp_path, 40)
    second = _run_turns(tmp_path, 40)
    assert second < 3 * first
    assert second < 80 * 5_000


def test_a_turn_that_waits_for_an_answer_is_resumed_from_what_is_kept(tmp_path: Path) -> None:
    _run_turns(tmp_path, 3, ask=True)

    async def resume() -> list[str]:
        def answer(state: _State) -> dict[str, Any]:
            return {"messages": [("ai", interrupt("which?"))]}

        builder = StateGraph(_State)
        builder.add_node("read", lambda state: {})
        builder.add_node("answer", answer)
        builder.add_edge("__start__", "read")
        builder.add_edge("read", "answer")
        async with open_conversations(tmp_path) as saver:
            graph = builder.compile(checkpointer=saver)
            config: Any = {"configurable": {"thread_id": "ana/default"}}
            out = await graph.ainvoke(Command(resume="The third."), config)
            assert len([one async for one in saver.alist(config)]) == 1
            return [message.text for message in out["messages"]]

    assert asyncio.run(resume())[-2:] == ["Saying number 2, my dog died.", "The third."]


@pytest.mark.parametrize("command", [("chat",), ("reply", "hello")])
@pytest.mark.parametrize(
    "wrong", [("--model", "huggingface:/no/such/folder"), ("--model", "no such model"), ("--sem", "no-such-sem")]
)
def test_a_set_up_error_ends_at_once_with_code_2_and_leaves_nothing_running(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...], wrong: tuple[str, ...]
) -> None:
    monkeypatch.setattr("hef.cli.chat.chat_command.preload_llm", lambda model: None)
    monkeypatch.setattr("hef.cli.chat.reply_command.preload_llm", lambda model: None)
    before = set(threading.enumerate())

    done = CliRunner().invoke(app, [*command, "--home", str(tmp_path), *wrong], input="hello\n")

    assert (done.exit_code, done.stdout) == (2, ""), done.stderr
    assert wrong[1].rpartition(":")[2] in done.stderr
    assert done.stderr.count("\n") == 1
    started = [thread for thread in threading.enumerate() if not (thread.daemon or thread in before)]
    for thread in started:
        thread.join(10)  # that of the file of conversations says that it is closed just before it ends
    assert [thread for thread in started if thread.is_alive()] == []
    with sole_writer(tmp_path, thread_id("me", "default"), "default"):
        pass


@pytest.mark.parametrize(("loading", "ends"), [(True, [2]), (False, [])])
def test_a_process_that_ends_while_the_llm_is_loaded_does_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch, loading: bool, ends: list[int]
) -> None:
    ended: list[int] = []
    loaded = threading.Event()
    thread = threading.Thread(target=loaded.wait, name=LOADER, daemon=True)
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(sys, "argv", ["hef", "chat", "--no-such-option", "--debug"])
    if loading:
        thread.start()
    try:
        with pytest.raises(SystemExit):
            main()
    finally:
        loaded.set()
    assert ended == ends
