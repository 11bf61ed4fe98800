"""Cost of a HEF turn over a plain reply of the same LLM, in one run: time, calls and prompt tokens."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any
from uuid import UUID

import numpy as np
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, SystemMessage
from pydantic import BaseModel, Field

from ..contract import Dialogue, HefContext
from ..contract.progress import Progress, ignore_progress
from ..evaluation.emotion.turn_record import as_messages
from ..evaluation.metrics import Estimate, median_estimate
from ..graph import create_hef
from ..llm import LocalChat, model_name
from ..prompts import Overrides
from ..sem import Sem
from .synthetic_dialogues import distinct_contexts

LENGTHS = (1, 3, 5)
_DRAFT_NODE = "draft_response"
_WARM = 3


class AnswerCost(BaseModel, frozen=True):
    """The cost of one variant over all measured turns."""

    seconds: float = Field(description="Median wall time of a turn")
    first_token: float = Field(description="Median seconds to the reply's first text")
    completion_tokens: float | None = Field(description="Median tokens of a reply; None where the LLM reports none")
    calls: float = Field(description="Mean LLM calls per turn, scoring included")
    prompt_tokens: float | None = Field(
        description="Mean prompt tokens of the LLM per turn, without scored labels; None where it reports none"
    )
    prefilled_tokens: float | None = Field(description="Mean of these that were computed, not cached")


class TurnReport(BaseModel, frozen=True):
    """A HEF turn beside a plain reply of the same LLM to the same dialogue, timed alternately."""

    model: str = Field(description="Name of the LLM")
    sem: str = Field(description="Name of the SEM")
    turns: int = Field(description="Dialogues of one, three and five turns, each answered by every variant")
    tokens: int = Field(description="Requested tokens of a reply")
    exact_length: bool = Field(
        description="Whether every reply had exactly these; if not, the times are of different lengths"
    )
    ratio: Estimate = Field(description="Median over dialogues of HEF's time over the plain reply's; 95% interval")
    by_length: dict[int, float] = Field(description="The same by the number of turns of the dialogue")
    variants: dict[str, AnswerCost] = Field(
        description="`plain` (persona and turns as a chat), `hef`, and `hef_fresh`: HEF with an LLM without caches"
    )
    nodes: dict[str, float] = Field(description="Node -> median seconds per HEF turn, several rounds added up")


@dataclass(slots=True)
class _TurnCost:
    """Cost of one turn."""

    seconds: float = 0.0
    first_token: float | None = None
    completion_tokens: int | None = None
    calls: int = 0
    prompt_tokens: int | None = None
    prefilled_tokens: int | None = None
    nodes: dict[str, float] = field(default_factory=dict)


def measure_turns(
    model: BaseChatModel,
    sem: Sem,
    *,
    tokens: int = 40,
    repeats: int = 3,
    settings: HefContext | None = None,
    prompts: Overrides | None = None,
    fit: Path | None = None,
    progress: Progress = ignore_progress,
) -> TurnReport:
    """Answer dialogues with each variant alternately, so that other load on the machine affects all of them.

    A local model generates exactly so many tokens per reply, and is loaded a second time without
    caches. Any other model is used as it is. Memory is not used; every dialogue is new to the caches.

    Args:
        model: The LLM.
        sem: The SEM.
        tokens: Length of a reply.
        repeats: Number of dialogues of each length.
        settings: Settings of HEF.
        prompts: Templates that replace shipped ones, as `create_hef` takes them.
        fit: How SEM and LLM are joined, as `create_hef` takes it.
        progress: Called after each dialogue.
    """
    context = settings or HefContext()
    models = _models(model, tokens)
    variants: dict[str, Callable[[Dialogue], _TurnCost]] = {
        "plain": lambda dialogue: _measure_plain(models["hef"], dialogue, context)
    }
    for name, llm in models.items():
        builder = create_hef(model=llm, sem=sem, prompts=prompts, fit=fit)
        variants[name] = _hef_variant(llm, context, builder.compile())
    dialogues = distinct_contexts(_WARM + repeats * len(LENGTHS))
    costs: dict[str, list[_TurnCost]] = defaultdict(list)
    for number, dialogue in enumerate(dialogues):
        for name, answer in variants.items():
            cost = answer(dialogue)
            if number >= _WARM:
                costs[name].append(cost)
        progress("turns", max(0, number + 1 - _WARM), len(dialogues) - _WARM)
    return _report(model, sem, dialogues[_WARM:], costs, tokens)


def _models(model: BaseChatModel, tokens: int) -> dict[str, BaseChatModel]:
    """Return the LLM by variant of HEF: with its caches, and for a local one a second without."""
    if not isinstance(model, LocalChat):
        return {"hef": model}
    exact = {"min_tokens": tokens, "max_tokens": tokens, "stop": None}
    fields = {name: getattr(model, name) for name in model.model_fields_set}
    uncached = type(model)(**{**fields, **exact, "prefix_cache_tokens": 0})
    return {"hef": model.model_copy(update=exact), "hef_fresh": uncached}


def _hef_variant(model: BaseChatModel, context: HefContext, hef: Any) -> Callable[[Dialogue], _TurnCost]:
    def events(dialogue: Dialogue, calls: _CallCounter) -> Iterator[tuple[str, Any]]:
        messages: Any = {"messages": as_messages(dialogue)}
        modes = ["messages", "tasks"]
        streamed: Any = hef.stream(messages, {"callbacks": [calls]}, context=context, stream_mode=modes)
        yield from streamed

    return lambda dialogue: _measure(model, lambda calls: events(dialogue, calls))


def _measure_plain(model: BaseChatModel, dialogue: Dialogue, context: HefContext) -> _TurnCost:
    messages = [SystemMessage(f"You are {context.persona}."), *as_messages(dialogue)]

    def events(calls: _CallCounter) -> Iterator[tuple[str, Any]]:
        for chunk in model.stream(messages, {"callbacks": [calls]}):
            yield "messages", (chunk, {"langgraph_node": _DRAFT_NODE})

    return _measure(model, events)


def _measure(model: BaseChatModel, events: Callable[[_CallCounter], Iterator[tuple[str, Any]]]) -> _TurnCost:
    """Run one turn and record its times, calls and tokens."""
    cost, calls, task_starts = _TurnCost(), _CallCounter(), dict[str, float]()
    before = model.usage if isinstance(model, LocalChat) else None
    started = time.perf_counter()
    for mode, event in events(calls):
        now = time.perf_counter() - started
        if mode == "messages":
            _record_chunk(cost, event, now)
        elif "result" not in event:
            task_starts[event["id"]] = now
        else:
            cost.nodes[event["name"]] = cost.nodes.get(event["name"], 0.0) + now - task_starts[event["id"]]
    cost.seconds = time.perf_counter() - started
    cost.calls = calls.count
    if before and isinstance(model, LocalChat):
        after = model.usage
        cost.calls = after.prompts - before.prompts
        cost.prompt_tokens = after.prompt_tokens - before.prompt_tokens
        cost.prefilled_tokens = after.prefilled_tokens - before.prefilled_tokens
    return cost


def _record_chunk(cost: _TurnCost, event: tuple[Any, dict[str, Any]], now: float) -> None:
    """Record when the reply began, and its length so far."""
    message, metadata = event
    if metadata.get("langgraph_node") != _DRAFT_NODE or not isinstance(message, AIMessageChunk):
        return
    if cost.first_token is None and str(message.text):
        cost.first_token = now
    if message.usage_metadata:
        cost.completion_tokens = message.usage_metadata["output_tokens"]


def _report(
    model: BaseChatModel, sem: Sem, dialogues: Sequence[Dialogue], costs: dict[str, list[_TurnCost]], tokens: int
) -> TurnReport:
    ratios = np.array([hef.seconds / plain.seconds for hef, plain in zip(costs["hef"], costs["plain"], strict=True)])
    lengths = np.array([len(dialogue) for dialogue in dialogues])
    nodes = list(dict.fromkeys(name for cost in costs["hef"] for name in cost.nodes))
    return TurnReport(
        model=model_name(model),
        sem=sem.description.name,
        turns=len(dialogues),
        tokens=tokens,
        exact_length=all(cost.completion_tokens == tokens for turns in costs.values() for cost in turns),
        ratio=median_estimate(ratios),
        by_length={length: float(np.median(ratios[lengths == length])) for length in LENGTHS},
        variants={name: _aggregate(turns) for name, turns in costs.items()},
        nodes={name: median(cost.nodes.get(name, 0.0) for cost in costs["hef"]) for name in nodes},
    )


def _aggregate(costs: Sequence[_TurnCost]) -> AnswerCost:
    completion_tokens = [cost.completion_tokens for cost in costs if cost.completion_tokens is not None]
    prompt_tokens = [cost.prompt_tokens for cost in costs if cost.prompt_tokens is not None]
    prefilled_tokens = [cost.prefilled_tokens for cost in costs if cost.prefilled_tokens is not None]
    return AnswerCost(
        seconds=median(cost.seconds for cost in costs),
        first_token=median(cost.seconds if cost.first_token is None else cost.first_token for cost in costs),
        completion_tokens=median(completion_tokens) if completion_tokens else None,
        calls=mean(cost.calls for cost in costs),
        prompt_tokens=mean(prompt_tokens) if prompt_tokens else None,
        prefilled_tokens=mean(prefilled_tokens) if prefilled_tokens else None,
    )


class _CallCounter(BaseCallbackHandler):
    """Counts the calls of a chat model."""

    def __init__(self) -> None:
        self.count = 0

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[Any]], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Count one call."""
        self.count += 1
