"""One conversation in a checkpointer: its state, its last turn, and what becomes of a turn that was stopped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage
from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore

from ...contract import HefContext, Memory
from ...graph.turn_events import LAST_NODE, Question
from ...memory import aforget_turns, aremember_turn, turn_id
from ...memory.lifetime import expiry
from ...memory.selection import replaced_ids
from ...nodes import to_dialogue
from ...nodes.support.transcript import count_turns, turn_key, turn_key_of_0_1
from ...safety import assess
from ...ui.page_host import CHARACTER
from ...ui.page_turns import split_turns

_STOPPED = "stopped-"
"""How the id of a reply begins that the person stopped."""


class Conversation:
    """One thread of a graph.

    Args:
        hef: The compiled graph, with a checkpointer.
        thread: Id of the thread.
        character: Id of the character that it is with; it is kept with the conversation.
    """

    def __init__(self, hef: CompiledStateGraph[Any, Any, Any, Any], thread: str, character: str | None = None) -> None:
        self.hef = hef.with_config({"metadata": {CHARACTER: character}}) if character else hef
        self.thread = thread
        self.character = character
        self._config: Any = {"configurable": {"thread_id": thread}}

    async def values(self) -> dict[str, Any]:
        """Return the state; empty before the first turn."""
        return dict((await self.hef.aget_state(self._config)).values)

    async def messages(self) -> list[AnyMessage]:
        """Return all that was said."""
        return list((await self.values()).get("messages", []))

    async def last_time(self) -> datetime | None:
        """Return when the last turn was, in local time; None before the first."""
        created = (await self.hef.aget_state(self._config)).created_at
        return datetime.fromisoformat(created).astimezone() if created else None

    async def question(self) -> Question | None:
        """Return the question that the conversation stopped at."""
        interrupts = (await self.hef.aget_state(self._config)).interrupts
        return Question(interrupts[0].value) if interrupts else None

    async def copy_messages(self, messages: Sequence[AnyMessage]) -> None:
        """Begin with what was said elsewhere."""
        if messages:
            await self.hef.aupdate_state(self._config, {"messages": list(messages)}, as_node=LAST_NODE)

    async def again(self) -> list[Any]:
        """Return the input of a run that answers the last turn anew; empty where there is none."""
        utterances, replies = last_turn(await self.messages())
        return [*_removed(replies), *utterances] if utterances else []

    async def anew(self, text: str) -> list[Any]:
        """Return the input of a run that answers another text instead of the last turn."""
        utterances, replies = last_turn(await self.messages())
        return [*_removed([*utterances, *replies]), HumanMessage(text, id=str(uuid4()))]

    async def forget_unanswered(self, context: HefContext) -> None:
        """Delete what was stored of a last turn without a reply, which is answered together with what follows."""
        utterances, replies = last_turn(await self.messages())
        if utterances and not replies and context.user_id is not None:
            await self.forget_last_turn(context.user_id)

    async def forget_last_turn(self, user_id: str, *, is_said_again: bool = False) -> None:
        """Delete the last turn from the memory.

        Args:
            user_id: Whose turn.
            is_said_again: Whether it is about to be stored again: what is overwritten then stays, with its marks.
        """
        utterances, _ = last_turn(messages := await self.messages())
        if utterances and self.hef.store is not None:
            *others, own = (_ids(messages[: turn.end_of_own_messages], self.thread) for turn in split_turns(messages))
            turns = [(own, to_dialogue(utterances)[-1].text)]
            stored = await replaced_ids(self.hef.store, user_id, self.thread, turns, set().union(*others))
            stored -= own if is_said_again else set()
            await aforget_turns(self.hef.store, user_id, stored)

    async def stop(self, turn_input: Sequence[Any], reply: str, mark: str, context: HefContext) -> None:
        """Keep and remember what the person said in a turn that was stopped, and the reply as far as it came.

        A reply that was complete is remembered as it is. Where none had begun, what was said is answered together with
        what is said next.

        Args:
            turn_input: The messages of the run.
            reply: What was shown of the reply.
            mark: What marks it as a fragment.
            context: The settings of the run.
        """
        state = await self.hef.aget_state(self._config)
        present = {message.id for message in state.values.get("messages", [])}
        messages = [one for one in turn_input if (one.id in present) == isinstance(one, RemoveMessage)]
        if state.next == (LAST_NODE,):
            await self.hef.ainvoke(None, self._config, context=context)
        elif reply.strip() and "empathy" in state.values:
            in_danger = state.values["empathy"].safety.level == "danger"
            fragment = AIMessage(
                f"{reply.rstrip()}{mark}",
                id=f"{_STOPPED}{uuid4()}",
                response_metadata={"finish_reason": "stopped"},
            )
            await self.hef.aupdate_state(
                self._config,
                {"messages": [*messages, fragment]},
                as_node="crisis_reply" if in_danger else "draft_response",
            )
            await self.hef.ainvoke(None, self._config, context=context)
        else:
            await self.hef.aupdate_state(self._config, {"messages": messages}, as_node=LAST_NODE)
            await self.remember_unanswered(context)

    async def remember_unanswered(self, context: HefContext) -> None:
        """Store what the person said since the last reply, without one; the turn that answers it replaces that."""
        values = await self.values()
        messages = list(values.get("messages", []))
        utterances, replies = last_turn(messages)
        store: BaseStore | None = self.hef.store
        if store is None or context.user_id is None or not context.remember or replies or not utterances:
            return
        dialogue = to_dialogue(messages)
        findings = [assess(dialogue), *filter(None, [values.get("safety")])]  # the graph may have another check
        if not context.remember_danger and any(finding.level == "danger" for finding in findings):
            return
        memory = Memory(
            id=turn_id(self.thread, turn_key(messages, self.thread)),
            text=dialogue[-1].text,
            time=(now := time.time()),
            expires=expiry(context.remember_for, now),
            thread=self.thread,
            turn=count_turns(messages, "speaker"),
            character=context.character or "",
        )
        await aremember_turn(store, context.user_id, memory)


def last_turn(messages: Sequence[AnyMessage]) -> tuple[list[AnyMessage], list[AnyMessage]]:
    """Return what the person said in the last turn, and the replies to it."""
    end = max((index for index, message in enumerate(messages) if message.type == "human"), default=-1) + 1
    start = max((index for index in range(end) if messages[index].type == "ai"), default=-1) + 1
    return [message for message in messages[start:end] if message.type == "human"], list(messages[end:])


def _ids(messages: Sequence[AnyMessage], thread: str) -> set[str]:
    """Return the ids under which this version, and the one before, store the last turn."""
    return {turn_id(thread, key(messages, thread)) for key in (turn_key, turn_key_of_0_1)}


def is_fragment(message: AnyMessage) -> bool:
    """Return whether a reply is one that the person stopped."""
    return (message.id or "").startswith(_STOPPED)


def _removed(messages: Sequence[AnyMessage]) -> list[RemoveMessage]:
    return [RemoveMessage(id=str(message.id)) for message in messages]
