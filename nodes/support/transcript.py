"""LangChain messages as the dialogue that SEMs and prompts see, and what identifies a turn in it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from langchain_core.messages import AnyMessage

from ...contract import InputError, Turn
from ...contract.dialogue import MAX_TURN_CHARACTERS, Role
from .message_text import MAX_PARTS, message_role, message_text, unseen_parts

MAX_TURNS = 128
"""Maximum number of turns considered; exceeds every SEM's window and the conversation that memory is searched for."""
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def to_dialogue(messages: Sequence[AnyMessage]) -> list[Turn]:
    """Return what was said: the person as speaker, the assistant as listener.

    What the person said since the last reply is one turn, a line for each message. Messages in which nobody speaks
    (see `message_role`) and those without words are left out, and end no turn.
    """
    groups: list[tuple[Role, list[str]]] = []
    for message in messages:
        role, text = _utterance(message)
        if role == "speaker" and groups and groups[-1][0] == "speaker":
            groups[-1][1].append(text)
        elif role is not None:
            groups.append((role, [text]))
    return [Turn(role, "\n".join(texts)) for role, texts in groups]


def dialogue_context(messages: Sequence[AnyMessage]) -> list[Turn]:
    """Return the dialogue up to the person's last turn.

    Raises:
        InputError: The person has not said anything yet.
    """
    turns = to_dialogue(messages)
    while turns and turns[-1].role == "listener":
        turns.pop()
    if not turns:
        raise InputError(f"there is nothing to answer: `messages` holds no human message with text{_hint(messages)}")
    return turns


def recent_dialogue(messages: Sequence[AnyMessage], characters: int) -> tuple[list[Turn], int]:
    """Return the end of the dialogue up to the person's last turn, and how many messages came before it.

    It holds the last `MAX_TURNS` turns and the last `characters` characters: nobody reads further back, and a turn
    costs the same however long the thread is.

    Raises:
        InputError: The person has not said anything yet.
    """
    groups: list[tuple[Role, list[str]]] = []
    earlier_messages = 0
    for index in range(len(messages) - 1, -1, -1):
        role, text = _utterance(messages[index])
        if role is None or (not groups and role == "listener"):
            continue
        if role == "speaker" and groups and groups[-1][0] == "speaker":
            groups[-1][1].append(text)
        elif len(groups) >= MAX_TURNS and characters <= 0:
            earlier_messages = index + 1
            break
        else:
            groups.append((role, [text]))
        characters -= len(text)
    turns = [Turn(role, "\n".join(reversed(texts))) for role, texts in reversed(groups)]
    return turns or dialogue_context(messages), earlier_messages


@dataclass(frozen=True, slots=True)
class SpokenPart:
    """What one of several people says in a turn of theirs, or the assistant in its turn."""

    turn: Turn
    """`speaker` is the person who spoke last; everybody else is who they hear."""
    index: int
    """Which of the turns it is part of, in which all people are one."""
    start: int
    """The first of its characters there."""


def spoken_parts(messages: Sequence[AnyMessage], turns: int) -> list[SpokenPart]:
    """Return a conversation as the person who spoke last lives it; empty where all people are one.

    Args:
        messages: The conversation.
        turns: How many turns of it there are up to the people's last one.
    """
    spoken = [(*_utterance(message), (message.name or "").strip().casefold()) for message in messages]
    names = [name for role, _, name in spoken if role == "speaker"]
    person = names[-1] if names else ""
    if not person or not set(names) - {person, ""}:
        return []
    parts: list[SpokenPart] = []
    index, length = -1, 0
    last: Role | None = None
    for role, text, name in spoken:
        if role is None:
            continue
        start = length + 1 if role == last == "speaker" else 0
        index, length, last = index + (start == 0), start + len(text), role
        heard: Role = "listener" if name not in (person, "") else role
        if start and parts[-1].turn.role == heard == "speaker":
            before = parts.pop()
            parts.append(replace(before, turn=Turn(heard, f"{before.turn.text}\n{text}")))
        else:
            parts.append(SpokenPart(Turn(heard, text), index, start))
    return [part for part in parts if part.index < turns]


def count_turns(messages: Sequence[AnyMessage], role: Role | None = None) -> int:
    """Return how many turns were said, by the person or the assistant alone where a role is given."""
    count, last = 0, None
    for message in messages:
        speaking, _ = _utterance(message)
        count += speaking is not None and role in (None, speaking) and not speaking == last == "speaker"
        last = speaking or last
    return count


