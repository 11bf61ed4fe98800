"""The page asks which emotion it is, where SEM and LLM disagree and it was started so, and goes on with the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hef.contract import HefContext
from hef.memory import alist_turns
from hef.ui.page_conversation import PageConversation
from hef.ui.page_host import PageHost
from hef.ui.views.conversation_view import live_html, status_text
from hef.ui.visit import Visit
from page_hosts import PERSON, page_host
from scripted_chat import ScriptedChat

DOG, SISTER = "My dog died and I am so sad.", "My sister got the job, I am proud of her!"
BUTTONS = ("hef-send", "hef-stop")
ASKED = HefContext(user_id=PERSON, region="US", confirm_emotion=True, primary=2, max_requeries=0)


@asynccontextmanager
async def asking_page(folder: Path, *script: str, context: HefContext = ASKED) -> AsyncIterator[PageHost]:
    """Open a page whose LLM says the script, which begins with an emotion that the SEM does not think of."""
    async with page_host(folder, ScriptedChat(script=list(script)), context=context) as host:
        yield host


async def run(turn: Any) -> None:
    async for _ in turn:
        pass


async def ask(conversation: PageConversation, turn: Any) -> asyncio.Task[None]:
    """Run a turn in a task of its own until it asks the person."""
    asked = asyncio.Event()

    async def follow() -> None:
        async for _ in turn:
            if conversation.question:
                asked.set()

    running = asyncio.create_task(follow())
    async with asyncio.timeout(20):
        await asked.wait()
    return running


def begin(host: PageHost, name: str = "one") -> PageConversation:
    return PageConversation(host, name, host.context)


async def remembered(host: PageHost) -> list[tuple[str, str | None]]:
    assert host.kept.store is not None
    return [(memory.text, memory.emotion) for memory in await alist_turns(host.kept.store, PERSON)]


async def test_the_answer_to_the_question_is_the_emotion_of_the_turn_which_goes_on(tmp_path: Path) -> None:
    async with asking_page(tmp_path, "none, sentimental", "I am with you.") as host:
        conversation = begin(host)
        running = await ask(conversation, conversation.say(DOG))
        question = conversation.question
        assert question is not None
        assert question.likely[0] == question.empathy.emotion
        assert question.likely[-1] == "sentimental"
        assert "devastated" in question.labels
        assert conversation.live is not None
        assert conversation.live.turn.understanding is not None, "what was read stands beside the question"
        conversation.answer("devastated")
        assert conversation.question is None
        await running

        (turn,) = conversation.turns
        assert turn.reply == "I am with you."
        assert turn.understanding is not None
        assert (turn.understanding.empathy.emotion, turn.understanding.empathy.confirmed) == ("devastated", True)
        assert await remembered(host) == [(DOG, "devastated")]


async def test_the_first_emotion_can_be_confirmed_or_rejected(tmp_path: Path) -> None:
    for label, is_confirmed in (("sad", True), ("", False)):
        async with asking_page(tmp_path / str(is_confirmed), "none, sentimental", "I am with you.") as host:
            conversation = begin(host)
            running = await ask(conversation, conversation.say("I am so sad."))
            assert conversation.question is not None
            assert conversation.question.empathy.emotion == "sad"
            conversation.answer(label)
            await running
            understanding = conversation.turns[0].understanding
            assert understanding is not None
            assert understanding.empathy.confirmed is is_confirmed
            assert (understanding.empathy.emotion == "sad") is is_confirmed


async def test_an_answer_that_was_not_offered_is_none(tmp_path: Path) -> None:
    async with asking_page(tmp_path, "none, sentimental", "I am with you.") as host:
        conversation = begin(host)
        conversation.answer("sad")
        running = await ask(conversation, conversation.say(DOG))
        conversation.answer("zebra")
        assert conversation.question is not None
        conversation.answer("sad")
        conversation.answer("devastated")
        await running
        assert await remembered(host) == [(DOG, "sad")]


async def test_an_answer_right_after_a_stop_changes_nothing(tmp_path: Path) -> None:
    async with asking_page(tmp_path, "none, sentimental", "I am with you.") as host:
        conversation = begin(host)
        running = await ask(conversation, conversation.say(DOG))
        conversation.stop()
        conversation.answer("sad")
        await running
        assert (conversation.outcome, [(turn.text, turn.reply) for turn in conversation.turns]) == (
            "stopped",
            [(DOG, "")],
        )


async def test_a_stop_while_the_person_is_asked_keeps_what_they_said(tmp_path: Path) -> None:
    async with asking_page(tmp_path, "none, sentimental", "none, sentimental", "I am with you.") as host:
        conversation = begin(host)
        running = await ask(conversation, conversation.say(DOG))
        conversation.stop()
        await running
        assert (conversation.outcome, conversation.question, conversation.is_running) == ("stopped", None, False)
        assert [(turn.text, turn.reply) for turn in conversation.turns] == [(DOG, "")]
        assert await remembered(host) == [(DOG, None)], "without an answer it is remembered without a feeling"

        running = await ask(conversation, conversation.regenerate(conversation.turns[0].key))
        conversation.answer("sad")
        await running
        assert [(turn.text, turn.reply) for turn in conversation.turns] == [(DOG, "I am with you.")]


async def test_a_message_while_the_person_is_asked_is_answered_together_with_the_one_before(tmp_path: Path) -> None:
    async with asking_page(tmp_path, "none, sentimental", "none, sentimental", "I am with you.") as host:
        conversation = begin(host)
        first = await ask(conversation, conversation.say(DOG))
        second = await ask(conversation, conversation.say("She was old."))
        await first
        conversation.answer("sad")
        await second
        both = f"{DOG}\nShe was old."
        assert [(turn.text, turn.reply) for turn in conversation.turns] == [(both, "I am with you.")]
        assert conversation.outcome == ""
        assert await remembered(host) == [(both, "sad")]


async def test_danger_is_answered_whatever_was_asked(tmp_path: Path) -> None:
    async with asking_page(tmp_path, "none, sentimental") as host:
        conversation = begin(host)
        first = await ask(conversation, conversation.say(DOG))
        await run(conversation.say("I am going to kill myself tonight."))
        await first
        assert "988" in conversation.turns[-1].reply


async def test_a_question_about_an_edited_turn_that_is_stopped_puts_everything_back(tmp_path: Path) -> None:
    async with asking_page(tmp_path, "sad, sad", "I am with you.", "none, sentimental") as host:
        conversation = begin(host)
        await run(conversation.say("I am so sad."))
        before, stored = conversation.turns, await remembered(host)
        running = await ask(conversation, conversation.edit(conversation.turns[0].key, "I am so angry."))
        conversation.stop()
        await running
        assert [(turn.text, turn.reply) for turn in conversation.turns] == [(turn.text, turn.reply) for turn in before]
        assert await remembered(host) == stored


async def test_others_may_talk_and_forget_while_the_person_thinks(tmp_path: Path) -> None:
    script = ("sad, sad", "Poor dog.", "none, sentimental", "proud, proud", "Well done.")
    async with asking_page(tmp_path, *script) as host:
        visit = await Visit.begin(host, "en")
        await run(visit.conversation.say("I am so sad."))
        running = await ask(visit.conversation, visit.conversation.say(DOG))
        elsewhere = begin(host, "two")
        async with asyncio.timeout(20):
            await run(elsewhere.say(SISTER))
        assert [turn.reply for turn in elsewhere.turns] == ["Well done."]

        await visit.refresh_memories()
        (first,) = [memory for memory in visit.memories.memories if memory.text == "I am so sad."]
        await visit.act_on_memory("delete", first.id)
        async with asyncio.timeout(20):
            await visit.act_on_memory("erase", first.id)
        await running
        assert [text for text, _ in await remembered(host)] == [DOG, SISTER]
        assert [(turn.text, turn.reply) for turn in visit.conversation.turns] == [(DOG, "")]


@pytest.mark.parametrize("how", ["answered", "stopped"])
async def test_a_question_of_a_conversation_that_went_on_in_another_tab_changes_nothing(
    tmp_path: Path, how: str
) -> None:
    async with asking_page(tmp_path, "none, sentimental", "I hear both.") as host:
        conversation, other_tab = begin(host), begin(host)
        running = await ask(conversation, conversation.say(DOG))
        await run(other_tab.say("I am so sad."))
        if how == "answered":
            conversation.answer("devastated")
        else:
            conversation.stop()
        await running
        assert [(turn.text, turn.reply) for turn in conversation.turns] == [(f"{DOG}\nI am so sad.", "I hear both.")]
        assert await remembered(host) == [(f"{DOG}\nI am so sad.", "sad")]


async def test_the_page_asks_where_nothing_is_written_down_and_asks_nothing_without_the_setting(tmp_path: Path) -> None:
    async with asking_page(
        tmp_path, "none, sentimental", "Hm.", context=ASKED.model_copy(update={"user_id": None})
    ) as host:
        visit = await Visit.begin(host, "en")
        running = await ask(visit.conversation, visit.conversation.say(DOG))
        visit.conversation.answer("sad")
        await running
        assert [turn.reply for turn in visit.conversation.turns] == ["Hm."]
    unasked = ASKED.model_copy(update={"confirm_emotion": False})
    async with asking_page(tmp_path / "unasked", "none, sentimental", "Hm.", context=unasked) as host:
        conversation = begin(host)
        await run(conversation.say(DOG))
        assert [turn.reply for turn in conversation.turns] == ["Hm."]


async def test_the_question_is_shown_as_buttons_in_the_language_of_the_page(tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason="the page needs the extra `ui`: Gradio is not installed")
    from hef.ui.page_events import create_page
    from hef.ui.page_view import Updates

    async with asking_page(tmp_path, "none, sentimental", "I am with you.") as host:
        visit = await Visit.begin(host, "en")
        handlers = {each.name: each.fn for each in create_page(host).fns.values()}
        shown: list[Updates] = []
        asked = asyncio.Event()

        async def send() -> None:
            async for updates in handlers["send"](visit, DOG):
                shown.append({component.elem_id: update for component, update in updates.items()})
                if visit.conversation.question:
                    asked.set()

        running = asyncio.create_task(send())
        async with asyncio.timeout(20):
            await asked.wait()
        live = visit.conversation.live
        assert live is not None
        english, chinese = live_html(visit.conversation, "en"), live_html(visit.conversation, "zh")
        assert 'role="group" aria-label="Which emotion is it?"' in english
        assert 'data-emotion="devastated">devastated</button>' in english
        assert 'aria-label="是哪种情绪？"' in chinese
        assert 'data-emotion="sad">难过</button>' in chinese
        assert status_text(live, "en") in shown[-1]["hef-announcer"], "a screen reader says it"
        send, stop = ([each[name] for each in shown if "visible" in each.get(name, {})] for name in BUTTONS)
        assert (send[-1]["visible"], stop[-1]["visible"]) == (True, True)

        class Pressed:
            _data = {"act": "answer", "emotion": "devastated"}  # noqa: RUF012

        at_once = await handlers["answer_question"](visit, Pressed)
        assert "hef-asked" not in str(at_once)
        await running
        assert "I am with you." in visit.conversation.turns[0].reply
        assert "devastated" in shown[-1]["hef-understood"]
