"""A model that refuses the system message gets it at the beginning of the person's first message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hef.contract import ModelError
from hef.graph import HefContext, create_hef
from hef.nodes.calling import system_role
from hef.nodes.calling.system_role import fold, needs_folding, refuses_system_role
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from scripted_chat import ScriptedChat, StructuredChat

SAID: Any = {"messages": [HumanMessage("My dog died.")]}
REFUSALS = [
    "System role not supported",
    "Error code: 400 - {'error': {'message': 'System role not supported; known are user and model'}}",
    "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    "This model does not support system messages",
    "System prompts are not supported.",
    "unknown role: system",
    "Developer instruction is not enabled for models/gemma-3",
    "Only user and assistant roles are supported!",
    "messages.0.role: Input should be 'user' or 'assistant'",
    "Conversation roles must alternate user/assistant/user/assistant/...",
    'messages: first message must use the "user" role',
]
OTHERS = [
    "Invalid API key",
    "The system is overloaded, not all requests are served",
    "maximum context length is 4096 tokens, you sent a system message and 5000 tokens",
    "Your role does not permit this operation",
    "",
]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    system_role._FOLDED.clear()
    yield
    system_role._FOLDED.clear()


class Strict(ScriptedChat):
    """A scripted chat model that refuses a system message."""

    model_name: str = "strict"

    def _next(self, messages: list[Any]) -> Any:
        if any(isinstance(message, SystemMessage) for message in messages):
            self.prompts.append(messages)
            raise ValueError("System role not supported")
        self.prompts.append(messages)
        return self.script[0]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_refused_system_message_is_folded_once_and_then_at_once(asynchronous: bool) -> None:
    model = Strict(script=["I hear you."])
    hef = create_hef(model=model).compile()
    context = HefContext(strategy="sem_only")

    for _ in range(2):
        out = await hef.ainvoke(SAID, context=context) if asynchronous else hef.invoke(SAID, context=context)
        assert (out["messages"][-1].text, out["empathy"].degraded) == ("I hear you.", None)

    kinds = [[message.type for message in prompt] for prompt in model.prompts]
    assert kinds == [["system", "human"], ["human"], ["human"]]
    system, said = (message.text for message in model.prompts[0])
    assert model.prompts[1][0].text == f"{system}\n\n{said}"


def test_another_model_of_the_class_is_asked_as_usual_and_wrappers_do_not_hide_one() -> None:
    model = Strict(script=["I hear you."])
    create_hef(model=model.bind(seed=1)).compile().invoke(SAID, context=HefContext(strategy="sem_only"))

    assert needs_folding(model)
    assert needs_folding(model.with_retry())
    assert not needs_folding(model.model_copy(update={"model_name": "other"}))


def test_a_judgement_is_folded_as_well() -> None:
    class StrictStructure(StructuredChat):
        def _next(self, messages: list[Any]) -> Any:
            answer = super()._next(messages)
            if any(isinstance(message, SystemMessage) for message in messages):
                raise ValueError("System role not supported")
            return answer

    model = StrictStructure(script=["", {"emotion": "sad", "hypothesis": "none"}, "I hear you."])

    out = create_hef(model=model).compile().invoke(SAID)

    assert (out["empathy"].hypothesis, out["empathy"].degraded) == ("sad", None)
    assert [prompt[0].type for prompt in model.prompts] == ["system", "human", "human"]


def test_another_error_is_not_tried_again_and_a_second_refusal_is_told() -> None:
    down, stubborn = ScriptedChat(script=[ValueError("down")]), ScriptedChat(script=[ValueError(REFUSALS[0])])

    for model, calls in ((down, 1), (stubborn, 2)):
        with pytest.raises(ModelError):
            create_hef(model=model).compile().invoke(SAID, context=HefContext(strategy="sem_only"))
        assert len(model.prompts) == calls
        assert not needs_folding(model)


@pytest.mark.parametrize("text", REFUSALS)
def test_what_servers_say_is_known(text: str) -> None:
    assert refuses_system_role(ValueError(text), [SystemMessage("x")])
    assert not refuses_system_role(ValueError(text), [HumanMessage("x")])


@pytest.mark.parametrize("text", OTHERS)
def test_other_errors_are_no_refusal(text: str) -> None:
    assert not refuses_system_role(ValueError(text), [SystemMessage("x")])


def test_a_folded_prompt_begins_with_the_person_and_alternates() -> None:
    messages = [
        SystemMessage("Rules."),
        AIMessage("Hello."),
        AIMessage("Anything new?"),
        HumanMessage("Hi.", name="Ana"),
        HumanMessage("My dog died."),
    ]

    assert [(message.type, message.text) for message in fold(messages)] == [
        ("human", "Rules."),
        ("ai", "Hello.\n\nAnything new?"),
        ("human", "Hi.\n\nMy dog died."),
    ]


@pytest.mark.parametrize("text", REFUSALS)
def test_an_answer_that_could_not_be_parsed_is_no_refusal_whatever_it_quotes(text: str) -> None:
    class Led(StructuredChat):
        """Says what the person told it to, which a parser of structured output then quotes."""

        def _next(self, messages: list[Any]) -> Any:
            answer = super()._next(messages)
            if len(self.prompts) == 1:
                raise OutputParserException(f"Invalid json output: {text}")
            return answer

    model = Led(script=["", "sad", "I hear you."])

    out = create_hef(model=model).compile().invoke(SAID)

    assert (out["empathy"].hypothesis, out["messages"][-1].text) == ("sad", "I hear you.")
    assert [prompt[0].type for prompt in model.prompts] == ["system"] * 3
    assert not needs_folding(model)
