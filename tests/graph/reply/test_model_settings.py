"""Settings of the call that writes the reply: bound for a run, told where they are wrong, few for clients."""

from __future__ import annotations

from typing import Any

import pytest
from hef.contract import SetupError, as_context
from hef.graph import HefContext, create_hef
from langchain_core.messages import HumanMessage
from pydantic import Field
from scripted_chat import ScriptedChat

SAID: Any = {"messages": [HumanMessage("My dog died.")]}


class Recording(ScriptedChat):
    """A scripted chat model that records the settings of each call."""

    calls: list[dict[str, Any]] = Field(default_factory=list)

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        self.calls.append({**kwargs, **({"stop": stop} if stop else {})})
        return super()._generate(messages, stop, run_manager, **kwargs)


def run(settings: dict[str, Any], **configurable: Any) -> list[dict[str, Any]]:
    model = Recording(script=["sad", "I hear you."])
    context = HefContext(model_settings=settings)
    create_hef(model=model).compile().invoke(SAID, {"configurable": configurable}, context=context)
    return model.calls


def test_the_reply_is_written_with_the_settings_of_the_run_and_judged_without() -> None:
    settings = {"temperature": 0.3, "max_tokens": 200, "stop": ["\n\n"], "reasoning_effort": "low", "seed": None}

    judged, drafted = run(settings)

    assert judged == {}
    assert drafted == {"temperature": 0.3, "max_tokens": 200, "stop": ["\n\n"], "reasoning_effort": "low"}


async def test_an_awaited_reply_has_them_too() -> None:
    model = Recording(script=["sad", "I hear you."])

    await create_hef(model=model).compile().ainvoke(SAID, context=HefContext(model_settings={"top_p": 0.5}))

    assert model.calls[-1] == {"top_p": 0.5}


def test_each_token_is_streamed_once() -> None:
    hef = create_hef(model=Recording(script=["sad", "I hear you."])).compile()

    parts = hef.stream(SAID, context=HefContext(model_settings={"top_p": 0.5}), stream_mode="messages")

    assert [part.text for part, _ in parts if part.text] == ["I ", "hear ", "you. "]


def test_the_embedded_model_takes_them(embedded: Any) -> None:
    hef = create_hef(model=embedded).compile()

    out = hef.invoke(SAID, context=HefContext(strategy="sem_only", model_settings={"max_tokens": 3}))

    assert out["messages"][-1].usage_metadata["output_tokens"] == 3


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"temperature": "hot"}, "model_settings: temperature is 'hot'; give a number from 0 to 2"),
        ({"temperature": True}, "model_settings: temperature is True; give"),
        ({"temperature": float("nan")}, "model_settings: temperature is nan; give"),
        ({"max_tokens": 0}, "model_settings: max_tokens is 0; give a whole number from 1"),
        ({"stop": ["a", ""]}, r"model_settings: stop is \['a', ''\]; give a text, or a list of texts"),
        ({"top_p": 2, "seed": "x"}, "model_settings: top_p is 2; give .*; seed is 'x'; give"),
        (3, "model_settings is a int; give a mapping of names to values"),
        ([("temperature", 1)], "model_settings is a list; give a mapping"),
    ],
)
def test_a_wrong_setting_is_told_in_words(settings: Any, sentence: str) -> None:
    with pytest.raises(SetupError, match=f"^{sentence}"):
        HefContext(model_settings=settings)


def test_a_key_among_wrong_settings_is_not_shown() -> None:
    with pytest.raises(SetupError) as refusal:
        HefContext(model_settings={"api_key": "sk-secret", "temperature": 9})

    assert "sk-secret" not in str(refusal.value)


@pytest.mark.parametrize("name", ["base_url", "api_key", "extra_headers", "model", "tools", "extra_body"])
def test_a_client_of_a_server_gives_the_usual_ones_alone(name: str) -> None:
    assert run({"temperature": 0.5}, assistant_id="hef")[-1] == {"temperature": 0.5}
    assert run({name: "x"})[-1] == {name: "x"}
    with pytest.raises(SetupError, match=f"may not set {name} in model_settings here, only temperature, top_p"):
        run({name: "x"}, assistant_id="hef")


def test_those_beside_a_hosts_own_fields_are_its_agents() -> None:
    assert as_context({"model_settings": {"temperature": 0.3}, "persona": "Mia"}).model_settings == {}
    assert as_context({"hef": {"model_settings": {"temperature": 0.3}}}).model_settings == {"temperature": 0.3}
