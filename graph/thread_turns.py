"""The turns of a thread: what the person said since the reply before, what was answered, and how each is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from langchain_core.messages import AnyMessage, RemoveMessage
from langgraph.store.base import BaseStore

from ..memory import turn_id
from ..memory.selection import replaced_ids
from ..nodes import to_dialogue
from ..nodes.support.message_text import message_role, message_text
from ..nodes.support.transcript import turn_key, turn_key_of_0_1


@dataclass(slots=True)
class ThreadTurn:
    """The messages of one turn."""

    own_messages: list[AnyMessage] = field(default_factory=list)
    """Those of the person."""
    messages: list[AnyMessage] = field(default_factory=list)
    """All of them."""
    reply: str = ""
    """What was answered."""
    index: int = 0
    """Index of what the person said among the turns of the dialogue."""
    end_of_own_messages: int = 0
    """Number of the thread's messages up to the person's last one in it."""

    @property
    def key(self) -> str:
        """Id of the person's last message."""
        return str(self.own_messages[-1].id)

    @property
    def text(self) -> str:
        """What the person said, a line for each message, as every SEM reads it."""
        return "".join(turn.text for turn in to_dialogue(self.own_messages))


def split_turns(messages: Sequence[AnyMessage]) -> list[ThreadTurn]:
    """Return the turns of a thread, oldest first; what nobody says (see `to_dialogue`) belongs to the turn before."""
    turns: list[ThreadTurn] = []
    index = 0
    last_role = None
    for number, message in enumerate(messages, 1):
        role = message_role(message)
        if role is None or not message_text(message).strip():
            if turns:
                turns[-1].messages.append(message)
            continue
        if role == "speaker" and last_role != "speaker":
            turns.append(ThreadTurn(index=index))
        index += not role == last_role == "speaker"
        last_role = role
        if not turns:
            continue
        turn = turns[-1]
        turn.messages.append(message)
        if role == "speaker":
            turn.own_messages.append(message)
            turn.end_of_own_messages = number
        else:
            turn.reply = f"{turn.reply}\n\n{message_text(message)}".strip()
    return turns


def opening_text(messages: Sequence[AnyMessage]) -> str:
    """Return what was said before the person said anything, such as a character's greeting."""
    texts: list[str] = []
    for message in messages:
        role = message_role(message)
        if role == "speaker":
            break
        if role == "listener":
            texts.append(message_text(message))
    return "\n\n".join(texts)


def removals(messages: Sequence[AnyMessage]) -> list[RemoveMessage]:
    """Return what takes messages out of a thread."""
    return [RemoveMessage(str(message.id)) for message in messages]


def memory_id(messages: Sequence[AnyMessage], turn: ThreadTurn, thread: str) -> str:
    """Return the id under which a turn of a thread is remembered."""
    return turn_id(thread, turn_key(messages[: turn.end_of_own_messages], thread))


async def stored_ids(
    store: BaseStore | None,
    user_id: str | None,
    thread: str,
    messages: Sequence[AnyMessage],
    replaced: Sequence[ThreadTurn],
) -> set[str]:
    """Return the ids under which turns are remembered that are replaced, the last ones of a thread."""
    if not replaced or store is None or user_id is None:
        return set()
    kept = split_turns(messages)[: -len(replaced)]
    kept_ids = set[str]().union(*(_ids(messages, turn, thread) for turn in kept))
    turns = [(_ids(messages, turn, thread), turn.text) for turn in replaced]
    return await replaced_ids(store, user_id, thread, turns, kept_ids)


def _ids(messages: Sequence[AnyMessage], turn: ThreadTurn, thread: str) -> set[str]:
    """Return the ids under which this version, and 0.1, remember a turn."""
    own = messages[: turn.end_of_own_messages]
    return {turn_id(thread, key(own, thread)) for key in (turn_key, turn_key_of_0_1)}
