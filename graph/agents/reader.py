"""Read the person without answering them, for a host's own agent whose model is given the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AnyMessage
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, ConfigDict, Field

from ...contract import Empathy, HefContext, Memory, SetupError
from ...contract.errors import error_text
from ...contract.state import summarise_faults
from ...contract.sync_async import maybe_await, run_sync
from ...nodes.support.transcript import last_human_id
from ...prompts import empathy_note
from ..build import create_reading_graph
from ..parts import Parts

_OUTPUT_KEYS = ("empathy", "memories", "faults")


class EmpathyNote(BaseModel):
    """What was read of the person in one turn."""

    model_config = ConfigDict(frozen=True)

    turn: str = Field(description="Id of the message that was read")
    empathy: Empathy | None = Field(default=None, description="What was understood; None where nothing could be")
    note: str = Field(default="", description="The note for the agent's own model")
    faults: dict[str, str] = Field(default_factory=dict, description="Part -> why it was left out")

    @property
    def degraded(self) -> str | None:
        """Why some part was left out; None when all worked."""
        return summarise_faults(self.faults)


class EmpathyReader:
    """Reads emotion and cause words of the person's last message, and renders the note for the agent's model.

    It makes no LLM calls but those of the coarse judgement.

    Args:
        parts: What the graph is built from.
    """

    def __init__(self, parts: Parts) -> None:
        self._prompts = parts.prompts
        self._graph = create_reading_graph(parts).compile(name="hef")

    def read(self, messages: Sequence[AnyMessage], settings: HefContext, host_fault: str = "") -> EmpathyNote:
        """Return what the person feels; a part that fails is named in `faults` and raises nothing.

        Args:
            messages: The conversation; may end with messages that are not the person's.
            settings: Settings of this run.
            host_fault: What of the host's context is nearly a setting and was not used, see `misspelled_settings`.

        Raises:
            SetupError: The settings name something unknown.
        """
        return run_sync(self._read(self._graph.invoke, messages, settings, host_fault))

    async def aread(self, messages: Sequence[AnyMessage], settings: HefContext, host_fault: str = "") -> EmpathyNote:
        """Return what `read` does, without blocking the event loop."""
        return await self._read(self._graph.ainvoke, messages, settings, host_fault)

    async def _read(
        self, invoke: Callable[..., Any], messages: Sequence[AnyMessage], settings: HefContext, host_fault: str
    ) -> EmpathyNote:
        host_faults = {"context": host_fault} if host_fault else {}
        turn = last_human_id(messages)
        try:
            output = await maybe_await(invoke({"messages": messages}, context=settings, output_keys=_OUTPUT_KEYS))
        except (GraphBubbleUp, SetupError):
            raise
        except Exception as error:
            return EmpathyNote(
                turn=turn, faults={**host_faults, "hef": f"the person could not be read: {error_text(error)}"}
            )
        return self._note(turn, output, settings, host_faults)

    def _note(
        self, turn: str, output: Mapping[str, Any], settings: HefContext, host_faults: Mapping[str, str]
    ) -> EmpathyNote:
        faults: dict[str, str] = {**host_faults, **output["faults"]}
        memories: list[Memory] = output["memories"]
        empathy: Empathy = output["empathy"].model_copy(update={"degraded": summarise_faults(faults)})
        note = empathy_note(empathy, memories, prompts=self._prompts, memory_budget=settings.memory_budget)
        return EmpathyNote(turn=turn, empathy=empathy, note=note, faults=faults)
