"""Node `cause_words`: reads `messages` and `empathy.emotion`, writes `empathy.causes` and `empathy.degraded`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from ..contract import Cause, HefState, Turn
from ..contract.errors import error_text
from ..contract.settings.dialogue_limit import question_limit
from ..contract.state import degraded_empathy
from ..prompts import newest
from ..sem.plugins.quoted_causes import quotation
from .support.events import emit
from .support.explanations import explain_causes
from .support.node_record import record_suppressed_error
from .support.tool_call import call_tool, dialogue_argument
from .support.turn_view import Node, TurnView, Update, turn_view

MAX_QUOTED = 12
"""Words of an LLM's quotation that count as one cause, at most."""


def cause_words_node(tool: BaseTool, *, languages: Collection[str], trace: bool = False) -> Node:
    """Return the node that calls the tool `sem_causes`.

    What the LLM quoted with its judgement comes first. Words are found in what the LLM is shown of the dialogue, so
    that what it reads of it stays within its limit. Of an uncertain emotion there are none: they would speak for what
    nobody read. Of a language that the SEM does not read there is the LLM's quotation alone.

    Args:
        tool: The tool.
        languages: Codes of the SEM's languages.
        trace: Whether the messages of the call are kept.
    """

    def cause_words(state: HefState, runtime: Runtime[Any]) -> Update:
        """Find the words that speak for the decided emotion."""
        empathy, turn = state["empathy"], turn_view(state, runtime)
        if empathy.uncertain:
            return _update(state, runtime, ())
        shown, _ = newest(turn.dialogue, question_limit(turn.settings.dialogue_limit))
        if turn.unread_language(languages):
            quoted = _quotation(turn, shown)
            return _update(state, runtime, (turn.in_conversation(quoted, shown),) if quoted else ())
        arguments = {"dialogue": dialogue_argument(shown), "emotion": empathy.emotion}
        try:
            answer, messages = call_tool(tool, arguments)
        except GraphBubbleUp:
            raise
        except Exception as error:
            record_suppressed_error(error)
            fault = f"no cause words: {error_text(error)}"
            return {
                "empathy": degraded_empathy(state, "cause_words", fault),
                "explanations": {"cause_words": ""},
                "faults": {"cause_words": fault},
            }
        causes = with_quotation(answer.artifact, _quotation(turn, shown))
        update = _update(state, runtime, tuple(turn.in_conversation(cause, shown) for cause in causes))
        return {**update, "messages": messages} if trace else update

    return cause_words


def _quotation(turn: TurnView, shown: Sequence[Turn]) -> Cause | None:
    """Return what the LLM quoted with the decided emotion, where the person said it."""
    verdict = turn.verdict
    if verdict is None or not verdict.words or verdict.emotion != turn.state["empathy"].emotion:
        return None
    return quotation(verdict.words, shown, MAX_QUOTED)


def with_quotation(causes: Sequence[Cause], quoted: Cause | None) -> tuple[Cause, ...]:
    """Return a SEM's cause words behind what an LLM quoted, which weighs as much as the strongest, or as its parts."""
    if quoted is None:
        return tuple(causes)
    inside = [cause for cause in causes if cause.turn == quoted.turn and _overlap(cause, quoted)]
    weight = max([sum(cause.weight for cause in inside), *(cause.weight for cause in causes)], default=1.0)
    outside = [cause for cause in causes if cause not in inside]
    total = max(1.0, weight + sum(cause.weight for cause in outside))
    ranked = [quoted.model_copy(update={"weight": weight}), *outside]
    return tuple(cause.model_copy(update={"weight": cause.weight / total}) for cause in ranked)


def _overlap(first: Cause, second: Cause) -> bool:
    return first.start < second.end and second.start < first.end


def _update(state: HefState, runtime: Runtime[Any], causes: tuple[Cause, ...]) -> Update:
    emit(runtime, "causes", causes=[cause.model_dump() for cause in causes])
    return {
        "empathy": degraded_empathy(state, "cause_words", "").model_copy(update={"causes": causes}),
        "explanations": {"cause_words": explain_causes(causes)},
        "faults": {"cause_words": ""},
    }
