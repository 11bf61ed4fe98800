"""What HEF reads of the person for an agent of somebody else's, and the note for the model of that agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, ConfigDict, Field

from ..contract import Empathy, HefContext, SetupError
from ..contract.dialogue import turn_language
from ..contract.errors import error_text
from ..contract.state import summarise_faults
from ..contract.sync_async import maybe_await, run_sync
from ..nodes import to_dialogue
from ..nodes.support.transcript import message_print, messages_after
from ..safety import assess
from .build import reading_graph
from .node_telemetry import GraphTelemetry
from .parts import Parts
from .person_note import empathy_note

_OUTPUT_KEYS = ("messages", "empathy", "memories", "faults")


class EmpathyNote(BaseModel):
    """What was read of the person in one turn."""

    model_config = ConfigDict(frozen=True)

    turn: str = Field(description="Id of the message that was read, and a hash of the words of its turn")
    empathy: Empathy | None = Field(default=None, description="What was understood; None where nothing could be")
    note: str = Field(default="", description="The note for the agent's own model")
    faults: dict[str, str] = Field(default_factory=dict, description="Part -> why it was left out")
    replies: list[AIMessage] = Field(
        default_factory=list, exclude=True, description="In danger: what they are answered instead of by the agent"
    )
    handed_over: bool = Field(default=False, description="In danger: whether a human was asked to take over")

    @property
    def degraded(self) -> str | None:
        """Why some part was left out; None when all worked."""
        return summarise_faults(self.faults)


class EmpathyReader:
    """Reads emotion and cause words of the person's last message, and renders the note for the agent's model.

    It makes no LLM calls but those of the coarse judgement, and of a check of danger that asks an LLM.

    Args:
        parts: What the graph is built from.
        telemetry: Telemetry of the turn, which ends after the agent's reply.
        crisis_reply: Whether somebody in danger is answered.
    """

    def __init__(self, parts: Parts, telemetry: GraphTelemetry, *, crisis_reply: bool) -> None:
        self._prompts = parts.prompts
        self._looks_for_danger = parts.assess is not None
        self._names = parts.taxonomy.names
        self._graph = reading_graph(parts, telemetry, crisis_reply=crisis_reply).compile(name="hef")

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

    def sees_new_danger(self, messages: Sequence[AnyMessage], note: EmpathyNote | None) -> bool:
        """Return whether the person seems to be in danger by words that follow those that were read.

        HEF's own check looks, which costs no LLM call; where it sees something, the turn is to be read again.

        Args:
            messages: The conversation.
            note: What was read of it; None where nothing was.
        """
        if note is None or not self._looks_for_danger:
            return False
        added = to_dialogue(messages_after(messages, note.turn))
        if not any(turn.role == "speaker" for turn in added):
            return False
        turns = to_dialogue(messages)
        while turns[-1].role == "listener":
            turns.pop()
        return assess(turns).level == "danger"

    async def _read(
        self, invoke: Callable[..., Any], messages: Sequence[AnyMessage], settings: HefContext, host_fault: str
    ) -> EmpathyNote:
        host_faults = {"context": host_fault} if host_fault else {}
        turn = message_print(messages)
        try:
            output = await maybe_await(invoke({"messages": messages}, context=settings, output_keys=_OUTPUT_KEYS))
        except (GraphBubbleUp, SetupError):
            raise
        except Exception as error:
            return EmpathyNote(
                turn=turn, faults={**host_faults, "hef": f"the person could not be read: {error_text(error)}"}
            )
        note = self._note(turn, output, settings, host_faults, messages)
        return note.model_copy(update={"replies": new_replies(messages, output["messages"])})

    def _note(
        self,
        turn: str,
        output: Mapping[str, Any],
        settings: HefContext,
        host_faults: Mapping[str, str],
        messages: Sequence[AnyMessage],
    ) -> EmpathyNote:
        language = turn_language(settings.language, to_dialogue(messages))
        faults: dict[str, str] = {**host_faults, **output["faults"]}
        empathy: Empathy = output["empathy"].model_copy(update={"degraded": summarise_faults(faults)})
        note = empathy_note(
            empathy,
            output["memories"],
            prompts=self._prompts.replaced(settings.templates),
            memory_budget=settings.memory_budget,
            region=settings.region,
            language=language,
            names=self._names.get(language),
            messages=messages,
        )
        return EmpathyNote(turn=turn, empathy=empathy, note=note, faults=faults)


def new_replies(messages: Sequence[AnyMessage], output: Sequence[AnyMessage]) -> list[AIMessage]:
    """Return what HEF itself said; the name of the agent's step, which it was said in, is nobody's."""
    known = {message.id for message in messages}
    new = [message for message in output if isinstance(message, AIMessage) and message.id not in known]
    return [message.model_copy(update={"name": None}) for message in new]
