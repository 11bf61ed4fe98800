"""The graph of the command line has the parts that the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hef.cli import build_graph as module
from hef.cli.error_messages import Failure
from hef.cli.settings import load_settings
from scripted_chat import ScriptedChat
from two_calls import HostedChat


def test_a_safety_model_looks_for_danger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ScriptedChat(script=["danger | suicide | quiet by sunday"])
    monkeypatch.setattr(
        "hef.graph.parts.resolve_model", lambda name: model if name == "openai:small" else ScriptedChat(script=["sad"])
    )
    monkeypatch.setenv("HEF_SAFETY_MODEL", "openai:small")
    hef = module.build_graph(load_settings(home=tmp_path), memory=False)

    out = hef.invoke({"messages": [("user", "it will all be quiet by sunday")]})

    assert len(model.prompts) == 1
    assert out["empathy"].safety.level == "danger"


def test_a_safety_model_that_does_not_exist_ends_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEF_SAFETY_MODEL", "nobody:small")
    with pytest.raises(Failure):
        module.build_graph(load_settings(home=tmp_path), memory=False)


def test_own_asks_no_llm_for_danger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = HostedChat()
    monkeypatch.setattr("hef.graph.parts.resolve_model", lambda name: model)
    for name, checks in (("own", 0), ("", 1)):
        monkeypatch.setenv("HEF_SAFETY_MODEL", name)
        hef = module.build_graph(load_settings(home=tmp_path), memory=False)
        before = model.judgements
        hef.invoke({"messages": [("user", "I had soup.")]}, context={"strategy": "llm_only"})
        assert model.judgements - before == 1 + checks
