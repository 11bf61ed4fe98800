"""The whole machine: `create_hef` puts nodes and edges together."""

from __future__ import annotations

from inspect import getdoc
from pathlib import Path
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy

from ..contract import HefContext, HefState, PoolingWeights, SetupError
from ..llm import model_name, resolve_model
from ..nodes import (
    RETRY,
    FitRegistry,
    Judge,
    cause_words_node,
    coarse_emotion_node,
    confirm_emotion_node,
    draft_response_node,
    fine_emotion_node,
    recall,
    remember,
    resolve_fit,
    sem_emotion_node,
)
from ..prompts import Overrides, Prompts
from ..sem import Sem, Taxonomy, resolve_sem
from ..tools import sem_causes_tool, sem_emotion_tool
from .node_telemetry import with_telemetry
from .routing import after_coarse, after_fine
from .schemas import check_state, input_output_schemas


def create_hef(
    *,
    model: BaseChatModel | str | None = None,
    sem: Sem | str | None = None,
    taxonomy: Taxonomy | None = None,
    prompts: Overrides | None = None,
    fit: PoolingWeights | Path | str | None = None,
    state_schema: type[Any] = HefState,
    context_schema: type[Any] = HefContext,
    output_mode: Literal["last_message", "trace"] = "last_message",
) -> StateGraph[Any, Any, Any, Any]:
    """Build the graph of one HEF turn, uncompiled: the host picks checkpointer, store and name.

    Args:
        model: A chat model, a model string (`embedded`, `huggingface:<id or folder>`, or what
            `langchain.chat_models.init_chat_model` takes), or None for the embedded default.
        sem: An object that fulfils `hef.sem.Sem`, a plugin's name, or None for the shipped one.
        taxonomy: The labels with neighbours and synonyms; None takes the SEM's own.
        prompts: Template name -> text that replaces the shipped one, or a folder of `NAME.md` files.
        fit: How the evidence of this SEM and this LLM is joined: what `hef evaluate emotion --fit`
            wrote, as its file or read. None takes the fit that ships for the pair, if there is one.
        state_schema: `HefState` or a TypedDict with all its keys and more; what it has more enters and leaves
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
    reader, llm = resolve_sem(sem), resolve_model(model)
    templates = Prompts(prompts)
    labels = _labels(taxonomy, reader)
    fits = _fits(fit, reader, llm)
    builder = _perception(llm, reader, labels, fits, templates, state_schema, context_schema, output_mode)
    _add(builder, "confirm_emotion", confirm_emotion_node(labels))
    _add(builder, "cause_words", cause_words_node(sem_causes_tool(reader), trace=output_mode == "trace"))
    _add(builder, "draft_response", draft_response_node(llm, templates), RETRY)
    _add(builder, "remember", remember)
    builder.add_conditional_edges("fine_emotion", after_fine)
    builder.add_edge("confirm_emotion", "cause_words")
    builder.add_edge("cause_words", "draft_response")
    builder.add_edge("draft_response", "remember")
    builder.add_edge("remember", END)
    return with_telemetry(builder)


def create_emotion_graph(
    *,
    model: BaseChatModel | str | None = None,
    sem: Sem | str | None = None,
    taxonomy: Taxonomy | None = None,
    prompts: Overrides | None = None,
    fit: PoolingWeights | Path | str | None = None,
) -> StateGraph[Any, Any, Any, Any]:
    """Build the first half of a turn, up to the decision: no cause words, no reply, nothing stored."""
    reader, llm = resolve_sem(sem), resolve_model(model)
    builder = _perception(
        llm,
        reader,
        _labels(taxonomy, reader),
        _fits(fit, reader, llm),
        Prompts(prompts),
        HefState,
        HefContext,
        "last_message",
    )
    builder.add_edge("fine_emotion", END)
    return with_telemetry(builder)


def _perception(
    llm: BaseChatModel,
    sem: Sem,
    taxonomy: Taxonomy,
    fits: FitRegistry,
    prompts: Prompts,
    state_schema: type[Any],
    context_schema: type[Any],
    output_mode: str,
) -> StateGraph[Any, Any, Any, Any]:
    check_state(state_schema)
    given, returned = input_output_schemas(state_schema)
    builder = StateGraph(state_schema, context_schema, input_schema=given, output_schema=returned)
    _add(builder, "recall", recall)
    _add(builder, "sem_emotion", sem_emotion_node(sem_emotion_tool(sem), trace=output_mode == "trace"))
    _add(builder, "coarse_emotion", coarse_emotion_node(llm, Judge(prompts, taxonomy, fits)), RETRY)
    _add(builder, "fine_emotion", fine_emotion_node(llm, taxonomy, fits))
    builder.add_edge(START, "recall")
    builder.add_edge(START, "sem_emotion")
    builder.add_edge("recall", "coarse_emotion")
    builder.add_edge("sem_emotion", "coarse_emotion")
    builder.add_conditional_edges("coarse_emotion", after_coarse)
    return builder


def _add(builder: StateGraph[Any, Any, Any, Any], name: str, node: Any, retry: RetryPolicy | None = None) -> None:
    """Add a node; the first sentence of its docstring stands in the drawn graph and in traces."""
    told = (getdoc(getattr(node, "func", node)) or "").partition("\n")[0]
    builder.add_node(name, node, retry_policy=retry, metadata={"description": told})


def _labels(taxonomy: Taxonomy | None, sem: Sem) -> Taxonomy:
    own = sem.description.taxonomy
    if taxonomy is not None and set(taxonomy.labels) != set(own.labels):
        raise SetupError(
            f"taxonomy {taxonomy.name!r} has other labels than SEM {sem.description.name!r} reads; "
            "give a SEM for these labels, or leave taxonomy out"
        )
    return taxonomy or own


def _fits(fit: PoolingWeights | Path | str | None, sem: Sem, llm: BaseChatModel) -> FitRegistry:
    about = sem.description
    return resolve_fit(fit, sem=about.name, model=model_name(llm), labels=about.taxonomy.labels)
