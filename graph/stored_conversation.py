"""A person's conversation in a checkpointer: a turn that is said, said anew, stopped half-way, or that failed.

Terminal and page drive it, so that a stop, a second answer and an edited message mean the same in both.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.graph.state import CompiledStateGraph

from ..contract import HefContext, Memory, SetupError, Verdict
from ..contract.dialogue import TextLanguage, turn_language
from ..memory import aforget_turns, alist_turns, amark_turn, aremember_turn
from ..memory.lifetime import expiry
from ..nodes import to_dialogue
from ..nodes.support.transcript import count_turns
from ..safety import assess
from .thread_turns import ThreadTurn, memory_id, removals, split_turns, stored_ids
from .turn_events import LAST_NODE, Question

CHARACTER = "character"
"""Name of a checkpoint's metadata that says which character a conversation is with."""
LAST = ""
"""What stands for the key of the last turn."""
FRAGMENT_MARKS: dict[TextLanguage, str] = {"en": " …", "zh": "……"}
"""What ends a reply that was stopped."""


@dataclass(frozen=True, slots=True)
class PendingTurn:
    """A turn that is about to run, and what it replaces."""

    messages: list[AnyMessage]
    """What is new in the conversation: the graph's input."""
    kept: list[AnyMessage]
    """What was said before it."""
    replaced: list[AnyMessage]
    """What was said in its place, and after that, until now."""
    stale: set[str]
    """Ids of what is remembered of the replaced turns, and of one that waited for an answer."""
    hidden: list[Memory]
    """Those of them that are not recalled while the turn runs, as they were before."""


