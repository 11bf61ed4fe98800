"""What a HEF turn costs over a plain reply of the same LLM, in one run: time, calls and prompt tokens."""

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
from pydantic import BaseModel, ConfigDict, Field

from ..contract import Dialogue, HefContext
from ..evaluation.emotion.turn_record import as_messages
from ..evaluation.metrics import Estimate, median_estimate
from ..graph import create_hef
from ..llm import LocalChat, model_name
from ..prompts import Overrides
from ..sem import Sem
from .synthetic_dialogues import turns_apart

Report = Callable[[str, int, int], None]
LENGTHS = (1, 3, 5)
_DRAFTING = "draft_response"
_WARM = 3


class AnswerCost(BaseModel):
    """The cost of one way to answer, over all measured turns."""

    model_config = ConfigDict(frozen=True)

    seconds: float = Field(description="Median wall time of a turn")
    first_token: float = Field(description="Median seconds to the reply's first text")
    written: float | None = Field(description="Median tokens of a reply; None where the LLM does not tell")
    calls: float = Field(description="Mean LLM calls a turn, scoring included")
    given: float | None = Field(
        description="Mean prompt tokens given to the LLM a turn, without scored labels; None where it does not tell"
    )
    computed: float | None = Field(description="Mean prompt tokens of these that were computed, not held in a cache")


class TurnReport(BaseModel):
    """A HEF turn beside a plain reply of the same LLM to the same dialogue, taken in turns."""

    model_config = ConfigDict(frozen=True)

    model: str = Field(description="Name of the LLM")
    sem: str = Field(description="Name of the SEM")
    turns: int = Field(description="Dialogues of one, three and five turns, each answered in every way")
    tokens: int = Field(description="Tokens that a reply was asked to have")
    held: bool = Field(description="Whether every reply had exactly these; if not, the times are of different lengths")
    ratio: Estimate = Field(description="Median over dialogues of HEF's time over the plain reply's; 95% interval")
    by_length: dict[int, float] = Field(description="The same by the number of turns of the dialogue")
    ways: dict[str, AnswerCost] = Field(
        description="`plain` (persona and turns as a chat), `hef`, and `hef_fresh`: HEF where the LLM keeps no caches"
    )
    nodes: dict[str, float] = Field(description="Node -> median seconds a HEF turn, several rounds added up")


@dataclass(slots=True)
class _Turn:
    """What was seen of one turn."""

    seconds: float = 0.0
    first_token: float | None = None
    written: int | None = None
    calls: int = 0
    given: int | None = None
    computed: int | None = None
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
    report: Report = lambda doing, done, total: None,
) -> TurnReport:
    """Answer dialogues in each way, one after the other, so that a busy moment meets all of them.

    A local model is held to exactly so many tokens a reply, and stands a second time in memory without
    caches. Any other model is asked as it is. No memory takes part; every dialogue is new to the caches.

    Args:
        model: The LLM.
        sem: The SEM.
        tokens: Length of a reply.
        repeats: How many dialogues of each length.
        settings: Of HEF.
        prompts: Templates that replace shipped ones, as `create_hef` takes them.
        fit: How SEM and LLM are joined, as `create_hef` takes it.
        report: Told of the progress.
    """
    context = settings or HefContext()
    models = _models(model, tokens)
    ways: dict[str, Callable[[Dialogue], _Turn]] = {"plain": lambda said: _plain(models["kept"], said, context)}
    for name, llm in models.items():
        ways["hef" if name == "kept" else "hef_fresh"] = _hef_way(
            llm, context, create_hef(model=llm, sem=sem, prompts=prompts, fit=fit)
        )
    dialogues = turns_apart(_WARM + repeats * len(LENGTHS))
    seen: dict[str, list[_Turn]] = defaultdict(list)
    for place, dialogue in enumerate(dialogues):
        for name, answer in ways.items():
            turn = answer(dialogue)
            if place >= _WARM:
                seen[name].append(turn)
        report("turns", max(0, place + 1 - _WARM), len(dialogues) - _WARM)
    return _report(model, sem, dialogues[_WARM:], seen, tokens)


def _models(model: BaseChatModel, tokens: int) -> dict[str, BaseChatModel]:
    """Return the LLM that keeps caches, and for a local one a second that keeps none."""
    if not isinstance(model, LocalChat):
        return {"kept": model}
    exact = {"min_tokens": tokens, "max_tokens": tokens, "stop": None}
    given = {name: getattr(model, name) for name in model.model_fields_set}
    return {"kept": model.model_copy(update=exact), "fresh": type(model)(**{**given, **exact, "kept_tokens": 0})}


