"""The conversation of the page without a browser: streaming, stopping, answering again, editing, keeping nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hef.characters import Character
from hef.cli.chat.conversation_file import OpenElsewhere, sole_writer
from hef.cli.chat.conversation_list import local_now
from hef.contract import HefContext, SetupError, Why
from hef.graph.stored_conversation import Conversation as StoredConversation
from hef.graph.turn_events import Event
from hef.graph.turn_task import TurnTask
from hef.memory import aforget_turns, alist_turns, amark_turn
from hef.ui.page_conversation import PageConversation
from hef.ui.page_host import PageHost
from hef.ui.views.memory_view import MemoryList
from hef.ui.views.understanding_view import understanding_html
from hef.ui.visit import Visit
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from langgraph.store.memory import InMemoryStore
from page_hosts import PERSON, page_host
from pydantic import PrivateAttr
from scripted_chat import Broken, ScriptedChat

DOG, SISTER = "My dog died and I am so sad.", "My sister got the job, I am proud of her!"
DANGER = "I am going to kill myself tonight."


class WaitingChat(ScriptedChat):
    """A scripted chat model whose first answers stop after a word and wait until somebody lets them go on."""

    waiting: int = 1
    _reached: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for number, word in enumerate(self._next(messages).split(" ")):
            if number == 1 and len(self.prompts) <= self.waiting:
                self._reached.set()
                await asyncio.Event().wait()
            chunk = ChatGenerationChunk(message=AIMessageChunk(word + " "))
            if run_manager:
                await run_manager.on_llm_new_token(word, chunk=chunk)
            yield chunk


def begin(host: PageHost, name: str = "one") -> PageConversation:
    return PageConversation(host, name, host.context)


async def finish(turn: AsyncGenerator[None]) -> None:
    async for _ in turn:
        pass


async def stop_when_waiting(conversation: PageConversation, turn: AsyncGenerator[None], model: WaitingChat) -> None:
    running = asyncio.create_task(finish(turn))
    await model._reached.wait()
    conversation.stop()
    await running


async def remembered(host: PageHost) -> list[str]:
    assert host.kept.store is not None
    return sorted(memory.text for memory in await alist_turns(host.kept.store, PERSON))


async def test_a_reply_grows_beside_what_was_understood(tmp_path: Path) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["I am sorry to hear that."])) as host:
        conversation = begin(host)
        seen = [conversation.live async for _ in conversation.say(DOG)]

        assert seen[0] is not None
        assert (seen[0].turn.text, seen[0].turn.reply, seen[0].turn.understanding) == (DOG, "", None)
        assert any(live and live.turn.understanding and not live.turn.reply for live in seen)
        assert seen[-1] is None
        (turn,) = conversation.turns
        assert turn.reply == "I am sorry to hear that."
        assert turn.understanding is not None
        assert turn.understanding.empathy.emotion in ("sad", "devastated")
        assert {turn.text[cause.start : cause.end] for cause in turn.understanding.empathy.causes} >= {"died"}
        assert await remembered(host) == [DOG]


async def test_what_was_said_is_there_after_a_restart(tmp_path: Path) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["I am sorry."])) as host:
        await finish(begin(host).say(DOG))
    async with page_host(tmp_path, ScriptedChat(script=["Well done."])) as host:
        again = begin(host)
        await again.load()

        assert [(turn.text, turn.reply) for turn in again.turns] == [(DOG, "I am sorry.")]
        assert again.turns[0].understanding is not None
        assert await host.conversations.names() == {"one": ""}
        assert await host.conversations.recent("") is None, "it was named by the person, who names it again"


async def test_a_turn_that_is_answered_again_is_remembered_once_with_the_new_reply(tmp_path: Path) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["First.", "Well done.", "Second."])) as host:
        conversation = begin(host)
        await finish(conversation.say(DOG))
        await finish(conversation.say(SISTER))
        await finish(conversation.regenerate(conversation.turns[0].key))

        assert [(turn.text, turn.reply) for turn in conversation.turns] == [(DOG, "Second.")]
        assert host.kept.store is not None
        (memory,) = await alist_turns(host.kept.store, PERSON)
        assert (memory.text, memory.reply.strip()) == (DOG, "Second.")


async def test_an_edited_turn_takes_what_came_after_it_out_of_the_memory(tmp_path: Path) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["One.", "Two.", "Three.", "Four."])) as host:
        conversation = begin(host)
        for text in (DOG, SISTER, "I lost my keys."):
            await finish(conversation.say(text))
        await finish(conversation.edit(conversation.turns[1].key, "My brother got the job."))

        assert [turn.text for turn in conversation.turns] == [DOG, "My brother got the job."]
        assert await remembered(host) == sorted([DOG, "My brother got the job."])


@pytest.mark.parametrize("is_edited", [True, False])
async def test_a_turn_is_replaced_also_where_the_one_before_was_forgotten(tmp_path: Path, is_edited: bool) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["One.", "Two.", "Three.", "Four."])) as host:
        conversation = begin(host)
        for text in (DOG, SISTER, "I lost my keys."):
            await finish(conversation.say(text))
        assert host.kept.store is not None
        (sister,) = (turn for turn in await alist_turns(host.kept.store, PERSON) if turn.text == SISTER)
        await conversation.forget(sister)
        await finish(
            conversation.edit(conversation.turns[1].key, "I found them.")
            if is_edited
            else conversation.regenerate(conversation.turns[1].key)
        )

        assert await remembered(host) == sorted([DOG, "I found them." if is_edited else "I lost my keys."])


async def test_a_turn_that_is_edited_into_danger_leaves_no_memory(tmp_path: Path) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["I am sorry."])) as host:
        conversation = begin(host)
        await finish(conversation.say(DOG))
        await finish(conversation.edit(conversation.turns[0].key, DANGER))

        assert await remembered(host) == []
        assert "988" in conversation.turns[0].reply
        assert conversation.turns[0].understanding is not None
        assert conversation.turns[0].understanding.empathy.safety.level == "danger"


async def test_what_was_said_before_a_stop_is_answered_with_what_is_said_next(tmp_path: Path) -> None:
    model = WaitingChat(script=["You are", "I understand."])
    async with page_host(tmp_path, model) as host:
        conversation = begin(host)
        await stop_when_waiting(conversation, conversation.say(DOG), model)
        assert conversation.outcome == "stopped"
        assert [(turn.text, turn.reply) for turn in conversation.turns] == [(DOG, "")]
        assert not conversation.is_running

        await finish(conversation.say("She was old."))
        assert [(turn.text, turn.reply) for turn in conversation.turns] == [(f"{DOG}\nShe was old.", "I understand.")]
        assert await remembered(host) == [f"{DOG}\nShe was old."]


async def test_a_stop_while_answering_again_puts_everything_back(tmp_path: Path) -> None:
    model = WaitingChat(script=["First.", "Second.", "Third time", "More."], waiting=3)
    async with page_host(tmp_path, model) as host:
        conversation = begin(host)
        await finish(conversation.say(DOG))
        await finish(conversation.say(SISTER))
        before, stored = conversation.turns, await remembered(host)
        await stop_when_waiting(conversation, conversation.edit(conversation.turns[0].key, "I won the lottery."), model)

        assert [(turn.text, turn.reply) for turn in conversation.turns] == [(turn.text, turn.reply) for turn in before]
        assert await remembered(host) == stored


async def test_a_turn_that_is_stopped_before_it_begins_ends() -> None:
    async def no_events() -> AsyncIterator[Event]:
        raise AssertionError("it has not begun")
        yield

    task = TurnTask(no_events())
    task.stop()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(anext(task.events()), 5)
    assert task.is_stopped


async def test_a_visitor_who_leaves_stops_the_turn_and_what_they_said_is_kept(tmp_path: Path) -> None:
    model = WaitingChat(script=["You are", "I understand."])
    async with page_host(tmp_path, model) as host:
        conversation = begin(host)
        turn = conversation.say(DOG)
        while not model._reached.is_set():
            await anext(turn)
        await turn.aclose()

        assert not conversation.is_running
        again = begin(host)
        await again.load()
        assert [(turn.text, turn.reply) for turn in again.turns] == [(DOG, "You …")]


async def stop_when_shown(conversation: PageConversation, turn: AsyncGenerator[None]) -> None:
    """Stop a turn once a word of its reply is shown."""
    async for _ in turn:
        if conversation.live and conversation.live.turn.reply:
            conversation.stop()


async def test_what_was_shown_of_a_reply_that_is_stopped_stands_and_is_remembered(tmp_path: Path) -> None:
    model = WaitingChat(script=["You are", "I understand."])
    async with page_host(tmp_path, model) as host:
        conversation = begin(host)
        await stop_when_shown(conversation, conversation.say(DOG))
        assert conversation.outcome == ""
        assert [(turn.text, turn.reply) for turn in conversation.turns] == [(DOG, "You …")]
        assert host.kept.store is not None
        (memory,) = await alist_turns(host.kept.store, PERSON)
        assert (memory.text, memory.reply) == (DOG, "You …")

        await finish(conversation.say("She was old."))
        assert [turn.reply for turn in conversation.turns] == ["You …", "I understand."]


async def test_an_edited_turn_whose_reply_is_stopped_has_replaced_the_one_before(tmp_path: Path) -> None:
    model = WaitingChat(script=["First.", "Second time", "More."], waiting=2)
    async with page_host(tmp_path, model) as host:
        conversation = begin(host)
        model.waiting = 0
        await finish(conversation.say(DOG))
        model.waiting = 2
        await stop_when_shown(conversation, conversation.edit(conversation.turns[0].key, SISTER))
        assert [(turn.text, turn.reply) for turn in conversation.turns] == [(SISTER, "Second …")]
        assert await remembered(host) == [SISTER]


@pytest.mark.parametrize("is_edited", [True, False])
async def test_what_is_replaced_is_not_recalled_meanwhile_and_keeps_its_marks_where_it_is_only_answered_again(
    tmp_path: Path, is_edited: bool
) -> None:
    model = ScriptedChat(script=["One.", "Two.", "Three."])
    async with page_host(tmp_path, model) as host:
        conversation = begin(host)
        await finish(conversation.say("Hello there."))
        await finish(conversation.say("My dog Bello died in the garden."))
        store = host.kept.store
        assert store is not None
        (dog,) = [memory for memory in await alist_turns(store, PERSON) if "Bello" in memory.text]
        await amark_turn(store, PERSON, dog.id, pinned=True)
        text = "My cat Tom died in the garden." if is_edited else dog.text
        await finish(
            conversation.edit(conversation.turns[1].key, text)
            if is_edited
            else conversation.regenerate(conversation.turns[1].key)
        )

        prompt = [message.text for message in model.prompts[-1]]
        assert sum("Bello" in text for text in prompt) == (0 if is_edited else 1), (
            "nothing of it beside the turn itself"
        )
        (again,) = [memory for memory in await alist_turns(store, PERSON) if memory.text == text]
        assert (again.pinned, again.never_recall) == (not is_edited, False)


async def test_what_was_to_be_replaced_is_recalled_again_where_that_failed(tmp_path: Path) -> None:
    model = ScriptedChat(script=["One.", "Two.", *[Broken("I am", ConnectionError("no route"))] * 3])
    async with page_host(tmp_path, model) as host:
        conversation = begin(host)
        await finish(conversation.say(DOG))
        await finish(conversation.say(SISTER))
        store = host.kept.store
        assert store is not None
        stored = await alist_turns(store, PERSON)
        await amark_turn(store, PERSON, stored[0].id, pinned=True)
        stored = await alist_turns(store, PERSON)
        await finish(conversation.edit(conversation.turns[0].key, "I lost my keys."))

        assert conversation.outcome == "failed"
        assert [turn.text for turn in conversation.turns] == [DOG, SISTER]
        marks = {(memory.text, memory.pinned, memory.never_recall) for memory in await alist_turns(store, PERSON)}
        assert marks == {(memory.text, memory.pinned, memory.never_recall) for memory in stored}


async def test_a_turn_that_failed_says_why_and_can_be_tried_again(tmp_path: Path) -> None:
    model = ScriptedChat(script=[*[Broken("I am", ConnectionError("no route"))] * 3, "I am sorry."])
    async with page_host(tmp_path, model) as host:
        conversation = begin(host)
        await finish(conversation.say(DOG))
        while conversation.outcome:
            assert conversation.outcome == "failed"
            assert conversation.error
            assert [(turn.text, turn.reply) for turn in conversation.turns] == [(DOG, "")]
            await finish(conversation.regenerate(conversation.turns[0].key))

        assert [(turn.text, turn.reply) for turn in conversation.turns] == [(DOG, "I am sorry.")]
        assert await remembered(host) == [DOG]


async def test_nothing_is_written_down_where_the_person_says_so(tmp_path: Path) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["I am sorry.", "It is our secret.", "Well done."])) as host:
        conversation = begin(host)
        await finish(conversation.say(DOG))
        await conversation.set_private(True)
        await finish(conversation.say("I stole a bicycle."))
        assert [turn.text for turn in conversation.turns] == [DOG, "I stole a bicycle."]
        assert b"bicycle" not in b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
        assert await remembered(host) == [DOG]

        await conversation.set_private(False)
        assert [turn.text for turn in conversation.turns] == [DOG]
        await finish(conversation.say(SISTER))
        assert await remembered(host) == [DOG, SISTER]


async def test_a_page_that_keeps_nothing_talks_and_writes_nothing(tmp_path: Path) -> None:
    context = HefContext(strategy="sem_only")
    async with page_host(tmp_path, ScriptedChat(script=["I am sorry.", "Well done."]), context=context) as host:
        visit = await Visit.begin(host, "en")
        files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
        for text in (DOG, SISTER):
            await finish(visit.conversation.say(text))
        await visit.conversation.set_private(True)
        await visit.refresh_memories()

        assert [turn.text for turn in visit.conversation.turns] == [DOG, SISTER]
        assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == files
        assert visit.memories.memories == []
        await visit.begin_conversation("")
        assert visit.conversation.turns == []


async def test_a_forgotten_turn_leaves_memory_conversation_and_file(tmp_path: Path) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["I am sorry.", "Well done."])) as host:
        visit = await Visit.begin(host, "en")
        await finish(visit.conversation.say(DOG))
        await finish(visit.conversation.say(SISTER))
        await visit.refresh_memories()
        (dog,) = [memory for memory in visit.memories.memories if memory.text == DOG]

        await visit.act_on_memory("erase", dog.id)
        assert await remembered(host) == [DOG, SISTER], "it was not asked for before"
        await visit.act_on_memory("delete", dog.id)
        await visit.act_on_memory("erase", dog.id)

        assert await remembered(host) == [SISTER]
        assert [turn.text for turn in visit.conversation.turns] == [SISTER]
        assert visit.notice.startswith("Deleted.")
        assert b"dog died" not in b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


async def test_a_forgotten_turn_also_leaves_what_is_not_written_down(tmp_path: Path) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["I am sorry.", "Well done."])) as host:
        visit = await Visit.begin(host, "en")
        await finish(visit.conversation.say(DOG))
        await visit.conversation.set_private(True)
        await visit.refresh_memories()
        await visit.act_on_memory("delete", visit.memories.memories[0].id)
        await visit.act_on_memory("erase", visit.memories.memories[0].id)

        assert visit.conversation.turns == []
        await visit.conversation.set_private(False)
        assert visit.conversation.turns == []


async def test_marks_are_shown_at_once_and_searching_finds(tmp_path: Path) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["I am sorry.", "Well done."])) as host:
        visit = await Visit.begin(host, "en")
        await finish(visit.conversation.say(DOG))
        await visit.refresh_memories()
        (memory,) = visit.memories.memories
        await visit.act_on_memory("pin", memory.id)
        assert visit.memories.newest(memory).pinned
        assert host.kept.store is not None
        await amark_turn(host.kept.store, PERSON, memory.id, never_recall=True)
        await visit.refresh_memories()
        assert visit.memories.newest(visit.memories.memories[0]).never_recall
        assert [period.turns for period in visit.periods] == [1]

        recalled = memory.model_copy(update={"why": Why(by="relevance", similarity=1.0)})
        shown = visit.memories.newest(recalled)
        assert (shown.pinned, shown.never_recall, shown.why) == (False, True, recalled.why), "where it was recalled"
        await visit.search("dog")
        assert visit.memories.newest(recalled).never_recall


async def test_a_character_greets_in_a_conversation_of_its_own(tmp_path: Path) -> None:
    june = Character(id="june", name="June", persona="a calm friend", greeting="Hi, I'm June.")
    model = ScriptedChat(script=["Hello.", "I hear you."])
    async with page_host(tmp_path, model, characters={"june": june}) as host:
        visit = await Visit.begin(host, "en")
        await finish(visit.conversation.say(SISTER))
        visit.set_region("gb")
        await visit.begin_conversation("june")
        assert (visit.conversation.turns, visit.conversation.opening) == ([], "Hi, I'm June.")
        await finish(visit.conversation.say(DOG))

        assert "June" in str(model.prompts[-1])
        assert (visit.character, visit.conversation.context.region) == ("june", "GB")
        assert visit.name_label(visit.conversation.name).startswith("June · ")
        assert [turn.text for turn in visit.conversation.turns] == [DOG]
        june_name = visit.conversation.name
        again = await Visit.begin(host, "en")
        assert [turn.text for turn in again.conversation.turns] == [SISTER]
        await again.open(june_name)
        assert (again.character, again.conversation.opening) == ("june", "Hi, I'm June.")


async def test_an_edit_of_a_turn_that_was_deleted_meanwhile_replaces_no_other(tmp_path: Path) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["One.", "Two.", "Three.", "Four."])) as host:
        conversation, elsewhere = begin(host), begin(host)
        for text in (DOG, SISTER, "I lost my keys."):
            await finish(conversation.say(text))
        await elsewhere.load()
        edited = elsewhere.turns[1].key
        assert host.kept.store is not None
        (sister,) = (turn for turn in await alist_turns(host.kept.store, PERSON) if turn.text == SISTER)
        await conversation.forget(sister)

        with pytest.raises(SetupError, match="no longer in the conversation"):
            await finish(elsewhere.edit(edited, "My brother got the job."))
        await conversation.load()
        assert [turn.text for turn in conversation.turns] == [DOG, "I lost my keys."]
        assert await remembered(host) == sorted([DOG, "I lost my keys."])
        assert not conversation.has_turn(edited)


async def test_a_turn_that_ends_without_a_reply_is_put_back_in_one_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ScriptedChat(script=[*[Broken("I am", ConnectionError("no route"))] * 3])
    async with page_host(tmp_path, model) as host:
        update = StoredConversation.update
        writes: list[int] = []

        async def count_messages(self: StoredConversation, values: dict[str, Any]) -> None:
            await update(self, values)
            writes.append(sum(message.type == "human" for message in await self.messages()))

        monkeypatch.setattr(StoredConversation, "update", count_messages)
        await finish(begin(host).say(DOG))
        assert writes == [1], "a process that ends between two writes would leave nothing of it"


@pytest.mark.parametrize(("name", "days", "is_new"), [("", 1, True), ("", 0, False), ("work", 1, False)])
async def test_a_page_that_is_left_open_begins_anew_after_a_pause_unless_the_person_named_the_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, days: int, is_new: bool
) -> None:
    model = ScriptedChat(script=["I am sorry.", "Well done."])
    async with page_host(tmp_path, model) as host:
        visit = await Visit.begin(host, "en")
        if name:
            await visit.open(name, "")
        before = visit.conversation.name
        await finish(visit.conversation.say(DOG))
        later = local_now() + timedelta(days=days)
        monkeypatch.setattr("hef.cli.chat.conversation_list.local_now", lambda: later)

        notice = await visit.leave_after_pause()
        await finish(visit.conversation.say(SISTER))
        assert (before in notice) is is_new
        texts = [message.text for message in model.prompts[-1] if message.type == "human"]
        assert texts == ([SISTER] if is_new else [DOG, SISTER])
        assert (visit.conversation.name != before) is is_new


async def test_what_is_not_written_down_goes_on_after_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["I am sorry.", "Well done."])) as host:
        visit = await Visit.begin(host, "en")
        await visit.conversation.set_private(True)
        await finish(visit.conversation.say(DOG))
        later = local_now() + timedelta(days=1)
        monkeypatch.setattr("hef.cli.chat.conversation_list.local_now", lambda: later)
        assert await visit.leave_after_pause() == ""
        assert visit.conversation.is_private


async def test_after_a_restart_earlier_turns_show_what_the_memory_holds_of_them(tmp_path: Path) -> None:
    store = InMemoryStore()
    script = ["I am sorry.", "Well done.", "It is three.", "I see."]
    texts = [DOG, SISTER, "What time is it?", "My dog Bello ate my slipper, I am so angry."]
    async with page_host(tmp_path, ScriptedChat(script=script), store=store) as host:
        conversation = begin(host)
        for text in texts:
            await finish(conversation.say(text))
        (sister,) = (turn for turn in await alist_turns(store, PERSON) if turn.text == SISTER)
        before = [turn.understanding for turn in conversation.turns]
        await aforget_turns(store, PERSON, [sister.id])
    async with page_host(tmp_path, ScriptedChat(script=["."]), store=store) as host:
        again = begin(host)
        await again.load()

        dog, forgotten, _, last = (turn.understanding for turn in again.turns)
        assert dog is not None
        assert before[0] is not None
        assert dog.is_from_memory
        assert dog.empathy.emotion == before[0].empathy.emotion
        share = dog.empathy.distribution[dog.empathy.emotion]
        assert share == pytest.approx(before[0].empathy.distribution[dog.empathy.emotion], abs=0.01)
        assert {DOG[cause.start : cause.end] for cause in dog.empathy.causes} >= {"died"}
        assert forgotten is None
        assert last is not None
        assert not last.is_from_memory
        shown = understanding_html(again.turns[0], MemoryList(), "en")
        assert "From the memory" in shown
        assert "died" in shown


async def test_a_conversation_that_no_visit_shows_any_more_is_left_to_other_processes(tmp_path: Path) -> None:
    async with page_host(tmp_path, WaitingChat(script=["One.", "Two words", "Three."], waiting=0)) as host:
        first = await Visit.begin(host, "en")
        day = first.conversation.name
        await finish(first.conversation.say(DOG))
        second = await Visit.begin(host, "en")
        assert second.conversation.name == day
        thread = host.conversations.thread_id(day)

        await first.open("work", "")
        with pytest.raises(OpenElsewhere), sole_writer(tmp_path, thread, day):
            raise AssertionError("the second visit shows it")
        second.close()
        with sole_writer(tmp_path, thread, day):
            pass
        with pytest.raises(OpenElsewhere), sole_writer(tmp_path, host.conversations.thread_id("work"), "work"):
            raise AssertionError("the first visit shows it")
        await first.open(day, "")
        assert [turn.text for turn in first.conversation.turns] == [DOG]


async def test_a_conversation_is_left_only_once_its_running_turn_has_ended(tmp_path: Path) -> None:
    model = WaitingChat(script=["One word", "Two."])
    async with page_host(tmp_path, model) as host:
        visit = await Visit.begin(host, "en")
        left = visit.conversation
        thread, name = host.conversations.thread_id(left.name), left.name
        running = asyncio.create_task(finish(left.say(DOG)))
        await model._reached.wait()
        await visit.open("work", "")
        await running
        with sole_writer(tmp_path, thread, name):
            pass
        again = begin(host, name)
        await again.load()
        assert [turn.text for turn in again.turns] == [DOG]


async def test_a_conversation_of_an_earlier_day_that_is_opened_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ScriptedChat(script=["I am sorry.", "Well done."])
    async with page_host(tmp_path, model) as host:
        visit = await Visit.begin(host, "en")
        day = visit.conversation.name
        await finish(visit.conversation.say(DOG))
        await visit.begin_conversation("")
        later = local_now() + timedelta(days=1)
        monkeypatch.setattr("hef.cli.chat.conversation_list.local_now", lambda: later)
        await visit.open(day)
        visit.conversation._opened = later
        assert await visit.leave_after_pause() == ""
        assert visit.conversation.name == day