class Conversation:
    """One thread of a graph.

    Each turn is begun by `begin`, run by the caller, and ended by exactly one of `end`, `stop` and `fail`.

    Args:
        hef: The compiled graph, with a checkpointer.
        thread: Id of the thread.
        character: Id of the character that it is with; it is kept with the conversation.

    Example:
        >>> conversation = Conversation(hef, "one")
        >>> turn = await conversation.begin([human_message("My dog died.")], context)
        >>> async for event in stream_turn(conversation.hef, turn.messages, context, conversation.thread):
        ...     show(event)
        >>> await conversation.end(turn, context)
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
            await self.update({"messages": list(messages)})

    async def update(self, values: dict[str, Any]) -> None:
        """Change the state between two turns."""
        await self.hef.aupdate_state(self._config, values, as_node=LAST_NODE)

    async def begin(
        self, new: Sequence[AnyMessage] | None, context: HefContext, *, since: str | None = None, greeting: str = ""
    ) -> PendingTurn | None:
        """Return a turn to run; None where there is nothing to answer.

        Args:
            new: What the person says; None for what they said in the turn that is replaced.
            context: Settings of the turn.
            since: Key of the turn (see `ThreadTurn`) in whose place it is said, and which is taken out of the
                conversation with all after it; `LAST` is the last one. None replaces nothing.
            greeting: What is said before the first turn.

        Raises:
            SetupError: There is no such turn any more.
        """
        before = await self.messages()
        turns = split_turns(before)
        replaced = [] if since is None else turns[_find_turn(turns, since) :]
        if new is None:
            new = replaced[0].own_messages if replaced else []
        if not new:
            return None
        unanswered = [turn for turn in turns[-1:] if not turn.reply and turn not in replaced]
        stale = await stored_ids(self.hef.store, context.user_id, self.thread, before, unanswered or replaced)
        dropped = [message for turn in replaced for message in turn.messages]
        if since is not None:
            await self.update({"messages": removals(dropped), "verdict": Verdict()})
        if not before and greeting:
            new = [AIMessage(greeting, id=f"greeting-{uuid4()}"), *new]
        kept = before[: len(before) - len(dropped)]
        return PendingTurn(list(new), kept, dropped, stale, await self._hide(stale, context))

    async def waiting_turn(self) -> PendingTurn:
        """Return the turn that the conversation stopped in, to ask a question (see `question`)."""
        messages = await self.messages()
        own = split_turns(messages)[-1].messages
        return PendingTurn(own, messages[: len(messages) - len(own)], [], set(), [])

    async def end(self, turn: PendingTurn, context: HefContext) -> None:
        """Delete the memories of what an answered turn has replaced, but for those that it has overwritten."""
        store, user = self.hef.store, context.user_id
        if not turn.stale or store is None or user is None:
            return
        messages = (values := await self.values())["messages"]
        is_safe = values["empathy"].safety.level != "danger"
        is_stored = context.remember and (context.remember_danger or is_safe)
        answered = split_turns(messages)[-1]
        overwritten = {memory_id(messages, answered, self.thread)} if is_stored else set()
        await aforget_turns(store, user, turn.stale - overwritten)
        for memory in turn.hidden:
            if memory.id in overwritten:
                await self._show_again(memory, context, is_marked=memory.text == answered.text)

    async def stop(self, turn: PendingTurn, reply: str, context: HefContext) -> bool:
        """End a turn in its midst: what was shown of the reply stands and is remembered, with a mark at its end.

        A reply that was complete stands as it is. Where none had begun, see `fail`.

        Args:
            turn: The turn.
            reply: What was shown of the reply.
            context: Settings of the turn.

        Returns:
            Whether a reply stands.
        """
        state = await self.hef.aget_state(self._config)
        if state.next != (LAST_NODE,):
            if not reply.strip() or "empathy" not in state.values:
                await self.fail(turn, context)
                return False
            await self._add_fragment(turn, reply, state.values, context)
        await self.hef.ainvoke(None, self._config, context=context)
        await self.end(turn, context)
        return True

    async def fail(self, turn: PendingTurn, context: HefContext) -> None:
        """End a turn that has no reply: what it was to replace is put back.

        Where it replaced nothing, what the person said stays and is remembered, and is answered together with what
        they say next.
        """
        kept = {message.id for message in turn.kept}
        added = [message for message in await self.messages() if message.id not in kept]
        # In one write: a process that ends between two would leave nothing of what the person said.
        back = turn.replaced or turn.messages
        stays = {message.id for message in back}
        superfluous = [message for message in added if message.id not in stays]
        await self.update({"messages": [*removals(superfluous), *back], "verdict": Verdict()})
        for memory in turn.hidden:
            await self._show_again(memory, context)
        if not turn.replaced:
            await self._remember_unanswered(context)

    async def _hide(self, stale: set[str], context: HefContext) -> list[Memory]:
        """Keep what is about to be replaced from being recalled in the turn that replaces it."""
        store, user = self.hef.store, context.user_id
        if not stale or store is None or user is None:
            return []
        hidden = [memory for memory in await alist_turns(store, user) if memory.id in stale]
        for memory in hidden:
            await amark_turn(store, user, memory.id, never_recall=True)
        return hidden

    async def _show_again(self, memory: Memory, context: HefContext, *, is_marked: bool = True) -> None:
        """Give a hidden turn the marks that it had, or none."""
        if self.hef.store is not None and context.user_id is not None:
            pinned, never_recall = is_marked and memory.pinned, is_marked and memory.never_recall
            with suppress(SetupError):  # it was forgotten meanwhile
                await amark_turn(self.hef.store, context.user_id, memory.id, pinned=pinned, never_recall=never_recall)

    async def _add_fragment(self, turn: PendingTurn, reply: str, values: dict[str, Any], context: HefContext) -> None:
        present = {message.id for message in values["messages"]}
        missing = [message for message in turn.messages if message.id not in present]
        language = turn_language(context.language, to_dialogue([*turn.kept, *turn.messages]))
        fragment = AIMessage(
            f"{reply.rstrip()}{FRAGMENT_MARKS[language]}",
            id=f"stopped-{uuid4()}",
            response_metadata={"finish_reason": "stopped"},
        )
        node = "crisis_reply" if values["empathy"].safety.level == "danger" else "draft_response"
        await self.hef.aupdate_state(self._config, {"messages": [*missing, fragment]}, as_node=node)

    async def _remember_unanswered(self, context: HefContext) -> None:
        """Store what the person said since the last reply, without one; the turn that answers it replaces that."""
        values = await self.values()
        messages = list(values.get("messages", []))
        turns = split_turns(messages)
        if self.hef.store is None or context.user_id is None or not context.remember or not turns or turns[-1].reply:
            return
        dialogue = to_dialogue(messages)
        findings = [assess(dialogue), *filter(None, [values.get("safety")])]  # the graph may have another check
        if not context.remember_danger and any(finding.level == "danger" for finding in findings):
            return
        memory = Memory(
            id=memory_id(messages, turns[-1], self.thread),
            text=turns[-1].text,
            time=(now := time.time()),
            expires=expiry(context.remember_for, now),
            thread=self.thread,
            turn=count_turns(messages, "speaker"),
            character=context.character or "",
        )
        await aremember_turn(self.hef.store, context.user_id, memory)


def _find_turn(turns: Sequence[ThreadTurn], key: str) -> int:
    """Return the index of a turn."""
    if key == LAST:
        return max(len(turns) - 1, 0)
    index = next((index for index, turn in enumerate(turns) if turn.key == key), None)
    if index is None:
        raise SetupError("that turn is no longer in the conversation: nothing was replaced")
    return index


def human_message(text: str) -> HumanMessage:
    """Return what the person says as a message with an id of its own."""
    # Half characters, which a broken script may send, can be written neither to a database nor to a model.
    return HumanMessage(text.encode(errors="replace").decode(), id=str(uuid4()))
