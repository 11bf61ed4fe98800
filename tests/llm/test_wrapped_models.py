"""LangChain's wrappers around a chat model: retries, fallbacks and bound settings are an LLM as the model itself is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hef.contract import SetupError
from hef.graph import HefContext, HefMiddleware, create_hef
from hef.llm import draft_form, model_name, resolve_model
from langchain.agents import create_agent
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import ConfigurableField, Runnable, RunnableLambda
from pydantic import Field
from scripted_chat import ScriptedChat, StructuredChat

SAID: Any = {"messages": [HumanMessage("My dog died last night.")]}
Wrap = Callable[[Any], Runnable[Any, Any]]
WRAPPERS: dict[str, Wrap] = {
    "bind": lambda model: model.bind(temperature=0.3),
    "config": lambda model: model.with_config(tags=["host"]),
    "retry": lambda model: model.with_retry(stop_after_attempt=2, wait_exponential_jitter=False),
    "fallbacks": lambda model: model.with_fallbacks([ScriptedChat(script=["unused"])]),
    "several": lambda model: model.bind(seed=1).with_retry().with_fallbacks([ScriptedChat(script=["unused"])]),
}
wrappers = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)


class Named(ScriptedChat):
    """A scripted chat model with a name, that records the settings of its calls."""

    model_name: str = "small-one"
    calls: list[dict[str, Any]] = Field(default_factory=list)

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        self.calls.append(kwargs)
        return super()._generate(messages, stop, run_manager, **kwargs)


@wrappers
@pytest.mark.parametrize("per_run", [False, True])
def test_a_wrapped_model_judges_and_replies_under_its_name(wrap: Wrap, per_run: bool) -> None:
    model = wrap(Named(script=["sad", "I hear you."]))
    hef = create_hef(model=ScriptedChat(script=["unused"]) if per_run else model).compile()

    out = hef.invoke(SAID, context=HefContext(model=model if per_run else None))

    assert out["messages"][-1].text == "I hear you."
    assert (out["empathy"].model, out["empathy"].hypothesis, out["empathy"].degraded) == ("small-one", "sad", None)


@wrappers
async def test_a_wrapped_model_streams_the_reply_and_nothing_else(wrap: Wrap) -> None:
    hef = create_hef(model=wrap(Named(script=["sad", "I hear you."]))).compile()

    parts = [part.text for part, _ in hef.stream(SAID, stream_mode="messages")]
    awaited = [part.text async for part, _ in hef.astream(SAID, stream_mode="messages")]

    assert [part for part in parts if part] == [part for part in awaited if part] == ["I ", "hear ", "you. "]


@wrappers
def test_a_wrapped_model_gives_structured_output(wrap: Wrap) -> None:
    unused = "unused"
    model = StructuredChat(script=[{"emotion": "sad", "hypothesis": "none"}, "I hear you."])
    wrapped = wrap(model)
    if hasattr(wrapped, "fallbacks"):
        wrapped = wrapped.model_copy(update={"fallbacks": [StructuredChat(script=[unused])]})

    out = create_hef(model=wrapped).compile().invoke(SAID)

    assert out["empathy"].hypothesis == "sad"
    assert [schema is not None for schema in model.schemas] == [True, False]


def test_bound_settings_reach_both_calls_and_those_of_the_run_win_in_the_reply() -> None:
    model = Named(script=["sad", "I hear you."])
    hef = create_hef(model=model.bind(temperature=0.3, seed=1)).compile()

    hef.invoke(SAID, context=HefContext(model_settings={"temperature": 1.0}))

    assert model.calls == [{"temperature": 0.3, "seed": 1}, {"temperature": 1.0, "seed": 1}]


def test_a_fallback_answers_where_the_first_model_fails_and_a_retry_asks_again() -> None:
    down = ScriptedChat(script=[ValueError("down")])
    shaky = ScriptedChat(script=[ValueError("down"), "sad", ValueError("down"), "I hear you."])

    for model in (
        down.with_fallbacks([ScriptedChat(script=["sad", "I hear you."])]),
        shaky.with_retry(wait_exponential_jitter=False),
    ):
        out = create_hef(model=model).compile().invoke(SAID)
        assert (out["messages"][-1].text, out["empathy"].degraded) == ("I hear you.", None)


def test_the_embedded_model_scores_and_keeps_its_form_inside_wrappers(embedded: Any) -> None:
    model = embedded.bind(max_tokens=3).with_retry()

    out = create_hef(model=model).compile().invoke(SAID)

    assert (draft_form(model), model_name(model)) == ("transcript", embedded.short_name)
    assert out["messages"][-1].usage_metadata["output_tokens"] == 3
    assert out["empathy"].degraded is None


def test_a_name_that_is_bound_is_the_models_name() -> None:
    assert model_name(Named(script=[]).bind(model="large-one").with_retry()) == "large-one"


def test_the_middleware_takes_a_wrapped_model() -> None:
    middleware = HefMiddleware(model=Named(script=["sad"]).with_retry())
    agent = create_agent(ScriptedChat(script=["I hear you."]), middleware=[middleware])

    assert agent.invoke(SAID)["empathy"].hypothesis == "sad"


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            ScriptedChat(script=[]) | StrOutputParser(),
            "the model is a RunnableSequence, which is not a chat model; give",
        ),
        (RunnableLambda(str), "the model is a RunnableLambda, which is not a chat model; give a chat model"),
        (
            ScriptedChat(script=[]).with_fallbacks([RunnableLambda(str)]),  # type: ignore[list-item]
            "the model is a RunnableWithFallbacks around a RunnableLambda, which is not a chat model",
        ),
        (FakeListChatModel, "the model is .*FakeListChatModel.*; give a chat model"),
        (3, r"the model is 3 \(int\); give a chat model"),
    ],
)
def test_what_is_no_chat_model_is_refused_in_a_sentence(model: Any, sentence: str) -> None:
    with pytest.raises(SetupError, match=f"^{sentence}"):
        resolve_model(model)
    with pytest.raises(SetupError, match="chat model"):
        create_hef(model=ScriptedChat(script=["sad"])).compile().invoke(SAID, context=HefContext(model=model))


@pytest.mark.parametrize("has_fallbacks", [False, True])
def test_bound_tools_are_left_out_since_hef_calls_none(has_fallbacks: bool) -> None:
    model = StructuredChat(script=[{"emotion": "sad", "hypothesis": "none"}, "I hear you."])
    bound = model.bind_tools([{"title": "refund"}]).bind(tool_choice="refund")
    bound = bound.with_fallbacks([bound]) if has_fallbacks else bound

    out = create_hef(model=bound).compile().invoke(SAID)

    assert (out["empathy"].hypothesis, out["messages"][-1].text) == ("sad", "I hear you.")
    assert [schema and schema["title"] for schema in model.schemas] != ["refund", "refund"]
    assert model.schemas[1] is None


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: model.with_config(tags=["host"])])
@pytest.mark.parametrize("kind", [Named, StructuredChat])
async def test_the_model_that_a_run_chooses_judges_and_replies(kind: Any, wrap: Wrap) -> None:
    judgement = "sad" if kind is Named else {"emotion": "sad", "hypothesis": "none"}
    other, chosen = (kind(script=[judgement, "I hear you."]) for _ in range(2))
    field = ConfigurableField(id="llm")
    model = wrap(other.configurable_alternatives(field, default_key="first", second=chosen))
    hef, config = create_hef(model=model).compile(), {"configurable": {"llm": "second"}}

    for out in (hef.invoke(SAID, config), await hef.ainvoke(SAID, config)):
        assert (out["empathy"].hypothesis, out["messages"][-1].text) == ("sad", "I hear you.")
    assert (len(other.prompts), len(chosen.prompts)) == (0, 4)
