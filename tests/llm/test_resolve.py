"""From what a caller names to a chat model."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hef.contract import SetupError
from hef.contract.sync_async import maybe_await
from hef.graph import HefContext, create_hef
from hef.llm import LocalChat, model_name, prepare_embedded, resolve_model
from hef.llm.resolve import check_choice
from hef.nodes.deciding.fit_registry import FitRegistry
from langchain_core.language_models import FakeListChatModel


def test_chat_model_is_returned_as_it_is() -> None:
    given = FakeListChatModel(responses=["x"])
    assert resolve_model(given) is given


def test_embedded_model_is_one_object_a_process() -> None:
    assert resolve_model(None) is resolve_model("embedded")
    assert isinstance(resolve_model(None), LocalChat)
    assert model_name(resolve_model(None)) == "SmolLM2-135M-HEF"


def test_folder_becomes_a_local_chat() -> None:
    folder = prepare_embedded()
    chat = resolve_model(f"huggingface:{folder}")
    assert isinstance(chat, LocalChat)
    assert model_name(chat) == folder.name


def test_a_model_on_the_hub_and_a_copy_of_it_in_a_folder_have_one_name() -> None:
    there = LocalChat(model_id="Qwen/Qwen2.5-Coder-0.5B-Instruct")
    here = LocalChat(model_id="/models/Qwen2.5-Coder-0.5B-Instruct")

    assert model_name(there) == model_name(here) == "Qwen2.5-Coder-0.5B-Instruct"
    assert FitRegistry("minilm").get(model_name(there), "scored").origin is not None


def test_hub_id_becomes_a_local_chat_without_reaching_the_hub() -> None:
    chat = resolve_model("huggingface:some/model")
    assert isinstance(chat, LocalChat)
    assert model_name(chat) == "model"


def test_folder_that_holds_no_model_is_refused_at_load(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    chat = resolve_model(f"huggingface:{tmp_path}")
    with pytest.raises(SetupError, match="could not be loaded"):
        chat.invoke("Hi.")


@pytest.mark.parametrize("spec", ["huggingface:", "huggingface:no such model", "huggingface:/nowhere/at/all"])
def test_place_without_a_model_is_refused(spec: str) -> None:
    with pytest.raises(SetupError, match="names no model"):
        resolve_model(spec)


def test_folder_without_a_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"config\.json"):
        resolve_model(f"huggingface:{tmp_path}")


@pytest.mark.parametrize("spec", [3, "", "  ", object, ["embedded"]])
def test_what_is_no_model_is_refused_with_what_is_accepted(spec: Any) -> None:
    with pytest.raises(SetupError, match="give a chat model") as caught:
        resolve_model(spec)
    assert repr(spec) in str(caught.value)


def test_unknown_text_is_refused_with_what_is_accepted() -> None:
    with pytest.raises(SetupError, match=r"'nonsense'.*give a chat model"):
        resolve_model("nonsense")


def test_text_of_a_provider_wants_langchain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"pip install 'hef\[openai\]'"):
        resolve_model("openai:gpt")


def test_a_missing_package_of_a_provider_is_named_with_its_install_line() -> None:
    code = (
        "import sys; sys.modules['langchain_openai'] = None; from hef.llm import resolve_model; "
        "resolve_model('openai:gpt')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert "SetupError" in done.stderr
    assert "pip install 'hef[openai]'" in done.stderr


def test_text_of_a_provider_is_made_by_langchain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    assert model_name(resolve_model("openai:some-model")) == "some-model"


def test_name_falls_back_to_the_kind_of_model() -> None:
    assert model_name(FakeListChatModel(responses=["x"])) == "fake-list-chat-model"


@pytest.mark.parametrize(
    ("listed", "own", "served", "allowed"),
    [
        (None, None, False, {"embedded", "embedded-plain", "huggingface:a/b", "openai:own"}),
        (None, None, True, {"embedded", "embedded-plain"}),
        (None, "openai:own", True, {"embedded", "embedded-plain", "openai:own"}),
        ("openai:big, huggingface:a/b", None, True, {"huggingface:a/b"}),
        ("huggingface:a/b", "openai:own", False, {"huggingface:a/b", "openai:own"}),
        ("", None, True, set()),
    ],
)
def test_a_run_may_name_what_the_operator_lists(
    listed: str | None, own: str | None, served: bool, allowed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("HEF_MODELS", listed), ("HEF_MODEL", own)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)

    for spec in ("embedded", "embedded-plain", "huggingface:a/b", "openai:own"):
        if spec in allowed:
            check_choice(f" {spec} ", served=served)
        else:
            with pytest.raises(SetupError, match=rf"may not name the model '{spec}' here.*HEF_MODELS"):
                check_choice(spec, served=served)


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_a_client_of_a_server_cannot_make_it_load_a_model(form: str, tmp_path: Path, scripted: Any) -> None:
    hef: Any = create_hef(model=scripted("sad", "I am sorry.")).compile()
    turn = {"messages": [("user", "My dog died.")]}
    invoke = hef.invoke if form == "sync" else hef.ainvoke
    served: Any = {"configurable": {"assistant_id": "a", "graph_id": "hef"}}
    for named in (f"huggingface:{tmp_path}", "openai:gpt", "nonsense"):
        for strategy in ("two_stage", "sem_only"):
            context = HefContext(model=named, strategy=strategy)
            with pytest.raises(SetupError, match="may not name the model"):
                await maybe_await(invoke(turn, served, context=context))
    with pytest.raises(SetupError, match=r"config\.json"):
        hef.invoke(turn, context=HefContext(model=f"huggingface:{tmp_path}"))


@pytest.mark.parametrize(
    ("spec", "nearest"), [("embeded", "embedded"), ("Embedded", "embedded"), ("embedded_plain", "embedded-plain")]
)
def test_a_mistyped_name_of_the_embedded_model_is_answered_by_the_right_one(spec: str, nearest: str) -> None:
    with pytest.raises(SetupError, match=f"did you mean `{nearest}`"):
        resolve_model(spec)
