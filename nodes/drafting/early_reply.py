"""A reply that is begun before the decision, and said once nothing speaks against it.

A hosted LLM takes half a second to the first token of any answer, so that a reply that waits for a judgement comes
twice as late as a plain one. So it is asked for both at the same time, and the reply is told nothing of the feeling,
which such an LLM reads well by itself. A reply in the making stands in no state and no checkpoint: a resumed turn
drafts anew.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.messages import BaseMessage
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tracers import context as tracing
from langgraph.config import get_config
from langgraph.constants import TAG_NOSTREAM
from langsmith.run_helpers import tracing_context

from ...contract import Safety
from ...contract.chat_model import ChatModel
from ...contract.sync_async import maybe_await, run_sync
from ..calling.llm_calls import STOP_WITHIN, LlmCalls
from ..calling.spoken_stream import streams_tokens
from ..support.draft_prompt import reply_model
from ..support.turn_view import TurnView
from .call_recording import CallFailure, CallRecorder, CallStopped, Recording, StreamRecorder
from .repeated_call import repeating_model, stopped_model, without_callbacks

if TYPE_CHECKING:
    from .early_replies import EarlyReplies

UNUSED = "hef:unused_reply"
"""Tag of the call of an early reply that was not used."""
_PRIVATE = "__pregel_"
"""How LangGraph's own keys begin in a config's `configurable`."""


@dataclass(frozen=True, slots=True)
class EarlyPrompt:
    """What the LLM was told for an early reply."""

    messages: list[BaseMessage]
    """The prompt."""
    safety: Safety
    """What was known of danger."""

    def is_safe_for(self, safety: Safety) -> bool:
        """Return whether nothing else is known of danger meanwhile that a prompt tells."""
        told = {"level", "kind", "words", "after_danger"}
        return self.safety.model_dump(include=told) == safety.model_dump(include=told)


class EarlyReply:
    """A reply in the making: its chunks are kept until somebody asks for them.

    The host's callbacks are told of its call once: of the reply (`use`), or of one that was not used (`discard`).

    Args:
        calls: Whether the LLM is called by its synchronous methods, in a thread of its own, or by its asynchronous
            ones, in a task.
        llm: The LLM of the run.
        turn: The turn.
        replies: Makes the prompt.
    """

    def __init__(self, calls: LlmCalls, llm: ChatModel, turn: TurnView, replies: EarlyReplies) -> None:
        self._calls, self._llm, self._replies = calls, llm, replies
        self._recording = Recording(asynchronous=calls.asynchronous)
        recorder = StreamRecorder if streams_tokens(handlers()) else CallRecorder
        self._recorder = recorder(self._recording)
        self._prompt: EarlyPrompt | None = None
        self.has_failed = False
        """Whether its call ended with an error; the reply is then drafted anew, with all its tries."""
        self._task: asyncio.Task[None] | None = None
        if calls.asynchronous:
            self._task = asyncio.create_task(self._write(turn), context=copy_context())
        else:
            run = copy_context().run
            Thread(target=lambda: run(run_sync, self._write(turn)), daemon=True, name="hef-early-reply").start()

    async def _write(self, turn: TurnView) -> None:
        """Call the LLM, unseen by the callbacks of the run and by tracers."""
        try:
            _leave_run()
            with tracing_context(enabled=False):
                llm = reply_model(self._llm, turn.settings.model_settings)
                prompt = partial(self._replies.prompt, self._llm, turn)
                making = asyncio.to_thread(prompt) if self._calls.asynchronous else prompt()
                made = await maybe_await(making)
                self._recording.put(made)
                tags = [TAG_NOSTREAM, UNUSED]
                config: Any = {"callbacks": [self._recorder], "tags": tags}
                await self._calls.invoke(without_callbacks(llm), made.messages, config)
        except BaseException as error:
            # Whoever reads waits for an end, also where the LLM cancelled itself, or the call was stopped.
            self.has_failed = not self._recorder.is_stopped
            self._recording.put(CallFailure(error, is_last=True))
            if self._calls.asynchronous and not isinstance(error, Exception | CallStopped):
                raise

    async def use(self, llm: ChatModel, safety: Safety) -> tuple[ChatModel, list[BaseMessage]] | None:
        """Return a chat model that gives this reply, and its prompt; None where the reply does not serve.

        It serves while it has not failed and nothing else is known of danger than when it was begun.

        Args:
            llm: The LLM with the settings of the run's reply.
            safety: What is known of danger now.
        """
        prompt = await self._made_prompt()
        if prompt is None or not prompt.is_safe_for(safety):
            return None
        if not await self._has_begun():
            return None
        return repeating_model(llm, self._recording, asynchronous=self._calls.asynchronous), prompt.messages

    async def discard(self) -> None:
        """End the call, and tell the callbacks of the node what there is of it, as a call with the tag `UNUSED`."""
        await self.stop()
        if self._recorder.has_begun and not self.has_failed and (prompt := await self._made_prompt()):
            config: Any = {"tags": [TAG_NOSTREAM, UNUSED]}
            await self._calls.invoke(stopped_model(self._llm, self._recording), prompt.messages, config)

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
        """Wait for the first of the reply, after tries that failed, and return whether there is one."""
        part = await self._recording.get()
        while isinstance(part, CallFailure) and not part.is_last:
            part = await self._recording.get()
        self._recording.unread(part)
        return not self.has_failed

    async def _made_prompt(self) -> EarlyPrompt | None:
        """Return the prompt, which is the first part of the recording; None where it could not be made."""
        if self._prompt is None:
            part = await self._recording.get()
            if not isinstance(part, EarlyPrompt):
                self._recording.unread(part)
                return None
            self._prompt = part
        return self._prompt


def handlers() -> list[Any]:
    """Return the callback handlers of the node that runs."""
    manager = get_config().get("callbacks")
    return manager.handlers if isinstance(manager, BaseCallbackManager) else list(manager or ())


def _leave_run() -> None:
    """Leave the run, in the context of a task or thread of its own: what else is set there stays.

    Callbacks are told later. What LangGraph keeps in the config would keep the run's state alive, and with it the
    verdict by whose end an abandoned reply is stopped.
    """
    config = var_child_runnable_config.get() or {}
    own = {name: value for name, value in (config.get("configurable") or {}).items() if not name.startswith(_PRIVATE)}
    var_child_runnable_config.set({**config, "configurable": own, "callbacks": None})
    for variable, *_ in getattr(tracing, "_configure_hooks", ()):  # without them, such counters count a draft twice
        variable.set(None)
