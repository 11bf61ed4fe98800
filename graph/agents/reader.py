"""Read the person without answering them: what a host's own agent is told before its model is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.constants import END
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, ConfigDict, Field

from ...contract import Empathy, HefContext, Memory, PoolingWeights, SetupError
from ...nodes import cause_words_node
from ...nodes.judging.llm_selection import reason
from ...nodes.support.run_settings import summarise_faults
from ...prompts import Overrides, Prompts, empathy_note
from ...sem import Sem, Taxonomy, resolve_sem
from ...tools import sem_causes_tool
from ..build import create_emotion_graph

_KEYS = ("empathy", "memories", "faults")


class EmpathyNote(BaseModel):
    """What was read of the person in one turn."""

    model_config = ConfigDict(frozen=True)

    turn: str = Field(description="Id of the message that was read")
    empathy: Empathy | None = Field(default=None, description="What was understood; None where nothing could be")
    note: str = Field(default="", description="What the agent's own model is told")
    faults: dict[str, str] = Field(default_factory=dict, description="Part -> why it was left out")

    @property
    def degraded(self) -> str | None:
        """Why some part was left out; None when all worked."""
        return summarise_faults(self.faults)


class EmpathyReader:
    """The graph up to the decision and its cause words, and the note that is made of them.

    Takes what `create_hef` takes. It makes no LLM calls but those of the coarse judgement.
    """

    def __init__(
        self,
        *,
        model: BaseChatModel | str | None = None,
        sem: Sem | str | None = None,
        taxonomy: Taxonomy | None = None,
        prompts: Overrides | None = None,
        fit: PoolingWeights | Path | str | None = None,
    ) -> None:
        reader = resolve_sem(sem)
        self._prompts = Prompts(prompts)
        builder = create_emotion_graph(model=model, sem=reader, taxonomy=taxonomy, prompts=prompts, fit=fit)
        builder.add_node("cause_words", cause_words_node(sem_causes_tool(reader)))
        builder.add_edge("fine_emotion", "cause_words")
        builder.add_edge("cause_words", END)
        self._graph = builder.compile(name="hef")

    def read(self, messages: Sequence[AnyMessage], settings: HefContext) -> EmpathyNote:
        """Return what the person feels; a part that fails is named in `faults` and raises nothing.

        Args:
            messages: The conversation; may end with messages that are not the person's.
            settings: Of this run.

        Raises:
            SetupError: The settings name what there is not.
        """
        try:
            out = self._graph.invoke(_asked(messages), context=settings, output_keys=_KEYS)
        except (GraphBubbleUp, SetupError):
            raise
        except Exception as error:
            return _unread(messages, error)
        return self._noted(messages, out)

    async def aread(self, messages: Sequence[AnyMessage], settings: HefContext) -> EmpathyNote:
        """Return what `read` does, without blocking the event loop."""
        try:
            out = await self._graph.ainvoke(_asked(messages), context=settings, output_keys=_KEYS)
        except (GraphBubbleUp, SetupError):
            raise
        except Exception as error:
            return _unread(messages, error)
        return self._noted(messages, out)

    def _noted(self, messages: Sequence[AnyMessage], out: Mapping[str, Any]) -> EmpathyNote:
        faults: dict[str, str] = out["faults"]
        memories: list[Memory] = out["memories"]
        empathy: Empathy = out["empathy"].model_copy(update={"degraded": summarise_faults(faults)})
        note = empathy_note(self._prompts, empathy, memories)
        return EmpathyNote(turn=last_turn(messages), empathy=empathy, note=note, faults=faults)


def without_agent_messages(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Return the messages without those that agents write in the person's name, such as summaries."""
    return [one for one in messages if not (isinstance(one, HumanMessage) and "lc_source" in one.additional_kwargs)]


def last_turn(messages: Sequence[AnyMessage]) -> str:
    """Return the id of the person's last message, empty where they said nothing."""
    return next(
        (one.id or "" for one in reversed(without_agent_messages(messages)) if isinstance(one, HumanMessage)), ""
    )


def _asked(messages: Sequence[AnyMessage]) -> dict[str, Any]:
    return {"messages": without_agent_messages(messages)}


def _unread(messages: Sequence[AnyMessage], error: Exception) -> EmpathyNote:
    return EmpathyNote(turn=last_turn(messages), faults={"hef": f"the person could not be read: {reason(error)}"})
