"""Calls of a run's LLM: by its synchronous or asynchronous methods, and which failures are tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.config import merge_configs
from langchain_core.runnables.configurable import DynamicRunnable
from langgraph.config import get_config
from langgraph.constants import TAG_NOSTREAM
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime, get_runtime
from langgraph.types import RetryPolicy

from ...contract import HefContext, HefError, HefState, SetupError
from ...contract.chat_model import ChatModel
from ...contract.errors import error_text, http_status
from ...contract.sync_async import past_closed_loops, run_sync
from ...llm import ChoiceScorer, resolve_model
from ...llm.resolve import check_choice
from ..support.node_record import record_suppressed_error
from ..support.turn_view import Update, is_served
from .context_overflow import overflows, remember_window, shorter_prompts
from .system_role import fold, needs_folding, refuses_system_role, remember_refusal

STOP_WITHIN = 0.5
"""Seconds that a call has to end once it is given up; one that closes its connection slowly keeps nobody waiting."""
_RETRYABLE_STATUS = frozenset({408, 425, 429})
"""Status codes below 500 that another try may get past."""
_CONNECTION_ERRORS = frozenset(
    {"TransportError", "APIConnectionError", "Timeout", "ConnectionError", "ChunkedEncodingError"}
)
"""Classes of httpx, of the SDKs built on it and of requests that mean a broken or slow connection."""
_BUSY_ERRORS = frozenset(
    {"RateLimitError", "TooManyRequests", "ResourceExhausted", "ThrottlingException", "OverloadedError"}
    | {"ServiceUnavailable", "ServiceUnavailableError", "InternalServerError", "DeadlineExceeded", "GatewayTimeout"}
)
"""Classes of SDKs that mean a busy or broken server, for errors that carry no status."""


class TransientError(Exception):
    """An LLM call that failed and is tried again.

    LangGraph logs what it tries again, and a provider's error may quote the person: this one names class and status.
    """


class _Began(BaseCallbackHandler):
    """Notes whether a call has begun to answer."""

    run_inline = True  # in the event loop: there is one event for each token
    has_begun = False

    @property
    def ignore_chat_model(self) -> bool:
        """Whether the prompt is of no use here, which LangChain would make a text of."""
        return True

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        """Note it."""
        self.has_begun = True


@dataclass(frozen=True, slots=True)
class LlmCalls:
    """Calls of chat models by one body of code for synchronous and asynchronous callers.

    The synchronous form never leaves anything to await, so that `run_sync` can drive its caller.
    """

    asynchronous: bool
    """Whether the asynchronous methods of the models are used."""

    async def model_for_run(self, default: ChatModel, settings: HefContext) -> ChatModel:
        """Return the LLM of this run: the graph's own, or another one that the settings name.

        Raises:
            SetupError: The settings name an unknown LLM, or one that a client of this server may not name.
        """
        if settings.model is None or settings.model == "":
            return configured(default)
        if isinstance(settings.model, str):
            check_choice(settings.model, served=is_served())
        if self.asynchronous:
            return configured(await asyncio.to_thread(resolve_model, settings.model))
        return configured(resolve_model(settings.model))

    async def invoke(
        self, model: Runnable[Any, Any], messages: Sequence[BaseMessage], config: RunnableConfig | None = None
    ) -> Any:
        """Return the answer of a chat model, or of one with structured output.

        A model that refuses the system message is asked once more without, and at once from then on. One that finds the
        prompt too long is asked with the newer half of the conversation, and so on.
        """
        try:
            return await self._invoke_folded(model, messages, config)
        except Exception as error:
            if not messages or not overflows(error):
                raise
            too_long = error
        for halvings, shorter in enumerate(shorter_prompts(messages), start=1):
            try:
                answer = await self._invoke_folded(model, shorter, config)
            except Exception as error:
                if not overflows(error):
                    raise
                too_long = error
            else:
                remember_window(model, messages, halvings)
                return answer
        raise too_long

    async def _invoke_folded(
        self, model: Runnable[Any, Any], messages: Sequence[BaseMessage], config: RunnableConfig | None
    ) -> Any:
        if needs_folding(model):
            return await self._invoke(model, fold(messages), config)
        try:
            return await self._invoke(model, messages, config)
        except Exception as error:
            if not refuses_system_role(error, messages):
                raise
        answer = await self._invoke(model, fold(messages), config)
        remember_refusal(model)
        return answer

    async def _invoke(
        self, model: Runnable[Any, Any], messages: Sequence[BaseMessage], config: RunnableConfig | None
    ) -> Any:
        if self.asynchronous:
            began, is_unseen = _Began(), TAG_NOSTREAM in ((config or {}).get("tags") or ())
            watched = merge_configs(config or {}, {"callbacks": [began]})
            return await past_closed_loops(
                lambda: model.ainvoke(messages, watched), lambda: began.has_begun and not is_unseen
            )
        return model.invoke(messages, config)

    async def score_choices(
        self, model: ChoiceScorer, messages: Sequence[BaseMessage], choices: Sequence[str], **kwargs: Any
    ) -> dict[str, float]:
        """Return the log-probability of each choice as the answer; keyword arguments as in `ChoiceScorer`."""
        if self.asynchronous:
            return await model.ascore_choices(messages, choices, **kwargs)
        return model.score_choices(messages, choices, **kwargs)


def configured(model: ChatModel) -> ChatModel:
    """Return the chat model that the config of this run chooses where a host left it open (`configurable_fields`)."""
    config = get_config()
    while isinstance(model, DynamicRunnable):
        model, config = model.prepare(config)
    if isinstance(model, RunnableBindingBase) and isinstance(model.bound, DynamicRunnable):
        bound, _ = model.bound.prepare(merge_configs(config, model.config))
        return model.model_copy(update={"bound": bound})
    return model


SYNC, ASYNC = LlmCalls(asynchronous=False), LlmCalls(asynchronous=True)

LlmNode: TypeAlias = Callable[[HefState, Runtime[Any], LlmCalls], Coroutine[Any, Any, Update]]
"""The body of a node that waits on an LLM."""


def llm_node(body: LlmNode) -> RunnableLambda[HefState, Update]:
    """Return the node with this body, its name and its docstring, in a synchronous and an asynchronous form."""

    def call(state: HefState) -> Update:
        return run_sync(body(state, get_runtime(), SYNC))

    async def acall(state: HefState) -> Update:
        return await body(state, get_runtime(), ASYNC)

    call.__doc__ = body.__doc__
    return RunnableLambda(call, afunc=acall, name=getattr(body, "__name__", None))


def is_transient(error: BaseException) -> bool:
    """Return whether another try may succeed: a timeout, a broken connection, a busy or broken server.

    Nothing is imported to know an SDK's errors: they are recognised by their status code, else by the
    names of their classes, and so is their cause.
    """
    if isinstance(error, HefError | GraphBubbleUp):
        return False
    if isinstance(error, TransientError):
        return True
    if (status := http_status(error)) is not None:
        return status in _RETRYABLE_STATUS or status >= 500
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    if (_CONNECTION_ERRORS | _BUSY_ERRORS) & {kind.__name__ for kind in type(error).__mro__}:
        return True
    return error.__cause__ is not None and is_transient(error.__cause__)


RETRY = RetryPolicy(max_attempts=3, retry_on=is_transient)
"""How often a node that waits on an LLM tries again after a transient error."""


def must_propagate(error: Exception) -> bool:
    """Return whether asking the LLM in another way cannot help, or must wait for another try."""
    return isinstance(error, GraphBubbleUp | SetupError) or is_transient(error)


def fault_or_raise(error: Exception, runtime: Runtime[Any], task: str) -> str:
    """Return the fault of an LLM call that failed in a task, or raise what must not be suppressed.

    Wrong settings and interrupts are raised and, as a `TransientError`, what another try may get past as long as the
    node's retry policy has tries left.
    """
    attempt = runtime.execution_info.node_attempt if runtime.execution_info else RETRY.max_attempts
    if isinstance(error, GraphBubbleUp | SetupError):
        raise error
    if is_transient(error) and attempt < RETRY.max_attempts:
        raise TransientError(error_text(error)) from None
    record_suppressed_error(error)
    return f"the LLM could not {task}: {error_text(error)}"
