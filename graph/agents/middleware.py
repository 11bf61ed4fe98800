"""HEF as a middleware of LangChain's `create_agent`: tells the agent's own model how the person feels."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NotRequired

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, SystemMessage
from langgraph.runtime import Runtime

from ...contract import Empathy, HefContext, HefState, PoolingWeights, SetupError, as_context
from ...contract.context import misspelled_settings, settings_from
from ...contract.state import JsonValue
from ...nodes import remember
from ...nodes.support.message_text import message_text
from ...nodes.support.transcript import last_human_id, last_human_index
from ...prompts import Overrides
from ...sem import Sem, Taxonomy
from ..parts import Parts
from .reader import EmpathyNote, EmpathyReader

try:
    from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse
    from langchain.agents.middleware.types import OmitFromInput, PrivateStateAttr
except ImportError as error:
    raise SetupError(
        "the middleware needs LangChain's agents: install them with `pip install 'hef[agents]'`"
    ) from error


class HefAgentState(AgentState[Any]):
    """What HEF adds to an agent's state."""

    empathy: NotRequired[Annotated[Empathy | None, JsonValue, OmitFromInput]]
    """What was understood of the person's last message; None where nothing could be."""
    hef_degraded: NotRequired[Annotated[str | None, OmitFromInput]]
    """Why some part of HEF was left out in this turn; None when all worked."""
    hef_read: NotRequired[Annotated[EmpathyNote, JsonValue, PrivateStateAttr]]
    """The turn that was read, and the note for the agent's model."""


class HefMiddleware(AgentMiddleware[HefAgentState, Any, Any]):
    """Tell an agent's own model how the person feels and why, with no draft of HEF's own.

    Once per turn of the person, before the agent begins, HEF reads their emotion, cause words and past turns.
    Every model call of that turn gets them in its system message; the messages of the state are not
    changed. It costs the LLM calls of the coarse judgement, and none with the strategy `sem_only`.

    The agent's context reaches HEF's settings as a parent's does (see `hef.contract.as_context`). With a
    `user_id` there and a store in the agent, past turns are recalled, and after the agent's reply the
    turn is stored, unless `remember` is false.

    What fails in HEF leaves the agent running without it: `hef_degraded` says why, and `empathy` is None
    where nothing was understood. Wrong settings are raised; what in the agent's context is nearly one is named there.

    Args:
        model: The LLM that weighs the SEM's emotions, as in `create_hef`; None is the embedded one. It may be
            the agent's own.
        sem: As in `create_hef`.
        taxonomy: As in `create_hef`.
        prompts: As in `create_hef`; `note` is the template of the note for the agent's model.
        fit: As in `create_hef`.
        settings: Defaults for what the agent's context does not set, as a `HefContext` or a mapping.

    Raises:
        SetupError: An argument is wrong, or the weights it needs are not installed.

    Example:
        >>> agent = create_agent("openai:gpt-5", tools, middleware=[HefMiddleware()])
        >>> agent.invoke({"messages": [("user", "My dog died last night.")]})["empathy"].emotion
        'sad'
    """

    state_schema = HefAgentState

    def __init__(
        self,
        *,
        model: BaseChatModel | str | None = None,
        sem: Sem | str | None = None,
        taxonomy: Taxonomy | None = None,
        prompts: Overrides | None = None,
        fit: PoolingWeights | Path | str | None = None,
        settings: HefContext | Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        parts = Parts.resolve(model=model, sem=sem, taxonomy=taxonomy, prompts=prompts, fit=fit)
        self._reader = EmpathyReader(parts)
        self._settings = settings_from(settings) if isinstance(settings, Mapping) else settings or HefContext()

    def before_agent(self, state: HefAgentState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Read the person, unless their last message was read already."""
        if _is_read(state):
            return None
        settings, host_fault = self._run_settings(runtime), misspelled_settings(runtime.context)
        return _update(self._reader.read(state["messages"], settings, host_fault))

    async def abefore_agent(self, state: HefAgentState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Read the person as `before_agent` does, without blocking the event loop."""
        if _is_read(state):
            return None
        settings, host_fault = self._run_settings(runtime), misspelled_settings(runtime.context)
        return _update(await self._reader.aread(state["messages"], settings, host_fault))

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Call the agent's model with the note in its system message."""
        return handler(_with_note(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Call the agent's model as `wrap_model_call` does."""
        return await handler(_with_note(request))

    def after_agent(self, state: HefAgentState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store the turn where the person is named and the agent has a store."""
        turn = _turn(state)
        if turn is None:
            return None
        empathy = remember(turn, runtime.override(context=self._run_settings(runtime)))["empathy"]
        return {"empathy": empathy, "hef_degraded": empathy.degraded}

    async def aafter_agent(self, state: HefAgentState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store the turn as `after_agent` does, without blocking the event loop."""
        return await asyncio.to_thread(self.after_agent, state, runtime)

    def _run_settings(self, runtime: Runtime[Any]) -> HefContext:
        context = as_context(runtime.context)
        return self._settings.model_copy(update={name: getattr(context, name) for name in context.model_fields_set})


def _is_read(state: HefAgentState) -> bool:
    """Return whether the person's last message was understood before; what failed is tried again in the next run."""
    note = state.get("hef_read")
    turn = last_human_id(state["messages"])
    return note is not None and state.get("empathy") is not None and note.turn == turn


def _update(note: EmpathyNote) -> dict[str, Any]:
    return {"empathy": note.empathy, "hef_degraded": note.degraded, "hef_read": note}


def _with_note(request: ModelRequest[Any]) -> ModelRequest[Any]:
    """Return the request with the note at the end of its system message, where prompt caches lose least."""
    state: Any = request.state
    read: EmpathyNote | None = state.get("hef_read")
    if read is None or not read.note:
        return request
    system = request.system_message
    if system is None:
        return request.override(system_message=SystemMessage(read.note))
    content: Any = [*system.content, {"type": "text", "text": read.note}]
    if isinstance(system.content, str):
        content = f"{system.content}\n\n{read.note}"
    return request.override(system_message=system.model_copy(update={"content": content}))


def _turn(state: HefAgentState) -> HefState | None:
    """Return the turn as the graph's own state has it: up to the person's last message, then the agent's reply.

    None where nothing was understood.
    """
    note, empathy = state.get("hef_read"), state.get("empathy")
    if note is None or empathy is None:
        return None
    messages = state["messages"]
    end = last_human_index(messages) + 1
    return HefState(messages=[*messages[:end], _reply(messages[end:])], empathy=empathy, faults=note.faults)


def _reply(messages: Sequence[AnyMessage]) -> AIMessage:
    """Return the agent's last message with text; one without, where its answer is structured output alone."""
    replies = (
        message for message in reversed(messages) if isinstance(message, AIMessage) and message_text(message).strip()
    )
    return next(replies, AIMessage(""))