def _hef_way(model: BaseChatModel, context: HefContext, builder: Any) -> Callable[[Dialogue], _Turn]:
    hef = builder.compile()

    def events(dialogue: Dialogue, calls: _Calls) -> Iterator[tuple[str, Any]]:
        given: Any = {"messages": as_messages(dialogue)}
        streamed: Any = hef.stream(given, {"callbacks": [calls]}, context=context, stream_mode=["messages", "tasks"])
        yield from streamed

    return lambda dialogue: _watch(model, lambda calls: events(dialogue, calls))


def _plain(model: BaseChatModel, dialogue: Dialogue, context: HefContext) -> _Turn:
    messages = [SystemMessage(f"You are {context.persona}."), *as_messages(dialogue)]

    def events(calls: _Calls) -> Iterator[tuple[str, Any]]:
        for chunk in model.stream(messages, {"callbacks": [calls]}):
            yield "messages", (chunk, {"langgraph_node": _DRAFTING})

    return _watch(model, events)


def _watch(model: BaseChatModel, events: Callable[[_Calls], Iterator[tuple[str, Any]]]) -> _Turn:
    """Run one turn and note its times, calls and tokens."""
    turn, calls, begun = _Turn(), _Calls(), dict[str, float]()
    before = model.work if isinstance(model, LocalChat) else None
    started = time.perf_counter()
    for mode, held in events(calls):
        now = time.perf_counter() - started
        if mode == "messages":
            _hear(turn, held, now)
        elif "result" not in held:
            begun[held["id"]] = now
        else:
            turn.nodes[held["name"]] = turn.nodes.get(held["name"], 0.0) + now - begun[held["id"]]
    turn.seconds = time.perf_counter() - started
    turn.calls = calls.count
    if before and isinstance(model, LocalChat):
        after = model.work
        turn.calls = after.prompts - before.prompts
        turn.given, turn.computed = (
            after.prompt_tokens - before.prompt_tokens,
            after.prefilled_tokens - before.prefilled_tokens,
        )
    return turn


def _hear(turn: _Turn, held: tuple[Any, dict[str, Any]], now: float) -> None:
    """Note when the reply began, and how long it has become."""
    message, about = held
    if about.get("langgraph_node") != _DRAFTING or not isinstance(message, AIMessageChunk):
        return
    if turn.first_token is None and str(message.text):
        turn.first_token = now
    if message.usage_metadata:
        turn.written = message.usage_metadata["output_tokens"]


def _report(
    model: BaseChatModel, sem: Sem, dialogues: Sequence[Dialogue], seen: dict[str, list[_Turn]], tokens: int
) -> TurnReport:
    ratios = np.array([hef.seconds / plain.seconds for hef, plain in zip(seen["hef"], seen["plain"], strict=True)])
    lengths = np.array([len(dialogue) for dialogue in dialogues])
    nodes = list(dict.fromkeys(name for turn in seen["hef"] for name in turn.nodes))
    return TurnReport(
        model=model_name(model),
        sem=sem.description.name,
        turns=len(dialogues),
        tokens=tokens,
        held=all(turn.written == tokens for turns in seen.values() for turn in turns),
        ratio=median_estimate(ratios),
        by_length={length: float(np.median(ratios[lengths == length])) for length in LENGTHS},
        ways={name: _way(turns) for name, turns in seen.items()},
        nodes={name: median(turn.nodes.get(name, 0.0) for turn in seen["hef"]) for name in nodes},
    )


def _way(turns: Sequence[_Turn]) -> AnswerCost:
    written = [turn.written for turn in turns if turn.written is not None]
    given = [turn.given for turn in turns if turn.given is not None]
    computed = [turn.computed for turn in turns if turn.computed is not None]
    return AnswerCost(
        seconds=median(turn.seconds for turn in turns),
        first_token=median(turn.seconds if turn.first_token is None else turn.first_token for turn in turns),
        written=median(written) if written else None,
        calls=mean(turn.calls for turn in turns),
        given=mean(given) if given else None,
        computed=mean(computed) if computed else None,
    )


class _Calls(BaseCallbackHandler):
    """Counts the calls of a chat model."""

    def __init__(self) -> None:
        self.count = 0

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[Any]], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Count one call."""
        self.count += 1
