from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from hef.cli.app import app
from hef.cli.serve.mcp_server import make_server, served_tools
from hef.cli.settings import load_settings
from hef.contract import Memory, Reading
from hef.graph import open_store
from hef.memory import remember_turn
from jsonschema import validate
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from typer.testing import CliRunner

DOG = [
    {"role": "speaker", "text": "I got a job."},
    {"role": "listener", "text": "Great!"},
    {"role": "speaker", "text": "But my dog Zoë died last night 🐕."},
]
THREADS = {name: "1" for name in ("HEF_THREADS", "OMP_NUM_THREADS")}


@asynccontextmanager
async def client_here(**settings: Any) -> AsyncIterator[Client]:
    """Yield the SDK's client of a server in this process."""
    async with Client(make_server(served_tools(load_settings(**settings)))) as connected:
        yield connected


@asynccontextmanager
async def client(*options: str) -> AsyncIterator[Client]:
    """Yield the SDK's client of a server in a process of its own, which waits for a memory in use only briefly."""
    hurried = (
        "import hef.cli.memory.select_turns as module; module.MEMORY_SECONDS = 0.2; from hef.cli import main; main()"
    )
    server = StdioServerParameters(command=sys.executable, args=["-c", hurried, "mcp", *options], env=THREADS)
    async with Client(server) as connected:
        yield connected


def said(result: Any) -> str:
    (block,) = result.content
    return str(block.text)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with closing(open_store(tmp_path)) as store:
        for n, (user, text) in enumerate([("ana", "My dog Zoë is ill."), ("bo", "A secret about dogs.")]):
            remember_turn(store, user, Memory(id=str(n), text=text, emotion="sad", time=time.time()))
    return tmp_path


async def check_tools_and_answers(server: Client) -> None:
    """Look at a server's tools, and ask each once."""
    calls = {
        "sem_emotion": {"dialogue": DOG, "primary": 3, "hypothesis": "devastated"},
        "sem_causes": {"dialogue": json.dumps(DOG), "emotion": "sad"},
        "assess_safety": {"dialogue": DOG},
    }
    tools = {tool.name: tool for tool in (await server.list_tools()).tools}
    answers = {name: await server.call_tool(name, arguments) for name, arguments in calls.items()}

    assert set(tools) == {"assess_safety", "sem_emotion", "sem_causes"}
    for name, tool in tools.items():
        assert tool.title
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert all(field.get("description") for field in tool.input_schema["properties"].values())
        assert not answers[name].is_error
        validate(answers[name].structured_content, tool.output_schema or {})
    reading = Reading.model_validate(answers["sem_emotion"].structured_content)
    assert len(reading.primary) == 3
    assert reading.evidence is not None
    assert said(answers["sem_emotion"]).startswith(f"Primary emotions: {reading.ranked[0]} ")
    causes = answers["sem_causes"].structured_content["causes"]
    assert all(DOG[one["turn"]]["text"][one["start"] : one["end"]] == one["text"] for one in causes)
    assert "dog Zoë" in said(answers["sem_causes"]) or "Zoë" in said(answers["sem_causes"])


async def test_a_client_sees_tools_that_only_read_and_their_answers_keep_to_their_schemas() -> None:
    async with client_here() as server:
        await check_tools_and_answers(server)


async def test_an_older_client_has_the_same_of_a_process_and_what_libraries_print_stays_out_of_it(
    tmp_path: Path,
) -> None:
    talking = (
        "import sys; sys.argv[1:] = ['mcp']; import hef.tools.sem_tools as module; real = module.describe\n"
        "module.describe = lambda reading: (print('a library talks', flush=True), real(reading))[1]\n"
        "from hef.cli import main; main()"
    )
    with (tmp_path / "stderr.txt").open("w+", encoding="utf-8") as errors:
        process = StdioServerParameters(command=sys.executable, args=["-c", talking], env=THREADS)
        async with Client(stdio_client(process, errlog=errors), mode="legacy") as server:
            await check_tools_and_answers(server)
        errors.seek(0)
        assert errors.read() == "a library talks\n"


