"""The SEMs that characters state: they read in the chat, on the server and on the page, and never write vectors."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hef.characters import Character
from hef.cli.app import app
from hef.cli.build_graph import CharacterSems, build_graph, close_memory
from hef.cli.characters_list import served_characters
from hef.cli.error_messages import Misuse
from hef.cli.page.ui_command import _page_host
from hef.cli.settings import Settings
from hef.contract import HefContext
from hef.memory import list_turns, search_items
from hef.sem import registry
from hef.ui.page_conversation import PageConversation
from scripted_chat import ScriptedChat
from typer.testing import CliRunner

DOG = "My dog died and I am so sad."


def test_in_a_chat_the_sem_changes_with_the_character_and_stays_where_hers_cannot_read(home: Path) -> None:
    write(home, "kim", "/nowhere")
    said = f"{DOG}\n/character mia\n{DOG}\n/character kim\n{DOG}\n/character none\n{DOG}\n"

    done = CliRunner().invoke(app, ["chat", "-u", "ana", "--strategy", "sem_only", "--json"], input=said)

    assert done.exit_code == 0, done.stderr
    own, hers, still, own_again = [json.loads(line)["empathy"]["sem"] for line in done.stdout.splitlines()]
    assert own == own_again != hers == still == "lexicon"


CONTEXT = HefContext(user_id="ana", strategy="sem_only")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a home folder in which an LLM is scripted, and Mia and Max read with the lexicon."""
    for name in ("HEF_USER", "HEF_MODEL", "HEF_SEM", "HEF_CHARACTERS", "HEF_CHROMA_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEF_HOME", str(tmp_path))
    monkeypatch.setattr("hef.graph.parts.resolve_model", lambda spec: ScriptedChat(script=["I hear you."]))
    for command in ("chat_command", "reply_command"):
        monkeypatch.setattr(f"hef.cli.chat.{command}.preload_llm", lambda model: None)
    for name in ("mia", "max"):
        write(tmp_path, name, "lexicon")
    return tmp_path


def write(home: Path, name: str, sem: str) -> None:
    (home / "characters").mkdir(exist_ok=True)
    text = f'name = "{name.title()}"\npersona = "a nurse"\nsem = "{sem}"\n'
    (home / "characters" / f"{name}.toml").write_text(text, encoding="utf-8")


async def test_characters_with_a_sem_share_it_and_the_memory_keeps_the_vectors_of_the_settings(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = registry._load
    monkeypatch.setattr(registry, "_load", lambda name: loaded.append(name) or load(name))
    settings = Settings(home=home)
    hef = build_graph(settings, memory=True)
    try:
        characters, sems = served_characters(settings)
        graphs = sems.graphs(hef)
        assert graphs.keys() == {"mia", "max"}
        assert loaded == ["lexicon"]
        for id in ("mia", "max"):
            out = await graphs[id].ainvoke({"messages": [("user", DOG)]}, context=characters[id].context(CONTEXT))
            assert out["empathy"].emotion == "sad"
            assert not out["empathy"].degraded
        assert graphs["mia"].store is hef.store
        own = await hef.ainvoke({"messages": [("user", DOG)]}, context=CONTEXT)
        assert own["empathy"].sem != out["empathy"].sem
        found = search_items(hef.store, "ana", "the death of my pet", 5)
        assert [item.value["character"] for item in found if item.score is not None].count("mia") == 1
    finally:
        close_memory(hef)


def test_on_the_command_line_a_characters_sem_reads_and_the_memory_can_be_searched_with_the_others(home: Path) -> None:
    run = CliRunner().invoke
    said = {}
    for name in ("mia", "june"):
        done = run(app, ["reply", DOG, "-c", name, "-u", "ana", "--strategy", "sem_only", "--json"])
        assert done.exit_code == 0, done.stderr
        said[name] = json.loads(done.stdout)
    assert (said["mia"]["empathy"]["degraded"], said["june"]["empathy"]["degraded"]) == (None, None)
    assert said["mia"]["empathy"]["distribution"] != said["june"]["empathy"]["distribution"]
    found = json.loads(run(app, ["memory", "search", DOG, "-u", "ana", "--json"]).stdout)
    assert [round(each["score"], 3) for each in found] == [1.0, 1.0]


async def test_the_page_reads_with_the_sem_of_the_character_also_where_nothing_is_written_down(home: Path) -> None:
    settings = Settings(home=home, user="ana")
    async with AsyncExitStack() as resources:
        host = await _page_host(settings, CONTEXT, None, resources)
        shares = []
        for name, character in (("one", ""), ("mia/one", "mia")):
            context = host.characters[character].context(CONTEXT) if character else CONTEXT
            conversation = PageConversation(host, name, context, character=character)
            for is_private in (False, True):
                await conversation.set_private(is_private)
                async for _ in conversation.say(DOG):
                    pass
                assert not conversation.error
                understanding = conversation.turns[-1].understanding
                assert understanding is not None
                shares.append(understanding.empathy.distribution["sad"])
            await conversation.set_private(False)
        assert shares[0] == pytest.approx(shares[1], abs=0.2)
        assert shares[2] != shares[0]
        assert (host.sem_name("mia"), host.sem_name("")) == ("lexicon", "minilm")
        assert {memory.character for memory in list_turns(host.kept.store, "ana")} == {"", "mia"}


def test_a_character_whose_sem_cannot_read_is_left_out_and_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, "max", "nowhere")
    settings = Settings(home=home)
    characters, _ = served_characters(settings)
    assert characters.keys() == {"mia", "june", "xiaolin"}
    assert "left out: the character max, whose SEM: " in capsys.readouterr().err
    meant = Character(id="max", name="Max", persona="a nurse", sem="nowhere")
    with pytest.raises(Misuse, match=r"the SEM of the character max: .*nowhere"):
        served_characters(settings, meant)


def test_no_character_takes_the_id_of_a_model_or_of_another_on_the_server(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HEF", "hef", "Mia", "June"):
        write(home, name, "lexicon")
    settings = Settings(home=home)
    characters, sems = served_characters(settings, taken=["hef"])
    hef = build_graph(settings, memory=False)
    assert characters.keys() == {"Mia", "max", "June", "xiaolin"}
    assert sems.graphs(hef).keys() == {"Mia", "max", "June"}
    told = capsys.readouterr().err
    assert "left out: the character HEF: by this id clients ask for 'hef'; rename its file" in told
    assert "left out: the character mia: by this id clients ask for 'Mia'" in told
    assert {"hef", "HEF", "mia", "Mia", "june", "June"} <= served_characters(settings)[0].keys()


def test_the_sem_of_the_settings_needs_no_graph_of_its_own(home: Path) -> None:
    settings = Settings(home=home, sem="lexicon")
    hef = build_graph(settings, memory=False)
    assert CharacterSems(settings, served_characters(settings)[0]).graphs(hef) == {}
