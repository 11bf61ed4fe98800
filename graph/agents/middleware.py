"""HEF as a middleware of LangChain's `create_agent`: the agent's own model is told how the person feels."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NotRequired

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage
from langgraph.runtime import Runtime

from ...contract import Empathy, HefContext, HefState, PoolingWeights, SetupError, as_context
from ...contract.json_channel import JsonValue
from ...nodes import remember
from ...prompts import Overrides
from ...sem import Sem, Taxonomy
from .reader import EmpathyNote, EmpathyReader, last_turn, without_agent_messages

try:
    from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse
    from langchain.agents.middleware.types import OmitFromInput, PrivateStateAttr
except ImportError as error:
    raise SetupError(
        "the middleware wants LangChain's agents: install them with `pip install 'hef[agents]'`"
    ) from error


class HefAgentState(AgentState[Any]):
    """What HEF adds to an agent's state."""

    empathy: NotRequired[Annotated[Empathy | None, JsonValue, OmitFromInput]]
    """What was understood of the person's last message; None where nothing could be."""
    hef_degraded: NotRequired[Annotated[str | None, OmitFromInput]]
    """Why some part of HEF was left out in this turn; None when all worked."""
    hef_read: NotRequired[Annotated[EmpathyNote, JsonValue, PrivateStateAttr]]
    """The turn that was read, and what the agent's model is told of it."""


class HefMiddleware(AgentMiddleware[HefAgentState, Any, Any]):
    """Tell an agent's own model how the person feels and why, with no draft of HEF's own.

    Once a turn of the person, before the agent begins, HEF reads their emotion, cause words and past turns.
    Every model call of that turn finds them in its system message; the messages of the state stay as they
    are. It costs the LLM calls of the coarse judgement, and none with the strategy `sem_only`.

    The agent's context reaches HEF's settings as a parent's does (see `hef.contract.as_context`). With a
    `user_id` there and a store in the agent, past turns are recalled, and after the agent's last word the
    turn is stored, unless `remember` is false.

    What fails in HEF leaves the agent running without it: `hef_degraded` says why, and `empathy` is None
    where nothing was understood. Wrong settings are raised.

    Args:
        model: The LLM that weighs the SEM's emotions, as in `create_hef`; None is the embedded one. It may be
            the agent's own.
        sem: As in `create_hef`.
        taxonomy: As in `create_hef`.
        prompts: As in `create_hef`; `note` is what the agent's model is told.
        fit: As in `create_hef`.
        settings: What counts where the agent's context says nothing.

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
        settings: HefContext | None = None,
    ) -> None:
        super().__init__()
        self._reader = EmpathyReader(model=model, sem=sem, taxonomy=taxonomy, prompts=prompts, fit=fit)
        self._settings = settings or HefContext()

    def before_agent(self, state: HefAgentState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Read the person, unless their last message was read already."""
        if _is_read(state):
            return None
        return _update(self._reader.read(state["messages"], self._settings_of(runtime)))

    async def abefore_agent(self, state: HefAgentState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Read the person as `before_agent` does, without blocking the event loop."""
        if _is_read(state):
            return None
        return _update(await self._reader.aread(state["messages"], self._settings_of(runtime)))

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Call the agent's model with what was read in its system message."""
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
        empathy = remember(turn, runtime.override(context=self._settings_of(runtime)))["empathy"]
        return {"empathy": empathy, "hef_degraded": empathy.degraded}

    async def aafter_agent(self, state: HefAgentState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store the turn as `after_agent` does, without blocking the event loop."""
        return await asyncio.to_thread(self.after_agent, state, runtime)

    def _settings_of(self, runtime: Runtime[Any]) -> HefContext:
        given = as_context(runtime.context)
        return self._settings.model_copy(update={name: getattr(given, name) for name in given.model_fields_set})


def _is_read(state: HefAgentState) -> bool:
    """Say whether the person's last message was understood before; what failed is tried again in the next run."""
    read = state.get("hef_read")
    return read is not None and state.get("empathy") is not None and read.turn == last_turn(state["messages"])


def _update(read: EmpathyNote) -> dict[str, Any]:
    return {"empathy": read.empathy, "hef_degraded": read.degraded, "hef_read": read}


def _with_note(request: ModelRequest[Any]) -> ModelRequest[Any]:
    """Return the request with the note at the end of its system message, where prompt caches lose least."""
    state: Any = request.state
    read: EmpathyNote | None = state.get("hef_read")
    if read is None or not read.note:
        return request
    own = request.system_message
    if own is None:
        return request.override(system_message=SystemMessage(read.note))
    content: Any = [*own.content, {"type": "text", "text": read.note}]
    if isinstance(own.content, str):
        content = f"{own.content}\n\n{read.note}"
    return request.override(system_message=own.model_copy(update={"content": content}))


def _turn(state: HefAgentState) -> HefState | None:
    """Return the turn as the graph's own state holds it: up to the person's last message, then the agent's last word.

    None where nothing was understood.
    """
    read, empathy = state.get("hef_read"), state.get("empathy")
    if read is None or empathy is None:
        return None
    messages = without_agent_messages(state["messages"])
    last = max((n for n, one in enumerate(messages) if isinstance(one, HumanMessage)), default=-1)
    return HefState(
        messages=[*messages[: last + 1], _last_word(messages[last + 1 :])], empathy=empathy, faults=read.faults
    )


def _last_word(messages: Sequence[AnyMessage]) -> AIMessage:
    """Return the agent's last message with text; one without, where its answer is structured output alone."""
    spoken = (one for one in reversed(messages) if isinstance(one, AIMessage) and str(one.text).strip())
    return next(spoken, AIMessage(""))
