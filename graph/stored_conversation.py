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
from ..contract.text import MAX_STORED_CHARACTERS
from ..memory import aforget_turns, amark_turn, aremember_turn
from ..memory.lifetime import expiry
from ..nodes import to_dialogue
from ..nodes.support.transcript import count_turns
from ..nodes.support.turn_view import REPLACED_TEXTS
from ..safety import assess
from .thread_turns import ThreadTurn, memory_id, removals, split_turns, stored_ids
from .turn_events import LAST_NODE, Question

CHARACTER = "character"
"""Name of a checkpoint's metadata that says which character a conversation is with."""
LAST = ""
"""What stands for the key of the last turn."""
FRAGMENT_MARKS: dict[TextLanguage, str] = {"en": " …", "zh": "……"}
"""What ends a reply that was stopped."""


@dataclass(slots=True)
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
    replaced_texts: tuple[str, ...] = ()
    """What the person said in the replaced turns: it is not recalled meanwhile."""

    @property
    def configurable(self) -> dict[str, Any]:
        """What the config of the run says beside the thread."""
        return {REPLACED_TEXTS: self.replaced_texts} if self.replaced_texts else {}


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
        self.pending: PendingTurn | None = None
        """The turn that was begun and has not ended, such as one that asks the person."""
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
        if not before and greeting:
            new = [AIMessage(greeting, id=f"greeting-{uuid4()}"), *new]
        kept = before[: len(before) - len(dropped)]
        texts = tuple(turn.text[-MAX_STORED_CHARACTERS:] for turn in unanswered or replaced)
        turn = PendingTurn(list(new), kept, dropped, stale | (self.pending.stale if self.pending else set()), texts)
        if since is not None:
            try:
                await self.update({"messages": removals(dropped), "verdict": Verdict()})
            except BaseException:  # stopped in its midst
                await self.update({"messages": dropped})
                raise
        self.pending = turn
        return turn

    async def waiting_turn(self) -> PendingTurn:
        """Return the turn that the conversation stopped in, to ask a question (see `question`)."""
        if self.pending is None:  # it was begun by an earlier process
            messages = await self.messages()
            own = split_turns(messages)[-1].messages
            self.pending = PendingTurn(own, messages[: len(messages) - len(own)], [], set())
        return self.pending

    async def leave(self, context: HefContext) -> None:
        """Put back what a turn that asks the person was to replace: whoever leaves it does not answer.

        A turn that replaces nothing goes on asking.
        """
        if self.pending and self.pending.replaced:
            await self.fail(self.pending, context)

    async def end(self, turn: PendingTurn, context: HefContext) -> None:
        """Delete the memories of what an answered turn has replaced, but for those that it has overwritten."""
        self.pending = None
        store, user = self.hef.store, context.user_id
        if not turn.stale or store is None or user is None:
            return
        messages = (values := await self.values())["messages"]
        is_safe = values["empathy"].safety.level != "danger"
        is_stored = context.remember and (context.remember_danger or is_safe)
        answered = split_turns(messages)[-1]
        overwritten = {memory_id(messages, answered, self.thread)} if is_stored else set()
        await aforget_turns(store, user, turn.stale - overwritten)
        if answered.text not in turn.replaced_texts:
            for id in turn.stale & overwritten:  # the marks are those of other words
                with suppress(SetupError):  # it could not be stored
                    await amark_turn(store, user, id, pinned=False, never_recall=False)

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
        self.pending = None
        kept = {message.id for message in turn.kept}
        added = [message for message in await self.messages() if message.id not in kept]
        # In one write: a process that ends between two would leave nothing of what the person said.
        back = turn.replaced or turn.messages
        stays = {message.id for message in back}
        superfluous = [message for message in added if message.id not in stays]
        await self.update({"messages": [*removals(superfluous), *back], "verdict": Verdict()})
        if not turn.replaced:
            await self._remember_unanswered(context)

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
