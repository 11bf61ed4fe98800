"""A prompt that is longer than the LLM's context window is asked again with the newer half of the conversation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hef.contract import ModelError
from hef.graph import HefContext, create_hef
from hef.nodes.calling import context_overflow
from hef.nodes.calling.context_overflow import known_window, overflows, remember_window, shorter_prompts
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from two_calls import HostedChat

TOO_LONG = [
    ContextOverflowError("too long"),
    ValueError("This model's maximum context length is 8192 tokens. However, you requested 9000 tokens."),
    ValueError("Error code: 400 - {'error': {'code': 'context_length_exceeded'}}"),
    ValueError("prompt is too long: 210000 tokens > 200000 maximum"),
    ValueError("The input token count (40000) exceeds the maximum number of tokens allowed (32768)."),
    ValueError("the request exceeds the available context size, try increasing it"),
    ValueError("Input is too long for requested model."),
    ValueError("Requested tokens (2100) exceed context window of 2048"),
    ValueError("Please reduce the length of the messages"),
    ValueError("Range of input length should be [1, 30720]"),
]
OTHERS = [
    ValueError("Rate limit reached: 10000 tokens per min"),
    ValueError("You exceeded your daily limit of 200000 tokens"),
    ValueError("exceeded your monthly token quota"),
    ValueError("Invalid API key"),
    ValueError("max_tokens is too large: 100000"),
    ValueError("'max_completion_tokens' must not exceed 8192 tokens"),
    ValueError("context deadline exceeded"),
    ValueError("messages[3] image exceeds 5 MB"),
    ValueError("Unknown parameter: context window"),
    ValueError("System role not supported"),
    TimeoutError("the request took too long"),
]
WINDOW = 8000
"""Characters of conversation that `SmallWindow` takes."""


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    context_overflow._WINDOWS.clear()
    yield
    context_overflow._WINDOWS.clear()


class SmallWindow(HostedChat):
    """A hosted chat model that refuses a reply to a longer conversation."""

    model_name: str = "small"

    def _begin(self, messages: list[BaseMessage]) -> list[Any] | None:
        chunks = super()._begin(messages)
        if chunks is not None and conversation_length(messages) > WINDOW:
            raise ValueError("This model's maximum context length is 1024 tokens")
        return chunks


def conversation_length(messages: list[BaseMessage]) -> int:
    return sum(len(str(message.text)) for message in messages if not isinstance(message, SystemMessage))


def long_talk(turns: int = 60) -> list[BaseMessage]:
    """Return a talk of some 16,000 characters."""
    talk: list[BaseMessage] = []
    for number in range(turns):
        talk += [HumanMessage(f"number {number}: {'we went to the shops and back ' * 4}"), AIMessage("I see. " * 18)]
    return [*talk, HumanMessage("My dog died last night.")]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("context", [HefContext(), HefContext(early_reply=False)], ids=["one call", "two calls"])
async def test_a_window_is_found_by_its_error_and_kept(asynchronous: bool, context: HefContext) -> None:
    model = SmallWindow()
    hef = create_hef(model=model, safety=None).compile()
    state: Any = {"messages": long_talk()}

    out = await hef.ainvoke(state, context=context) if asynchronous else hef.invoke(state, context=context)

    assert out["messages"][-1].text == "I hear you."
    assert conversation_length(model.prompts[0]) > WINDOW
    assert model.prompts[-1][-1].text == "My dog died last night."
    assert WINDOW / 2 < (known_window(model) or 0) <= WINDOW

    tries = len(model.prompts)
    again = hef.invoke(state, context=context)
    assert len(model.prompts) == tries + 1
    assert conversation_length(model.prompts[-1]) <= WINDOW
    assert "did not see the oldest" in again["empathy"].degraded


@pytest.mark.parametrize(
    "messages",
    [
        [HumanMessage("word " * 6500), AIMessage("I see."), HumanMessage("I am sad.")],
        [SystemMessage("rule " * 6000), *long_talk(12)],
        long_talk(14),
    ],
    ids=["one long message", "a long text of the host", "a small window"],
)
def test_no_window_is_kept_that_would_leave_others_nothing(messages: list[BaseMessage]) -> None:
    class Narrow(HostedChat):
        """A hosted chat model that takes little at all."""

        model_name: str = "narrow"

        def _begin(self, messages: list[BaseMessage]) -> list[Any] | None:
            chunks = super()._begin(messages)
            if chunks is not None and sum(len(str(message.text)) for message in messages[1:]) > 1000:
                raise ValueError("maximum context length is 512 tokens")
            return chunks

    model = Narrow()
    out = create_hef(model=model, safety=None).compile().invoke({"messages": messages})
    assert out["messages"][-1].text == "I hear you."
    assert known_window(model) is None or (known_window(model) or 0) >= 4000


def test_a_window_is_asked_for_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    remember_window("model", long_talk(), 1)
    assert known_window("model")
    later = time.monotonic() + 2 * 3600
    monkeypatch.setattr(context_overflow.time, "monotonic", lambda: later)
    assert known_window("model") is None


def test_a_question_keeps_its_fence_and_is_not_cut() -> None:
    question = HumanMessage(f"<dialogue>\nSpeaker: {'word ' * 2000}\n</dialogue>\nHow do they feel?")
    assert list(shorter_prompts([SystemMessage("x"), question])) == []


def test_a_window_that_is_too_small_for_anything_is_an_error_in_words() -> None:
    class NoWindow(SmallWindow):
        def _begin(self, messages: list[BaseMessage]) -> list[Any] | None:
            if super()._begin(messages) is not None:
                raise ValueError("maximum context length is 3 tokens")
            return None

    with pytest.raises(ModelError, match="the LLM could not draft a reply"):
        create_hef(model=NoWindow(), safety=None).compile().invoke({"messages": long_talk()})


@pytest.mark.parametrize("error", TOO_LONG, ids=str)
def test_what_servers_say_of_a_prompt_that_is_too_long(error: Exception) -> None:
    assert overflows(error)


@pytest.mark.parametrize("error", OTHERS, ids=str)
def test_other_errors_are_not_taken_for_it(error: Exception) -> None:
    assert not overflows(error)


def test_a_busy_server_is_not_asked_with_less() -> None:
    error = ValueError("Request too large: the prompt exceeds 10000 tokens")
    error.status_code = 429  # type: ignore[attr-defined]
    assert not overflows(error)


def test_shorter_prompts_keep_the_instructions_and_begin_with_the_person() -> None:
    prompt = [SystemMessage("Be kind."), *long_talk()]
    lengths = [conversation_length(prompt)]
    for shorter in shorter_prompts(prompt):
        assert shorter[0].text == "Be kind."
        assert isinstance(shorter[1], HumanMessage)
        assert shorter[-1].text == "My dog died last night."
        lengths.append(conversation_length(shorter))
    assert len(lengths) > 3
    assert all(after <= before / 2 for before, after in pairwise(lengths))


def test_of_a_last_message_that_is_too_long_the_end_is_kept() -> None:
    said = [HumanMessage("early"), AIMessage("yes"), HumanMessage("x" * 4000 + " My dog died.")]
    first, *_ = shorter_prompts(said)
    (only,) = first
    assert only.text.endswith("My dog died.")
    assert len(only.text) <= 2100