def messages_of_last_turn(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Return the messages with words that make up the person's last turn, oldest first."""
    turn: list[AnyMessage] = []
    for message in reversed(messages):
        role, _ = _utterance(message)
        if role == "speaker":
            turn.append(message)
        elif role and turn:
            break
    return turn[::-1]


def last_human_index(messages: Sequence[AnyMessage]) -> int:
    """Return the index of the person's last message, -1 where there is none."""
    return next((i for i in range(len(messages) - 1, -1, -1) if message_role(messages[i]) == "speaker"), -1)


def last_human_id(messages: Sequence[AnyMessage]) -> str:
    """Return the id of the person's last message, empty where there is none."""
    index = last_human_index(messages)
    return "" if index < 0 else messages[index].id or ""


def message_print(messages: Sequence[AnyMessage]) -> str:
    """Return the id of the person's last message and a hash of what they said since the last reply.

    A message may be sent again with other words under the same id.
    """
    texts = [message_text(message) for message in messages_of_last_turn(messages)]
    return f"{last_human_id(messages)}:{_hash(json.dumps(texts))}"


def messages_after(messages: Sequence[AnyMessage], print_before: str) -> Sequence[AnyMessage]:
    """Return the messages that follow the one that a `message_print` names; none where it is gone."""
    message_id = print_before.rpartition(":")[0]
    index = next((index for index, message in enumerate(messages) if message.id == message_id), len(messages))
    return messages[index + 1 :]


def turn_key(messages: Sequence[AnyMessage], thread: str) -> str:
    """Return what identifies the person's last turn in its thread, whatever came after it.

    It is the last thing that was said before it, by its id: words that are edited, or sent again under another id,
    are the same turn then. Where that has no id but one that LangGraph may have given it in this very run, or stands at
    the beginning of the conversation, the turn is known by its words and by all that was said before.

    Args:
        messages: The conversation; it may end with a blank message, a reply, or what a tool returned.
        thread: Id of the conversation. Without one, the person's first turn is also known by the id of its message:
            the same words may begin another conversation.
    """
    end = next((index for index in range(len(messages), 0, -1) if _utterance(messages[index - 1])[0] == "speaker"), 0)
    start = next((index for index in range(end, 0, -1) if _utterance(messages[index - 1])[0] == "listener"), 0)
    before = messages[start - 1].id if start else None
    anchor = "" if before is None or _UUID4.fullmatch(before) else before
    is_first = not any(_utterance(message)[0] == "speaker" for message in messages[:start])
    if thread and anchor and not is_first:
        return f"after {anchor}"
    own_id = messages[end - 1].id if end and is_first and not thread else None
    return _hash(json.dumps([anchor, own_id, *([turn.role, turn.text] for turn in to_dialogue(messages[:end]))]))


def run_key(messages: Sequence[AnyMessage]) -> str:
    """Return what identifies this run of a turn in its thread: another message, or a reply, makes it another run.

    It is stable when the run is resumed or replayed, which may give the person's message a new id.
    """
    last = max(last_human_index(messages), 0)
    people = sum(message_role(message) == "speaker" for message in messages)
    before = next((messages[index] for index in range(last - 1, -1, -1) if _utterance(messages[index])[0]), None)
    anchor_message = before or (messages[last] if people else None)
    if anchor_message is None:
        anchor = ""
    else:
        anchor = before.id if before and before.id else _hash(message_text(anchor_message))
    return f"{anchor}:{people}:{count_turns(messages)}"


def turn_key_of_0_1(messages: Sequence[AnyMessage], thread: str) -> str:
    """Return what version 0.1 identified the person's last turn by; `messages` ends before the reply."""
    return run_key(messages) if thread or not messages else f"{messages[-1].id}:{run_key(messages)}"


def input_fault(messages: Sequence[AnyMessage]) -> str:
    """Return what is odd about the end of the conversation; empty when nothing is."""
    last = next((message for message in reversed(messages) if message_role(message)), None)
    if last is None:
        return ""
    text = message_text(last).strip()
    if message_role(last) == "listener":
        return "the conversation does not end with the person's turn: their last one was read" if text else ""
    unseen = _unseen(messages)
    if text:
        return f"what the person sent beside their words ({unseen}) was not seen" if unseen else ""
    if unseen:
        return f"the last message has no words, only what was not seen ({unseen}): the turns before it were read"
    return "the last message is blank: the turns before it were read"


def length_fault(messages: Sequence[AnyMessage]) -> str:
    """Return that the person's last message is longer than a turn may be; empty when it is not."""
    index = last_human_index(messages)
    if index < 0:
        return ""
    content = messages[index].content
    if not isinstance(content, str) and len(content) > MAX_PARTS:
        return f"the last message has {len(content)} parts: only its last {MAX_PARTS} were read"
    length = len(message_text(messages[index]))
    if length <= MAX_TURN_CHARACTERS:
        return ""
    return f"the last message has {length} characters: only its last {MAX_TURN_CHARACTERS} were read"


def _hint(messages: Sequence[AnyMessage]) -> str:
    """Return what to do where something else than words was sent, as the end of a sentence."""
    unseen = _unseen(messages)
    return f"; HEF reads text alone and has not seen what was sent ({unseen}): send words with it" if unseen else ""


def _unseen(messages: Sequence[AnyMessage]) -> str:
    """Return what the person sent beside words since the last reply."""
    kinds: dict[str, None] = {}
    for message in reversed(messages):
        role = message_role(message)
        if role == "listener" and message_text(message).strip():
            break
        if role == "speaker":
            kinds = dict.fromkeys(unseen_parts(message)) | kinds
    return ", ".join(kinds)


def _utterance(message: AnyMessage) -> tuple[Role | None, str]:
    """Return who says something in a message, and what; nobody where it has no words."""
    role = message_role(message)
    text = message_text(message) if role else ""
    return (role, text) if text.strip() else (None, "")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
