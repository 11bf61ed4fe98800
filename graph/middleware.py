"""HEF as a middleware of LangChain's `create_agent`: reads the person, and tells the agent's model how they feel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NotRequired

from langchain_core.messages import AIMessage, AnyMessage, SystemMessage
from langgraph.runtime import Runtime

from ..contract import Empathy, HefContext, HefState, PoolingWeights, as_context
from ..contract.chat_model import ChatModel
from ..contract.context import misspelled_settings, settings_from
from ..contract.errors import needs_extra
from ..contract.state import JsonValue
from ..contract.sync_async import maybe_await, run_sync
from ..llm.missing_model import resolve_optional_model
from ..nodes.support.message_text import message_text
from ..nodes.support.transcript import last_human_index, message_print
from ..prompts import Overrides
from ..sem import Sem, Taxonomy
from .build import remembering_graph, takeover_graph, turn_telemetry
from .empathy_reader import EmpathyNote, EmpathyReader, new_replies
from .parts import Parts, SafetyChoice, SafetyHooks

with needs_extra("agents", "the middleware needs LangChain's agents"):
    from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse, hook_config
    from langchain.agents.middleware.types import OmitFromInput, PrivateStateAttr


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
    changed. It costs the LLM calls of the coarse judgement (see setting `ask`) and, with a hosted LLM, of the look for
    danger; none with the strategy `sem_only`.

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
        safety: As in `create_hef`.
        on_safety: As in `create_hef`.
        crisis_reply: Whether somebody in danger is answered by HEF's fixed text, and the agent's model is not asked.
            Otherwise the model answers, and its note says whom to name and what to leave.
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
        model: ChatModel | str | None = None,
        sem: Sem | str | None = None,
        taxonomy: Taxonomy | None = None,
        prompts: Overrides | None = None,
        fit: PoolingWeights | Path | str | None = None,
        safety: SafetyChoice = "auto",
        on_safety: SafetyHooks | None = None,
        crisis_reply: bool = True,
        settings: HefContext | Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._settings = settings_from(settings) if isinstance(settings, Mapping) else settings or HefContext()
        llm = resolve_optional_model(model) if self._settings.strategy == "sem_only" else model
        parts = Parts.resolve(
            model=llm, sem=sem, taxonomy=taxonomy, prompts=prompts, fit=fit, safety=safety, on_safety=on_safety
        )
        self._crisis_reply = crisis_reply
        telemetry = turn_telemetry()
        self._reader = EmpathyReader(parts, telemetry, crisis_reply=crisis_reply)
        # After the agent's turn, whose messages hold the reply then: whoever writes on in the pause was answered.
        self._takeover = takeover_graph(telemetry).compile(name="hef")
        self._remembering = remembering_graph(telemetry).compile(checkpointer=False, name="hef")

    @hook_config(can_jump_to=["end"])
    def before_agent(self, state: HefAgentState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Read the person, unless their last message was read already."""
        if _is_read(state):
            return self._jump(state.get("empathy"))
        settings, host_fault = self._run_settings(runtime), misspelled_settings(runtime.context)
        return self._update(self._reader.read(state["messages"], settings, host_fault))

    @hook_config(can_jump_to=["end"])
    async def abefore_agent(self, state: HefAgentState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Read the person as `before_agent` does, without blocking the event loop."""
        if _is_read(state):
            return self._jump(state.get("empathy"))
        settings, host_fault = self._run_settings(runtime), misspelled_settings(runtime.context)
        return self._update(await self._reader.aread(state["messages"], settings, host_fault))

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: HefAgentState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Read the person again where they are in danger by words that came meanwhile, as in a pause of the agent.

        Other words are read with the next turn: in a tool loop, messages that nobody said are added for the model.
        """
        is_new = self._reader.sees_new_danger(state["messages"], state.get("hef_read"))
        return self.before_agent(state, runtime) if is_new else None

    @hook_config(can_jump_to=["end"])
    async def abefore_model(self, state: HefAgentState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Read the person again as `before_model` does, without blocking the event loop."""
        is_new = await asyncio.to_thread(self._reader.sees_new_danger, state["messages"], state.get("hef_read"))
        return await self.abefore_agent(state, runtime) if is_new else None

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
        """Let a human take over in danger, and store the turn where the person is named and the agent has a store."""
        settings = self._run_settings(runtime)
        return run_sync(self._end_turn(state, settings, self._takeover.invoke, self._remembering.invoke))

    async def aafter_agent(self, state: HefAgentState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """End the turn as `after_agent` does, without blocking the event loop."""
        settings = self._run_settings(runtime)
        return await self._end_turn(state, settings, self._takeover.ainvoke, self._remembering.ainvoke)

    def _handover(self, state: HefAgentState, settings: HefContext) -> HefState | None:
        """Return what a human who may take over is asked about; None where none is asked, or was already."""
        note, empathy = state.get("hef_read"), state.get("empathy")
        is_due = settings.safety_handoff and note is not None and not note.handed_over and self._jump(empathy)
        return HefState(messages=state["messages"], safety=empathy.safety) if is_due and empathy else None

    async def _end_turn(
        self, state: HefAgentState, settings: HefContext, take_over: Callable[..., Any], store_turn: Callable[..., Any]
    ) -> dict[str, Any] | None:
        """Return the update after the agent's turn, with what a human said who took over."""
        note, update = state.get("hef_read"), {}
        asked = self._handover(state, settings)
        if asked is not None and note is not None:
            takeover = await maybe_await(take_over(asked, context=settings))
            note = note.model_copy(update={"faults": {**note.faults, **takeover["faults"]}, "handed_over": True})
            update = {"messages": new_replies(state["messages"], takeover["messages"]), "hef_read": note}
            state = {**state, "messages": takeover["messages"], "hef_read": note}
        turn = _turn(state)
        if turn is None:
            return None
        empathy: Empathy = (await maybe_await(store_turn(turn, context=settings)))["empathy"]
        return {**update, "empathy": empathy, "hef_degraded": empathy.degraded}

    def _update(self, note: EmpathyNote) -> dict[str, Any]:
        update: dict[str, Any] = {"empathy": note.empathy, "hef_degraded": note.degraded, "hef_read": note}
        replies = {"messages": note.replies} if note.replies else {}
        return {**update, **replies, **(self._jump(note.empathy) or {})}

    def _jump(self, empathy: Empathy | None) -> dict[str, Any] | None:
        """Return what ends the agent's turn where the person is in danger and HEF answers them."""
        is_answered = self._crisis_reply and empathy is not None and empathy.safety.level == "danger"
        return {"jump_to": "end"} if is_answered else None

    def _run_settings(self, runtime: Runtime[Any]) -> HefContext:
        context = as_context(runtime.context)
        return self._settings.model_copy(update={name: getattr(context, name) for name in context.model_fields_set})


def _is_read(state: HefAgentState) -> bool:
    """Return whether the person's last words were understood before; what failed is tried again in the next run."""
    note = state.get("hef_read")
    return note is not None and state.get("empathy") is not None and note.turn == message_print(state["messages"])


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
