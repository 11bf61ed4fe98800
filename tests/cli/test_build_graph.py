"""The graph of the command line has the parts that the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hef.cli import build_graph as module
from hef.cli.error_messages import Failure
from hef.cli.settings import load_settings
from scripted_chat import ScriptedChat


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
