"""An event loop for each turn, as with `asyncio.run`, beside a client of the LLM that all of them share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hef.contract import HefContext, ModelError
from hef.contract.dialogue import Turn
from hef.contract.sync_async import past_closed_loops
from hef.graph import create_hef
from hef.llm import resolve_model
from hef.safety import LlmSafetyCheck
from hef.sem import resolve_sem
from langchain_core.messages import HumanMessage
from llm_server import llm_server
from scripted_chat import ScriptedChat

CLOSED = RuntimeError("Event loop is closed")
SAID: Any = {"messages": [HumanMessage("My dog died.")]}
SEM_ONLY = HefContext(strategy="sem_only")


@pytest.fixture
def hosted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a chat model of a provider's SDK, which keeps its connections."""
    with llm_server(until=99) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield resolve_model("openai:stub")


def test_the_llm_judges_and_answers_each_turn_of_a_loop_of_its_own(hosted: Any) -> None:
    hef = create_hef(model=hosted, sem=resolve_sem("lexicon"), safety=None).compile()

    for text in ("My dog died.", "I miss him.", "It hurts.", "I am sad."):
        read = asyncio.run(hef.ainvoke({"messages": [HumanMessage(text)]}))
        assert (read["empathy"].degraded, read["messages"][-1].text) == (None, "I hear you.")
        assert read["empathy"].hypothesis


class Cut(ScriptedChat):
    """A chat model that meets connections of closed loops before it answers."""

    closed: int = 1

    async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
        if self.closed:
            self.closed -= 1
            raise CLOSED
        return await super()._agenerate(*args, **kwargs)


class CutAtTheEnd(ScriptedChat):
    """A chat model that streams its answer, and meets a connection of a closed loop as its own is given back."""

    async def _astream(self, *args: Any, **kwargs: Any) -> Any:
        async for chunk in super()._astream(*args, **kwargs):
            yield chunk
        raise CLOSED


async def test_an_answer_that_was_streamed_is_not_asked_for_again() -> None:
    model = CutAtTheEnd(script=["Oh dear.", "I hear you."])
    hef = create_hef(model=model, sem=resolve_sem("lexicon"), safety=None).compile()
    said: list[str] = []

    async def listen() -> None:
        async for part, _ in hef.astream(SAID, context=SEM_ONLY, stream_mode="messages"):
            said.append(part.text)

    with pytest.raises(ModelError):
        await listen()
    assert "".join(said).strip() == "Oh dear."


async def test_the_check_for_danger_goes_on_past_a_closed_loop() -> None:
    check = LlmSafetyCheck(Cut(script=["danger | suicide | it will all be quiet"], closed=3))
    assert (await check.aassess([Turn("speaker", "by sunday it will all be quiet")])).level == "danger"


class Failing:
    """A call that always fails, and counts how often it is made."""

    def __init__(self, error: Exception) -> None:
        self.error, self.made = error, 0

    async def __call__(self) -> None:
        self.made += 1
        raise self.error


async def test_a_client_that_meets_closed_loops_for_ever_fails() -> None:
    call = Failing(CLOSED)
    with pytest.raises(RuntimeError, match="closed"):
        await past_closed_loops(call)
    assert 1 < call.made < 10


async def test_what_an_sdk_made_of_a_closed_loop_is_one() -> None:
    errors = [ConnectionError("Connection error."), None]
    errors[0].__cause__ = CLOSED  # type: ignore[union-attr]

    async def call() -> str:
        if error := errors.pop(0):
            raise error
        return "sad"

    assert await past_closed_loops(call) == "sad"


async def test_an_answer_that_has_begun_is_not_asked_for_again() -> None:
    call = Failing(CLOSED)
    with pytest.raises(RuntimeError, match="closed"):
        await past_closed_loops(call, lambda: call.made == 2)
    assert call.made == 2


async def test_any_other_error_is_the_callers() -> None:
    call = Failing(RuntimeError("refused"))
    with pytest.raises(RuntimeError, match="refused"):
        await past_closed_loops(call)
    assert call.made == 1
