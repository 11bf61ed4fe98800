"""A conversation whose turn asks the person and is left: what it was to replace is back, in its own thread alone."""

from __future__ import annotations

from typing import Any

import pytest
from hef.contract import HefContext
from hef.graph import create_hef
from hef.graph.stored_conversation import LAST, Conversation, human_message
from hef.graph.turn_events import Question, Replied, stream_turn
from hef.memory import alist_turns, amark_turn
from hef.sem.plugins.lexicon_sem import LexiconSem
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command
from scripted_chat import ScriptedChat

ANA = HefContext(user_id="ana", confirm_emotion=True, primary=2, max_requeries=0)
SAD, ANGRY = "I am so sad.", "I am so angry."
AGREED, ASKS = "sad, sad", "none, sentimental"


def compiled(*script: str) -> Any:
    model = ScriptedChat(script=list(script))
    return create_hef(model=model, sem=LexiconSem()).compile(checkpointer=InMemorySaver(), store=InMemoryStore())


async def run(
    conversation: Conversation, turn: Any, command: Command[Any] | None = None, context: HefContext = ANA
) -> Question | Replied:
    last: Any = None
    graph_input = command or turn.messages
    async for event in stream_turn(conversation.hef, graph_input, context, conversation.thread, turn.configurable):
        last = event
    return last


async def say(
    conversation: Conversation, text: str | None, since: str | None = None, context: HefContext = ANA
) -> Question | Replied:
    turn = await conversation.begin([human_message(text)] if text else None, context, since=since)
    ended = await run(conversation, turn, context=context)
    if isinstance(ended, Replied):
        await conversation.end(turn, context)
    return ended


async def stored(hef: Any) -> list[tuple[str, str, bool, bool]]:
    memories = await alist_turns(hef.store, "ana")
    return sorted((memory.text, memory.thread, memory.pinned, memory.never_recall) for memory in memories)


@pytest.mark.parametrize("text", [None, ANGRY])
async def test_what_a_question_was_to_replace_is_back_where_the_person_leaves(text: str | None) -> None:
    hef = compiled(AGREED, "I am with you.", ASKS)
    conversation = Conversation(hef, "a")
    await say(conversation, SAD)
    (memory,) = await alist_turns(hef.store, "ana")
    await amark_turn(hef.store, "ana", memory.id, pinned=True)
    before = [message.text for message in await conversation.messages()]

    assert isinstance(await say(conversation, text, since=LAST), Question)
    await conversation.leave(ANA)
    assert [message.text for message in await conversation.messages()] == before
    assert await stored(hef) == [(SAD, "a", True, False)]
    assert conversation.pending is None


async def test_a_question_of_one_conversation_does_nothing_to_another() -> None:
    hef = compiled(AGREED, "One.", AGREED, "Two.", ASKS, AGREED, "Three.")
    first, second = Conversation(hef, "a"), Conversation(hef, "b")
    await say(first, SAD)
    await say(second, "I am sad, too.")
    assert isinstance(await say(first, None, since=LAST), Question)
    await first.leave(ANA)
    await say(second, "I am sad again.")

    assert [message.text for message in await first.messages()] == [SAD, "One. "]
    assert len(await second.messages()) == 4
    assert {(text, thread) for text, thread, _, _ in await stored(hef)} == {
        (SAD, "a"),
        ("I am sad, too.", "b"),
        ("I am sad again.", "b"),
    }


async def test_a_message_after_a_question_takes_the_place_of_what_was_to_be_replaced() -> None:
    hef = compiled(AGREED, "One.", ASKS, "Two.")
    conversation = Conversation(hef, "a")
    await say(conversation, SAD)
    assert isinstance(await say(conversation, ANGRY, since=LAST), Question)
    await say(conversation, "Never mind.", context=HefContext(user_id="ana", strategy="sem_only"))
    assert [(text, hidden) for text, _, _, hidden in await stored(hef)] == [(f"{ANGRY}\nNever mind.", False)]


async def test_a_question_of_an_earlier_process_is_answered() -> None:
    hef = compiled(ASKS, "I am with you.")
    assert isinstance(await say(Conversation(hef, "a"), SAD), Question)
    later = Conversation(hef, "a")
    turn = await later.waiting_turn()
    ended = await run(later, turn, Command(resume="devastated"))
    assert isinstance(ended, Replied)
    await later.end(turn, ANA)
    assert [text for text, _, _, _ in await stored(hef)] == [SAD]
