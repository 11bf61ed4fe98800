"""The graphs of HEF: nodes and edges of a turn."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from inspect import getdoc
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy
from typing_extensions import TypedDict

from ..contract import Empathy, HefContext, HefState, Memory, PoolingWeights, SetupError
from ..contract.chat_model import ChatModel
from ..contract.state import JsonValue, LabelledValue
from ..llm.missing_model import resolve_optional_model
from ..nodes import (
    RETRY,
    EarlyReplies,
    Judge,
    cause_words_node,
    coarse_emotion_node,
    confirm_emotion_node,
    crisis_reply_node,
    draft_response_node,
    fine_emotion_node,
    human_takeover_node,
    recall_node,
    remember,
    safety_node,
    sem_emotion_node,
)
from ..prompts import Overrides
from ..safety import assess
from ..sem import Sem, Taxonomy
from ..tools import sem_causes_tool, sem_emotion_tool
from .node_telemetry import GraphTelemetry
from .parts import Parts, SafetyChoice, SafetyHooks, check_state, input_output_schemas
from .routing import after_coarse, after_crisis, after_fine, after_safety

OutputMode: TypeAlias = Literal["last_message", "trace"]


def create_hef(
    *,
    model: ChatModel | str | None = None,
    sem: Sem | str | None = None,
    taxonomy: Taxonomy | None = None,
    prompts: Overrides | None = None,
    fit: PoolingWeights | Path | str | None = None,
    safety: SafetyChoice = "auto",
    on_safety: SafetyHooks | None = None,
    state_schema: type[Any] = HefState,
    context_schema: type[Any] = HefContext,
    output_mode: OutputMode = "last_message",
) -> StateGraph[Any, Any, Any, Any]:
    """Build the graph of one HEF turn, uncompiled: the host picks checkpointer, store and name.

    Args:
        model: A chat model, a model string (`embedded`, `huggingface:<id or folder>`, or what
            `langchain.chat_models.init_chat_model` takes), or None for the embedded default.
        sem: An object that fulfils `hef.sem.Sem`, a plugin's name, or None for the shipped one.
        taxonomy: The labels with neighbours and synonyms; None takes the SEM's own.
        prompts: Template name -> text that replaces the shipped one, or a folder of `NAME.md` files.
        fit: How the evidence of this SEM and this LLM is joined: what `hef evaluate emotion --fit`
            wrote, as its path or loaded. None takes the fit that ships for the pair, if there is one.
        safety: What looks for danger in the dialogue before anything else: a function from a dialogue to a `Safety`, or
            an object with such a method `assess`. `auto` is `hef.safety.assess`, and where `model` is a hosted LLM a
            `LlmSafetyCheck` that asks the LLM of the run, too. None switches it off (`docs/safety.md` says what that
            means).
        on_safety: A function, synchronous or asynchronous, or several, called with a `SafetyEvent` where somebody is in
            danger or may be.
        state_schema: `HefState` or a TypedDict with all its keys and more; the additional keys enter and leave
            the graph as `messages` do.
        context_schema: `HefContext` or a class with fields of the same names.
        output_mode: `last_message` adds one AIMessage, `trace` also the tool calls and results.

    Raises:
        SetupError: An argument is wrong, or the weights it needs are not installed.

    Example:
        >>> hef = create_hef().compile()
        >>> out = hef.invoke({"messages": [("user", "My dog died last night.")]})
        >>> out["empathy"].emotion
        'sad'
    """
    if output_mode not in ("last_message", "trace"):
        raise SetupError(f"output_mode is {output_mode!r}; expected 'last_message' or 'trace'")
    parts = Parts.resolve(
        model=model, sem=sem, taxonomy=taxonomy, prompts=prompts, fit=fit, safety=safety, on_safety=on_safety
    )
    graph = _Graph(state_schema, context_schema, parts.taxonomy.labels, turn_telemetry())
    causes = sem_causes_tool(parts.sem)
    replies = EarlyReplies(parts.taxonomy, parts.prompts)
    trace = output_mode == "trace"
    _add_safety_nodes(graph, parts, crisis_reply=True)
    graph.add("human_takeover", human_takeover_node())
    _add_emotion_nodes(graph, parts, crisis_reply=True, trace=trace, replies=replies)
    graph.add("confirm_emotion", confirm_emotion_node(parts.taxonomy))
    graph.add("cause_words", cause_words_node(causes, languages=parts.sem.description.languages, trace=trace))
    own_check = assess if parts.check_by_run else parts.assess  # the LLM of a run may be a local one
    draft_response = draft_response_node(parts.model, parts.prompts, replies, parts.taxonomy, own_check)
    graph.add("draft_response", draft_response, RETRY)
    graph.add("remember", remember)
    builder = graph.builder
    builder.add_conditional_edges("crisis_reply", after_crisis)
    builder.add_edge("human_takeover", "remember")
    builder.add_conditional_edges("fine_emotion", after_fine)
    builder.add_edge("confirm_emotion", "cause_words")
    builder.add_edge("cause_words", "draft_response")
    builder.add_edge("draft_response", "remember")
    builder.add_edge("remember", END)
    return builder


def create_emotion_graph(
    *,
    model: ChatModel | str | None = None,
    sem: Sem | str | None = None,
    taxonomy: Taxonomy | None = None,
    prompts: Overrides | None = None,
    fit: PoolingWeights | Path | str | None = None,
    safety: SafetyChoice = "auto",
    on_safety: SafetyHooks | None = None,
) -> StateGraph[Any, Any, Any, Any]:
    """Build the first half of a turn, up to the decision: no cause words, no reply, nothing stored.

    Where the person is in danger nothing is read: `empathy.safety` says so.

    Arguments and errors are those of `create_hef`.
    """
    parts = Parts.resolve(
        model=model, sem=sem, taxonomy=taxonomy, prompts=prompts, fit=fit, safety=safety, on_safety=on_safety
    )
    graph = _Graph(HefState, HefContext, parts.taxonomy.labels, GraphTelemetry(first="safety", last="fine_emotion"))
    _add_safety_nodes(graph, parts)
    _add_emotion_nodes(graph, parts)
    graph.builder.add_edge("fine_emotion", END)
    return graph.builder


def create_reading_graph(
    *,
    model: ChatModel | str | None = None,
    sem: Sem | str | None = None,
    taxonomy: Taxonomy | None = None,
    prompts: Overrides | None = None,
    fit: PoolingWeights | Path | str | None = None,
    safety: SafetyChoice = "auto",
    on_safety: SafetyHooks | None = None,
) -> StateGraph[Any, Any, Any, Any]:
    """Build a turn up to its cause words, for hosts whose own agent replies: no reply, nothing stored.

    It returns `empathy` and `memories`, of which `empathy_note` makes a note for the agent's model. With strategy
    `sem_only` no LLM is asked, and none needs to be installed. Where the person is in danger nothing is read:
    `empathy.safety` says so, the note tells your model what to do, and `hef.safety.crisis_text` is a reply.

    Arguments and errors are those of `create_hef`.

    Example:
        >>> read = create_reading_graph().compile()
        >>> turn = {"messages": [("user", "My dog died last night.")]}
        >>> out = read.invoke(turn, context=HefContext(strategy="sem_only"))
        >>> empathy_note(out["empathy"], out["memories"])
        'How the person feels in their last message, most likely first: sad ...'
    """
    llm = resolve_optional_model(model)
    parts = Parts.resolve(
        model=llm, sem=sem, taxonomy=taxonomy, prompts=prompts, fit=fit, safety=safety, on_safety=on_safety
    )
    return reading_graph(parts, GraphTelemetry(first="safety", last="cause_words"))


def reading_graph(
    parts: Parts, telemetry: GraphTelemetry, *, crisis_reply: bool = False
) -> StateGraph[Any, Any, Any, Any]:
    """Build the graph of `create_reading_graph` from resolved parts.

    Args:
        parts: What it is built from.
        telemetry: Telemetry of the turn, which may end in another graph.
        crisis_reply: Whether somebody in danger is answered, which is the only reply of this graph.
    """
    graph = _Graph(HefState, HefContext, parts.taxonomy.labels, telemetry, output_schema=ReadingOutput)
    _add_safety_nodes(graph, parts, crisis_reply=crisis_reply)
    if crisis_reply:
        graph.builder.add_edge("crisis_reply", END)
    _add_emotion_nodes(graph, parts, crisis_reply=crisis_reply, for_agent=True)
    graph.add("cause_words", cause_words_node(sem_causes_tool(parts.sem), languages=parts.sem.description.languages))
    graph.builder.add_edge("fine_emotion", "cause_words")
    graph.builder.add_edge("cause_words", END)
    return graph.builder


def takeover_graph(telemetry: GraphTelemetry) -> StateGraph[Any, Any, Any, Any]:
    """Build the graph in which a human may take over, for hosts that hold the reply to somebody in danger already."""
    return _graph_of_one_node("human_takeover", human_takeover_node(), telemetry)


def remembering_graph(telemetry: GraphTelemetry) -> StateGraph[Any, Any, Any, Any]:
    """Build the graph that stores a turn, for hosts whose reply ended before the node `remember` of the whole graph."""
    return _graph_of_one_node("remember", remember, telemetry)


def turn_telemetry() -> GraphTelemetry:
    """Return the telemetry of a turn that is stored, in one graph or in several."""
    return GraphTelemetry(first="safety", last="remember")


def _graph_of_one_node(name: str, node: Any, telemetry: GraphTelemetry) -> StateGraph[Any, Any, Any, Any]:
    """Build a graph of one node, which takes and returns the whole state."""
    graph = _Graph(HefState, HefContext, None, telemetry, input_schema=HefState, output_schema=HefState)
    graph.add(name, node)
    graph.builder.add_edge(START, name)
    graph.builder.add_edge(name, END)
    return graph.builder


def _add_safety_nodes(graph: _Graph, parts: Parts, *, crisis_reply: bool = False) -> None:
    """Add the node that looks for danger, and with `crisis_reply` the one that answers it; then nobody is read."""
    graph.add("safety", safety_node(parts.watch))
    builder = graph.builder
    builder.add_edge(START, "safety")
    in_danger = "crisis_reply" if crisis_reply else END
    builder.add_conditional_edges(
        "safety", after_safety, {"recall": "recall", "sem_emotion": "sem_emotion", "crisis_reply": in_danger}
    )
    if crisis_reply:
        graph.add("crisis_reply", crisis_reply_node(parts.prompts))


def _add_emotion_nodes(
    graph: _Graph,
    parts: Parts,
    *,
    crisis_reply: bool = False,
    for_agent: bool = False,
    trace: bool = False,
    replies: EarlyReplies | None = None,
) -> None:
    """Add the nodes from `safety` up to the decision, with their edges but for those that leave `fine_emotion`."""
    judge = Judge(parts.prompts, parts.taxonomy, parts.fits)
    graph.add("recall", recall_node(parts.model, for_agent=for_agent))
    sem_emotion, languages = sem_emotion_tool(parts.sem), parts.sem.description.languages
    graph.add("sem_emotion", sem_emotion_node(sem_emotion, languages=languages, trace=trace))
    graph.add("coarse_emotion", coarse_emotion_node(parts.model, judge, parts.watch, replies), RETRY)
    fine_emotion = fine_emotion_node(parts.model, parts.taxonomy, parts.fits, sem_emotion, languages=languages)
    graph.add("fine_emotion", fine_emotion)
    builder = graph.builder
    builder.add_edge("recall", "coarse_emotion")
    builder.add_edge("sem_emotion", "coarse_emotion")
    targets: dict[Hashable, str] = {name: name for name in ("sem_emotion", "fine_emotion")}
    targets["crisis_reply"] = "crisis_reply" if crisis_reply else END
    builder.add_conditional_edges("coarse_emotion", after_coarse, targets)


class ReadingOutput(TypedDict):
    """What a graph without a reply returns."""

    empathy: Annotated[Empathy, JsonValue]
    """What was understood."""
    memories: Annotated[list[Memory], JsonValue]
    """Past turns that bear on it, the most relevant first."""


class _Graph:
    """A graph under construction, whose nodes get telemetry when they are added.

    Args:
        state_schema: As in `create_hef`.
        context_schema: As in `create_hef`.
        labels: Emotions that what is in the state may name, also where a person edits it; None where all may be.
        telemetry: What watches its nodes.
        input_schema: What the graph takes, where it is not the messages.
        output_schema: What the graph returns, where it is not the messages with the reply.
    """

    def __init__(
        self,
        state_schema: type[Any],
        context_schema: type[Any],
        labels: Collection[str] | None,
        telemetry: GraphTelemetry,
        *,
        input_schema: type[Any] | None = None,
        output_schema: type[Any] | None = None,
    ) -> None:
        check_state(state_schema)
        messages_alone, whole_output = input_output_schemas(state_schema)
        self.builder: StateGraph[Any, Any, Any, Any] = StateGraph(
            state_schema,
            context_schema,
            input_schema=input_schema or messages_alone,
            output_schema=output_schema or whole_output,
        )
        if labels is not None:
            self._restrict_emotions(labels)
        self._telemetry = telemetry

    def _restrict_emotions(self, labels: Collection[str]) -> None:
        """Let what is in the state name these emotions alone."""
        channels = self.builder.channels
        for name in ("empathy", "verdict", "readings"):
            if isinstance(channel := channels[name], JsonValue):
                channels[name] = LabelledValue(channel.typ, name, labels)

    def add(self, name: str, node: Any, retry: RetryPolicy | None = None) -> None:
        """Add a node; the first line of its docstring describes it in the drawn graph and in traces."""
        description = (getdoc(getattr(node, "func", node)) or "").partition("\n")[0]
        watched = self._telemetry.wrap(name, node)
        self.builder.add_node(name, watched, retry_policy=retry, metadata={"description": description})
