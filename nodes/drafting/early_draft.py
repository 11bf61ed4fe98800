"""A reply that is drafted while the LLM still judges: from the SEM's reading alone, used where the decision fits it.

A hosted LLM takes half a second to the first token of any answer, so that a reply that waits for a judgement comes
twice as late as a plain one. An early draft stands in no state and no checkpoint: a resumed turn drafts anew.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from threading import Thread
from typing import Any

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.messages import BaseMessage
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tools import BaseTool
from langchain_core.tracers import context as tracing
from langgraph.config import get_config
from langgraph.constants import TAG_NOSTREAM
from langsmith.run_helpers import tracing_context

from ...contract import Cause, Empathy, Safety, Verdict
from ...contract.chat_model import ChatModel, chat_models, draft_form, is_hosted
from ...contract.sync_async import maybe_await, run_sync
from ...llm import ChoiceScorer
from ...prompts import Prompts, newest
from ...prompts.messages import named_emotions
from ...sem import Taxonomy
from ..deciding.decision import decide
from ..support.draft_prompt import draft_prompt, names_distribution, reply_model
from ..support.llm_calls import STOP_WITHIN, LlmCalls
from ..support.node_record import record_suppressed_error
from ..support.spoken_stream import EVENT_STREAMS, streams_tokens
from ..support.tool_call import call_tool, dialogue_argument
from ..support.turn_view import TurnView
from .repeated_call import (
    CallFailure,
    CallRecorder,
    CallStopped,
    Recording,
    StreamRecorder,
    can_repeat,
    repeated,
    silent,
    stopped,
)

EARLY = "hef:early_draft"
"""Tag of the call of an early draft that was not used."""
_NEAR = 0.5
"""Share of the likeliest emotion's probability from which on a note's other emotions count as nearly as likely."""
_PRIVATE = "__pregel_"
"""How LangGraph's own keys begin in a config's `configurable`."""


@dataclass(frozen=True, slots=True)
class EarlyPrompt:
    """What the LLM was told for an early draft."""

    messages: list[BaseMessage]
    """The prompt."""
    emotions: tuple[str, ...]
    """The most likely emotion of its note, and those that it gives nearly as much; none where it names none, since the
    SEM finds the turn neutral."""
    safety: Safety
    """What was known of danger."""

    def is_safe_for(self, safety: Safety) -> bool:
        """Return whether nothing else is known of danger meanwhile that a prompt tells."""
        told = {"level", "kind", "words", "after_danger"}
        return self.safety.model_dump(include=told) == safety.model_dump(include=told)


class EarlyDraft:
    """A reply in the making, whose chunks are kept until somebody asks for them.

    The host's callbacks see nothing of its call: they are told once, of the reply where the draft is used (`use`), else
    of a draft that was not (`discard`).

    Args:
        calls: Whether the LLM is called by its synchronous methods, in a thread of its own, or by its asynchronous
            ones, in a task.
        llm: The LLM of the run.
        turn: The turn.
        drafts: Makes the prompt.
    """

    def __init__(self, calls: LlmCalls, llm: ChatModel, turn: TurnView, drafts: EarlyDrafts) -> None:
        self._calls, self._llm = calls, llm
        self._recording = Recording(asynchronous=calls.asynchronous)
        recorder = StreamRecorder if streams_tokens(_handlers()) else CallRecorder
        self._recorder = recorder(self._recording)
        self._prompt: EarlyPrompt | None = None
        self.has_failed = False
        """Whether its call ended with an error; the reply is then drafted anew, with all its tries."""
        self._task: asyncio.Task[None] | None = None
        if calls.asynchronous:
            self._task = asyncio.create_task(self._write(turn, drafts), context=copy_context())
        else:
            run = copy_context().run
            Thread(target=lambda: run(run_sync, self._write(turn, drafts)), daemon=True, name="hef-early-draft").start()

    async def _write(self, turn: TurnView, drafts: EarlyDrafts) -> None:
        """Call the LLM, unseen by the callbacks of the run and by tracers."""
        try:
            _leave_run()
            with tracing_context(enabled=False):
                llm = reply_model(self._llm, turn.settings.model_settings)
                making = asyncio.to_thread(drafts.prompt, turn) if self._calls.asynchronous else drafts.prompt(turn)
                prompt = await maybe_await(making)
                self._recording.put(prompt)
                tags = [TAG_NOSTREAM, EARLY]
                config: Any = {"callbacks": [self._recorder], "tags": tags}
                await self._calls.invoke(silent(llm), prompt.messages, config)
        except CallStopped:
            pass
        except BaseException as error:
            # Whoever reads waits for an end, also where the LLM cancelled itself; after `stop` nobody reads.
            if not self._recorder.is_stopped:
                self.has_failed = True
                self._recording.put(CallFailure(error, is_last=True))
            if self._calls.asynchronous and not isinstance(error, Exception):
                raise

    async def use(self, llm: ChatModel, empathy: Empathy) -> tuple[ChatModel, list[BaseMessage]] | None:
        """Return a chat model that gives this draft, and its prompt; None where the draft does not serve.

        It serves while it has not failed, nothing else is known of danger, and its note says the decided emotion, or
        another one that is hardly likelier; where that is uncertain, while its note names none.

        Args:
            llm: The LLM with the settings of the run's reply.
            empathy: What was decided.
        """
        prompt = await self._made_prompt()
        if prompt is None or not prompt.is_safe_for(empathy.safety) or bool(prompt.emotions) == empathy.uncertain:
            return None
        if not empathy.uncertain and empathy.emotion not in prompt.emotions:
            return None
        if not await self._has_begun():
            return None
        return repeated(llm, self._recording, asynchronous=self._calls.asynchronous), prompt.messages

    async def discard(self) -> None:
        """End the draft, and tell the callbacks of the node what there is of it, as a call with the tag `EARLY`."""
        await self.stop()
        if self._recorder.has_begun and not self.has_failed and (prompt := await self._made_prompt()):
            config: Any = {"tags": [TAG_NOSTREAM, EARLY]}
            await self._calls.invoke(stopped(self._llm, self._recording), prompt.messages, config)

    async def stop(self) -> None:
        """End the call: at once where it is asynchronous, else at its next chunk."""
        self._recorder.is_stopped = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=STOP_WITHIN)

    def stop_soon(self) -> None:
        """End the call, from any thread."""
        self._recorder.is_stopped = True
        if self._task is not None:
            with suppress(RuntimeError):  # the loop is closed, and with it the task
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    async def _has_begun(self) -> bool:
        """Wait for the first of the answer, after tries that failed, and return whether there is one."""
        part = await self._recording.get()
        while isinstance(part, CallFailure) and not part.is_last:
            part = await self._recording.get()
        self._recording.unread(part)
        return not self.has_failed

    async def _made_prompt(self) -> EarlyPrompt | None:
        """Return the prompt, which is the first part of the recording; None where it could not be made."""
        if self._prompt is None and isinstance(part := await self._recording.get(), EarlyPrompt):
            self._prompt = part
        return self._prompt


class EarlyDrafts:
    """The early drafts of one graph's runs, each known by the verdict of its turn, the very object.

    Two runs never have the same object, a run that is resumed has another one, and when a run ends, however it ends,
    its verdict goes, and with it a draft that nobody took.

    Args:
        taxonomy: The labels.
        prompts: The graph's templates.
        causes: The tool `sem_causes`.
    """

    def __init__(self, taxonomy: Taxonomy, prompts: Prompts, causes: BaseTool) -> None:
        self._taxonomy = taxonomy
        self._prompts = prompts
        self._causes = causes
        self._kept: dict[int, tuple[EarlyDraft, weakref.finalize[Any, Any]]] = {}

    @asynccontextmanager
    async def beside(self, calls: LlmCalls, llm: ChatModel, turn: TurnView) -> AsyncIterator[EarlyDraft | None]:
        """Draft while the body runs, None where the turn has no early draft; an error of the body ends it."""
        draft = EarlyDraft(calls, llm, turn, self) if _is_wanted(llm, turn) else None
        try:
            yield draft
        except BaseException:
            if draft:
                await draft.stop()
            raise

    async def keep(self, draft: EarlyDraft, verdict: Verdict, max_requeries: int) -> None:
        """Keep a draft for the node that writes the reply; where the SEM is asked again, it is discarded."""
        if not verdict.agreed and verdict.requeries < max_requeries:
            await draft.discard()
            return
        finalizer = weakref.finalize(verdict, self._forget, id(verdict))
        finalizer.atexit = False
        self._kept[id(verdict)] = draft, finalizer

    def take(self, verdict: Verdict | None) -> EarlyDraft | None:
        """Return the draft of a turn once; None where there is none."""
        draft, finalizer = self._kept.pop(id(verdict), (None, None))
        if finalizer:
            finalizer.detach()
        return draft

    def _forget(self, key: int) -> None:
        draft, _ = self._kept.pop(key, (None, None))
        if draft:
            draft.stop_soon()

    def prompt(self, turn: TurnView) -> EarlyPrompt:
        """Return the prompt of the reply as it is if the SEM alone decides."""
        decision = decide(turn.readings, None, self._taxonomy)
        first, settings = turn.readings[0], turn.settings
        empathy = Empathy(
            emotion=decision.emotion,
            distribution=decision.distribution,
            primary=first.primary,
            uncertain=first.is_neutral,
            causes=() if first.is_neutral else self._cause_words(turn, decision.emotion),
        )
        messages = draft_prompt("chat", turn, empathy, self._prompts, self._taxonomy)
        if first.is_neutral:
            return EarlyPrompt(messages, (), turn.safety)
        prompts = self._prompts.replaced(settings.templates)
        named = named_emotions(decision.emotion, decision.distribution) if names_distribution(prompts) else ()
        least = _NEAR * decision.distribution[decision.emotion]
        near = [label for label in named if decision.distribution[label] >= least]
        return EarlyPrompt(messages, tuple(dict.fromkeys([decision.emotion, *near])), turn.safety)

    def _cause_words(self, turn: TurnView, emotion: str) -> tuple[Cause, ...]:
        """Return the words that speak for an emotion; none where the SEM fails, as in the node `cause_words`."""
        shown, _ = newest(turn.dialogue, turn.settings.dialogue_limit)
        try:
            answer, _ = call_tool(self._causes, {"dialogue": dialogue_argument(shown), "emotion": emotion})
        except Exception as error:
            record_suppressed_error(error)
            return ()
        return tuple(turn.in_conversation(cause, shown) for cause in answer.artifact)


def _is_wanted(llm: ChatModel, turn: TurnView) -> bool:
    """Return whether a reply is drafted beside the judgement of a turn.

    Only a chat model can do both at once: one that scores, or was trained on the transcript, is a local one.
    """
    settings = turn.settings
    chosen = is_hosted(llm) if settings.early_draft is None else settings.early_draft
    return (
        chosen
        and settings.strategy == "two_stage"
        and not settings.confirm_emotion
        and turn.safety.level != "danger"
        and bool(turn.readings)
        and turn.disputed_verdict is None
        and draft_form(llm) == "chat"
        and can_repeat(llm)
        and not any(isinstance(model, ChoiceScorer) for model in chat_models(llm))
        and not any(isinstance(handler, EVENT_STREAMS) for handler in _handlers())
    )


def _handlers() -> list[Any]:
    """Return the callback handlers of the node that runs."""
    manager = get_config().get("callbacks")
    return manager.handlers if isinstance(manager, BaseCallbackManager) else list(manager or ())


def _leave_run() -> None:
    """Leave the run, in the context of a task or thread of its own: what else is set there stays.

    Callbacks are told later. What LangGraph keeps in the config would keep the run's state alive, and with it the
    verdict by whose end an abandoned draft is stopped.
    """
    config = var_child_runnable_config.get() or {}
    own = {name: value for name, value in (config.get("configurable") or {}).items() if not name.startswith(_PRIVATE)}
    var_child_runnable_config.set({**config, "configurable": own, "callbacks": None})
    for variable, *_ in getattr(tracing, "_configure_hooks", ()):  # without them, such counters count a draft twice
        variable.set(None)
