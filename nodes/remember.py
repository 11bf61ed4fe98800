"""Node `remember`: reads everything and the store, writes the store and `empathy.degraded`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AnyMessage
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore, GetOp, Item

from ..contract import HefContext, HefState, Memory
from ..contract.errors import error_text
from ..contract.state import degraded_empathy
from ..contract.text import MAX_STORED_CHARACTERS
from ..memory import remember_turn, said_at, turn_id, user_namespace
from ..memory.lifetime import expiry
from ..prompts import one_line
from .recall import NO_ANSWER
from .support.conversation import MAX_NAME_CHARACTERS, shown_name
from .support.fixed_text import NOT_REMEMBERED
from .support.node_record import record_suppressed_error
from .support.transcript import (
    count_turns,
    messages_of_last_turn,
    recent_dialogue,
    to_dialogue,
    turn_key,
    turn_key_of_0_1,
)
from .support.turn_view import Update, run_settings, thread_id, turn_of_host

_CONFIRMED = ("emotion", "probability", "confirmed")
"""What a person's confirmation settles: a photo after the words, or the same words again, does not undo it."""
_MARKS = ("pinned", "never_recall")
"""What a person said of a turn that is stored, which its storing again does not undo."""
REMEMBER_FOR = "remember_for"
"""In `additional_kwargs` of a message: for how many days it is kept."""
_MAX_DAYS = 36_500
_MAX_NAMES_CHARACTERS = 200
_NOT_WAITED_FOR = "the turn could not be remembered either: the memory was not waited for again"


def remember(state: HefState, runtime: Runtime[Any]) -> Update:
    """Store what the person said, the reply, emotion, causes and time in one write, each turn once.

    A memory that gave no answer in this turn is not waited for again. A turn in danger is stored only where the
    settings say so.
    """
    settings = run_settings(runtime)
    fault = ""
    recall_fault = state.get("faults", {}).get("recall", "")
    is_wanted = settings.remember and (settings.remember_danger or state["empathy"].safety.level != "danger")
    if runtime.store is not None and settings.user_id is not None and is_wanted:
        try:
            is_silent = NO_ANSWER in recall_fault
            fault = _NOT_WAITED_FOR if is_silent else _store_turn(runtime.store, settings.user_id, settings, state)
        except GraphBubbleUp:
            raise
        except Exception as error:
            record_suppressed_error(error)
            is_known = error_text(error) in recall_fault
            fault = f"the turn could not be remembered{' either' if is_known else f': {error_text(error)}'}"
    return {"empathy": degraded_empathy(state, "remember", fault), "faults": {"remember": fault}}


def _store_turn(store: BaseStore, user_id: str, settings: HefContext, state: HefState) -> str:
    """Store the turn; return the faults of one that is too long to be stored whole, or says wrongly for how long."""
    empathy, thread, character = state["empathy"], thread_id() or "", settings.character
    before_reply = state["messages"][:-1]
    messages = messages_of_last_turn(before_reply)
    days, days_fault = _days_kept(messages, settings.remember_for)
    memory_id, known = _stored_before(store, user_namespace(user_id, character), before_reply, thread)
    now = time.time()
    turns, earlier_messages = recent_dialogue(before_reply, 0)
    last_turn, last_index = turns[-1], count_turns(before_reply[:earlier_messages]) + len(turns) - 1
    is_told = NOT_REMEMBERED not in state["messages"][-1].response_metadata
    reply = to_dialogue(state["messages"][-1:]) if is_told else []
    memory = Memory(
        id=memory_id,
        text=last_turn.text,
        reply=reply[0].text if reply else "",
        # What nobody read is not remembered as felt.
        emotion=None if empathy.uncertain else empathy.emotion,
        probability=None if empathy.uncertain else round(empathy.distribution.get(empathy.emotion, 0.0), 6),
        confirmed=empathy.confirmed,
        # Those of earlier turns are stored with these: what is forgotten must not live on in another turn.
        causes=tuple(cause.text for cause in empathy.causes if cause.turn == last_index),
        time=(turn_time := min(now, said_at(known) or now) if known else now),
        expires=expiry(days, turn_time),
        name=_names(messages),
        thread=thread,
        turn=turn_of_host()[1] or count_turns(before_reply, "speaker"),
        character=character or "",
        wish=empathy.wish,
    )
    if known and _is_confirmed(known, memory.text) and not memory.confirmed:
        memory = memory.model_copy(update={name: known.value.get(name) for name in _CONFIRMED})
    if known:
        memory = memory.model_copy(update={name: known.value.get(name) is True for name in _MARKS})
    if known and not memory.wish and known.value.get("text") == memory.text[-MAX_STORED_CHARACTERS:]:
        memory = memory.model_copy(update={"wish": known.value.get("wish") or ""})  # another reply may not name it
    remember_turn(store, user_id, memory)
    length = len(memory.text)
    length_fault = f"the turn has {length} characters: only its last {MAX_STORED_CHARACTERS} were remembered"
    return "; ".join(filter(None, [length_fault * (length > MAX_STORED_CHARACTERS), days_fault]))


def _names(messages: Sequence[AnyMessage]) -> str:
    """Return who said a turn: the names of its messages, each once."""
    names = (one_line(shown_name(message.name or ""))[:MAX_NAME_CHARACTERS].strip() for message in messages)
    return ", ".join(filter(None, dict.fromkeys(names)))[:_MAX_NAMES_CHARACTERS]


def _days_kept(messages: Sequence[AnyMessage], setting: float | None) -> tuple[float | None, str]:
    """Return for how many days a turn is kept, None for good, and the fault of what its messages say wrongly.

    What a message says counts before the setting; of several messages the one that is kept for the shortest time.
    """
    stated = [
        message.additional_kwargs[REMEMBER_FOR] for message in messages if REMEMBER_FOR in message.additional_kwargs
    ]
    days = [
        value for value in stated if isinstance(value, int | float) and 0 < value <= _MAX_DAYS and value is not True
    ]
    if len(days) == len(stated):
        return min(days, default=setting), ""
    wrong = next(value for value in stated if value not in days)
    known = [*days, *([] if setting is None else [setting])]
    return min(known, default=None), (
        f"{REMEMBER_FOR} of a message is {str(wrong)[:40]!r}: a number of days above 0 was expected"
    )


def _stored_before(
    store: BaseStore, namespace: tuple[str, ...], messages: Sequence[AnyMessage], thread: str
) -> tuple[str, Item | None]:
    """Return the id of a turn, and what is stored of it; one that version 0.1 stored keeps the id that it has."""
    own_key, _ = turn_of_host()
    keys = [own_key] if own_key else [turn_key(messages, thread), turn_key_of_0_1(messages, thread)]
    ids = [turn_id(thread, key) for key in keys]
    items: list[Any] = store.batch([GetOp(namespace, memory_id) for memory_id in ids])
    return next(((memory_id, item) for memory_id, item in zip(ids, items, strict=True) if item), (ids[0], None))


def _is_confirmed(item: Item, text: str) -> bool:
    """Return whether a person said what was felt in a stored turn, in whose words nothing has changed."""
    return bool(item.value.get("confirmed")) and item.value.get("text") == text[-MAX_STORED_CHARACTERS:]
