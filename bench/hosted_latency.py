"""How long a person waits for the first token of a hosted LLM's reply, alone and in a HEF turn, and what a turn costs.

The LLM is a stub server with a hosted one's latencies, so that a run needs no key and is the same everywhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from ..contract import HefContext, SetupError, Turn
from ..contract.progress import Progress, ignore_progress
from ..graph import create_hef
from ..graph.parts import SafetyChoice
from ..prompts import Overrides
from ..prompts.messages import MAX_EMOTIONS
from ..safety import assess
from ..sem import Sem
from .stub_server import CallCounts, StubAnswers, StubLatency, StubServer, stub_server

SENTENCES = (
    "My dog died last night and the house is so quiet now.",
    "I got the job! I still cannot believe it.",
    "My neighbour played loud music until four in the morning again.",
    "I walked home alone and somebody followed me for three streets.",
    "Nobody came to my birthday party, not even my sister.",
    "I found our old photo album in the attic today.",
    "My son learned to ride his bike without me holding on.",
    "I have the exam tomorrow and I did not sleep at all.",
    "He read my diary and told everyone at school about it.",
    "I am waiting for the results of the scan.",
    "My best friend is moving abroad next week.",
    "Somebody paid for my groceries when I had forgotten my purse.",
    "I ate the whole cake that was meant for the guests.",
    "We leave for the sea on Friday, my bags are already packed.",
    "My colleague got the raise, although I trained her.",
    "There was a spider as big as my hand in the bathtub.",
    "I have to sing a solo on Saturday and I know every note.",
    "My grandmother used to make this soup for me.",
    "I told him everything would be fine, but I am not sure.",
    "They fired me by mail after eleven years.",
    "I said something cruel to my mother on the phone.",
    "The bus did not come, it rained, and then I lost my keys.",
    "My daughter calls me every evening just to ask how I am.",
    "I opened the door and they were all standing there with balloons.",
    "He has not answered for three days now.",
)
"""What people say; of some a SEM is sure, of others not."""
WARM_UP = "Good morning."
FIRST, NAMED = 0.64, 0.25
"""Share of turns in which a hosted LLM names the SEM's first emotion, and another one of those that a note names."""
_OTHER_RANK = 8
"""Rank with the SEM of the emotion that the LLM names else: none of the primary ones."""
_DRAFT_NODE = "draft_response"


class LatencyCost(BaseModel, frozen=True):
    """What one way to a reply takes, over all sentences."""

    first_token: float = Field(description="Median seconds to the reply's first text")
    last_token: float = Field(description="Median seconds to the end of the turn")
    first_token_ratio: float = Field(description="Median over sentences of the first over the plain reply's")
    last_token_ratio: float = Field(description="Median over sentences of the second over the plain reply's")
    calls: float = Field(description="Mean calls of the LLM per turn, unused replies included")
    prompt_tokens: float = Field(description="Mean prompt tokens per turn, a token counted as four characters")
    completion_tokens: float = Field(description="Mean tokens that the LLM wrote per turn")
    price: float | None = Field(description="Price of a thousand turns; None without prices")