async def test_wrong_calls_are_told_and_the_server_goes_on() -> None:
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("sem_emotion", {}, "dialogue: Field required"),
        ("sem_emotion", {"dialogue": [{"role": "narrator", "text": "x"}]}, "dialogue.0.role: Input should be"),
        ("sem_emotion", {"dialogue": DOG, "primary": 0}, "primary"),
        ("sem_emotion", {"dialogue": DOG, "mood": "sad"}, "mood: Extra inputs are not permitted"),
        ("sem_causes", {"dialogue": DOG, "emotion": "bored"}, "emotion: Input should be 'afraid'"),
        ("sem_causes", {"dialogue": "no JSON", "emotion": "sad"}, "dialogue: Input should be a valid list"),
    ]
    async with client_here() as server:
        for name, arguments, complaint in wrong:
            answer = await server.call_tool(name, arguments)
            assert answer.is_error, arguments
            assert complaint in said(answer)
        with pytest.raises(MCPError, match="unknown tool 'sem_mood'; there are assess_safety, sem_emotion, sem_causes"):
            await server.call_tool("sem_mood", {})
        assert not (await server.call_tool("sem_emotion", {"dialogue": [{"role": "speaker", "text": ""}]})).is_error


async def test_danger_is_told_with_the_number_of_the_region() -> None:
    danger = [{"role": "speaker", "text": "I want to kill myself."}]
    async with client_here(region="US") as server:
        answer = await server.call_tool("assess_safety", {"dialogue": danger})
        harmless = await server.call_tool("assess_safety", {"dialogue": DOG})

    assert answer.structured_content["level"] == "danger"
    assert "988" in said(answer)
    assert "911" in said(answer)
    assert (harmless.structured_content["level"], said(harmless)) == ("none", "No sign of danger.")


async def test_a_named_users_memories_and_nobody_elses_are_recalled_and_the_folder_is_let_go(home: Path) -> None:
    async with client("--user", "ana", "--home", str(home)) as server:
        tools = [tool.name for tool in (await server.list_tools()).tools]
        first = await server.call_tool("recall_memories", {"query": "What about the dog?"})
        other = await server.call_tool("recall_memories", {"query": "secret", "user_id": "bo"})
        with closing(open_store(home)) as store:
            assert store.search(("hef",))
            busy = await server.call_tool("recall_memories", {"query": "dog"})
        again = await server.call_tool("recall_memories", {"query": "dog"})

    assert tools == ["assess_safety", "sem_emotion", "sem_causes", "recall_memories"]
    assert said(first) == "My dog Zoë is ill. (felt sad)"
    assert [one["text"] for one in first.structured_content["memories"]] == ["My dog Zoë is ill."]
    assert other.is_error
    assert busy.is_error
    assert "another process" in said(busy)
    assert said(again) == said(first)


async def test_where_nothing_is_remembered_nothing_is_made(tmp_path: Path) -> None:
    async with client_here(user="ana", home=tmp_path / "home") as server:
        answer = await server.call_tool("recall_memories", {"query": "dog"})

    assert (said(answer), answer.structured_content) == ("nothing", {"memories": []})
    assert not (tmp_path / "home").exists()


def test_an_unknown_sem_ends_it_before_it_serves() -> None:
    done = CliRunner().invoke(app, ["mcp", "--sem", "no-such-sem"])

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: unknown SEM 'no-such-sem'")


def test_without_the_sdk_the_install_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)

    done = CliRunner().invoke(app, ["mcp"])

    assert (done.exit_code, done.stdout) == (1, "")
    assert "pip install 'hef[mcp]'" in done.stderr


def test_what_is_no_message_is_answered_by_messages_alone() -> None:
    command = [sys.executable, "-m", "hef.cli", "mcp"]
    done = subprocess.run(command, input="no JSON\n", capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in done.stdout.splitlines())