class LatencyReport(BaseModel, frozen=True):
    """HEF turns beside a plain reply of the same LLM, one sentence after another."""

    sem: str = Field(description="Name of the SEM")
    sentences: int = Field(description="Sentences, each answered in every way")
    first_token: float = Field(description="Seconds to the first token of each answer of the LLM")
    tokens_per_second: float = Field(description="Tokens of an answer a second")
    variants: dict[str, LatencyCost] = Field(description="Way to a reply -> what it takes; `plain` is the LLM alone")


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """Prices of a million tokens."""

    prompt: float
    """Of prompts."""
    completion: float
    """Of what the LLM writes."""

    def per_thousand(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Return the price of a thousand turns."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1000


@dataclass(frozen=True, slots=True)
class _Answered:
    """One turn."""

    first_token: float
    last_token: float
    counts: CallCounts


def variants() -> dict[str, HefContext]:
    """Return the settings of each measured way through a turn."""
    ways = {"judged first": False, "early reply": True}
    return {
        f"{way}, {when}": HefContext(early_reply=early, ask=when)
        for way, early in ways.items()
        for when in ("always", "unsure")
    }


OWN_CHECK = "early reply, unsure, own check"
"""A way more, with the settings of the last of `variants`: HEF's own check looks for danger alone."""


def measure_latency(
    sem: Sem,
    *,
    latency: StubLatency | None = None,
    prices: TokenPrices | None = None,
    sentences: Sequence[str] | None = None,
    prompts: Overrides | None = None,
    fit: Path | None = None,
    progress: Progress = ignore_progress,
) -> LatencyReport:
    """Answer each sentence in each way in turn, so that other load on the machine affects all of them.

    Memory is not used. What the LLM names agrees with the SEM as often as a hosted one's does (`FIRST`, `NAMED`).

    Args:
        sem: The SEM.
        latency: How slow the LLM is.
        prices: What its tokens cost.
        sentences: What is said; None takes `SENTENCES`.
        prompts: Templates that replace shipped ones, as `create_hef` takes them.
        fit: How SEM and LLM are joined, as `create_hef` takes it.
        progress: Called after each sentence.

    Raises:
        SetupError: The extra `openai` is not installed.
    """
    slowness, texts = latency or StubLatency(), SENTENCES if sentences is None else sentences
    with stub_server(slowness, StubAnswers(stub_emotions(sem, texts))) as server:
        model = _client(server)
        ways: dict[str, Callable[[str], Any]] = {"plain": partial(_plain, model)}
        settings = variants()
        for name in (*settings, OWN_CHECK):  # a graph for each, as it keeps what an LLM found of a dialogue
            check: SafetyChoice = assess if name == OWN_CHECK else "auto"
            hef = create_hef(model=model, sem=sem, prompts=prompts, fit=fit, safety=check).compile()
            ways[name] = partial(_turn, hef, settings.get(name, [*settings.values()][-1]))
        turns = asyncio.run(_answer_all(server, ways, texts, progress))
    costs = {name: _cost(turns[name], turns["plain"], prices) for name in ways}
    return LatencyReport(
        sem=sem.description.name,
        sentences=len(texts),
        first_token=slowness.first_token,
        tokens_per_second=slowness.tokens_per_second,
        variants=costs,
    )


def stub_emotions(sem: Sem, sentences: Sequence[str]) -> dict[str, str]:
    """Return what the LLM names for each sentence: the SEM's first, another likely one, or none of these."""
    named: dict[str, str] = {}
    for number, sentence in enumerate(sentences):
        ranked = sem.read([[Turn("speaker", sentence)]])[0].ranked
        fraction = (number * 0.618034) % 1  # spreads any number of sentences evenly
        rank = 0 if fraction < FIRST else 1 + number % (MAX_EMOTIONS - 1) if fraction < FIRST + NAMED else _OTHER_RANK
        named[sentence] = ranked[rank]
    return named


def _client(server: StubServer) -> BaseChatModel:
    try:
        from langchain_openai import ChatOpenAI
    except ImportError:
        raise SetupError("the stub of a hosted LLM needs a client: run `pip install 'hef[openai]'`") from None
    fields: Any = {"base_url": server.url, "api_key": "stub", "model": "stub", "stream_usage": True, "max_retries": 0}
    client: BaseChatModel = ChatOpenAI(**fields)
    return client


async def _plain(model: BaseChatModel, sentence: str) -> Any:
    prompt = [SystemMessage(f"You are {HefContext().persona}."), HumanMessage(sentence)]
    async for chunk in model.astream(prompt):
        yield chunk, {"langgraph_node": _DRAFT_NODE}


def _turn(hef: Any, settings: HefContext, sentence: str) -> Any:
    return hef.astream({"messages": [HumanMessage(sentence)]}, context=settings, stream_mode="messages")


async def _answer_all(
    server: StubServer, ways: Mapping[str, Callable[[str], Any]], sentences: Sequence[str], progress: Progress
) -> dict[str, list[_Answered]]:
    turns: dict[str, list[_Answered]] = {name: [] for name in ways}
    for number, sentence in enumerate([WARM_UP, *sentences]):  # the first time is not counted
        for name, answer in ways.items():
            turn = await _answer(server, answer(sentence))
            if number:
                turns[name].append(turn)
        progress("sentences", number, len(sentences))
    return turns


async def _answer(server: StubServer, stream: Any) -> _Answered:
    started = time.perf_counter()
    first_token: float | None = None
    async for message, metadata in stream:
        if first_token is None and metadata["langgraph_node"] == _DRAFT_NODE and str(message.text):
            first_token = time.perf_counter() - started
    seconds = time.perf_counter() - started
    counts = await asyncio.to_thread(server.take_counts)
    return _Answered(seconds if first_token is None else first_token, seconds, counts)


def _cost(turns: Sequence[_Answered], plain: Sequence[_Answered], prices: TokenPrices | None) -> LatencyCost:
    pairs = list(zip(turns, plain, strict=True))
    prompt_tokens = mean(turn.counts.prompt_tokens for turn in turns)
    completion_tokens = mean(turn.counts.completion_tokens for turn in turns)
    return LatencyCost(
        first_token=median(turn.first_token for turn in turns),
        last_token=median(turn.last_token for turn in turns),
        first_token_ratio=median(turn.first_token / alone.first_token for turn, alone in pairs),
        last_token_ratio=median(turn.last_token / alone.last_token for turn, alone in pairs),
        calls=mean(turn.counts.calls for turn in turns),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        price=prices.per_thousand(prompt_tokens, completion_tokens) if prices else None,
    )
