"""What the page's handlers do where there is no visit, and what the settings show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from inspect import isasyncgenfunction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hef.characters import Character
from hef.memory import alist_turns
from hef.ui import visit as visit_module
from hef.ui.visit import Visit
from page_browser import NumberedChat
from page_hosts import page_host
from scripted_chat import ScriptedChat

pytest.importorskip("gradio", reason="the page needs the extra `ui`: Gradio is not installed")


async def last_updates(handler: Callable[..., Any], *inputs: Any) -> dict[str, Any]:
    """Return what a handler changes at last, by the component's id in the page or its class."""
    if isasyncgenfunction(handler):
        updates = [each async for each in handler(*inputs)][-1]
    else:
        updates = await handler(*inputs)
    return {component.elem_id or type(component).__name__: update for component, update in updates.items()}


async def test_no_handler_fails_or_answers_where_there_is_no_visit(tmp_path: Path) -> None:
    from hef.ui.page_events import create_page

    model = ScriptedChat(script=["I am sorry."])
    async with page_host(tmp_path, model) as host:
        handlers = [each for each in create_page(host).fns.values() if each.name not in ("open_page", "close_page")]
        assert len(handlers) > 15
        for each in handlers:
            updates = await last_updates(each.fn, None, *["I am sad."] * max(1, len(each.inputs) - 1))
            assert "load the page again" in updates["hef-understood"], each.name
            assert "重新加载" in updates["hef-memories"], each.name
            assert "hef-message" not in updates, "what the person wrote stays"
    assert model.prompts == []


async def test_the_page_that_has_loaded_lets_write_and_send(tmp_path: Path) -> None:
    from hef.ui.page_events import create_page

    async with page_host(tmp_path, ScriptedChat(script=["I am sorry."])) as host:
        page = create_page(host)
        before = {block.elem_id: block for block in page.blocks.values()}
        opening = next(each for each in page.fns.values() if each.name == "open_page")
        updates = await last_updates(opening.fn, None, {}, {}, SimpleNamespace(headers={"accept-language": "zh-CN"}))

    for name in ("hef-message", "hef-send"):
        assert before[name].interactive is False
        assert updates[name]["interactive"] is True
    assert before["hef-message"].placeholder == "The page is loading … · 页面正在加载……"
    assert updates["hef-message"]["placeholder"] == "写给 HEF……"


async def test_a_page_that_cannot_begin_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hef.ui.page_events import create_page

    async def fail(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full <b>")

    monkeypatch.setattr(Visit, "begin", fail)
    async with page_host(tmp_path, ScriptedChat(script=["I am sorry."])) as host:
        opening = next(each for each in create_page(host).fns.values() if each.name == "open_page")
        updates = await last_updates(opening.fn, None, {}, {}, SimpleNamespace(headers={}))
    assert "the disk is full &lt;b&gt;" in str(updates["HTML"])


async def test_a_turn_that_cannot_begin_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hef.ui.page_events import create_page

    async with page_host(tmp_path, ScriptedChat(script=["I am sorry."])) as host:
        visit = await Visit.begin(host, "en")

        def fail() -> None:
            raise OSError("another process writes")

        monkeypatch.setattr(host.conversations, "alone", fail)
        send = next(each for each in create_page(host).fns.values() if each.name == "send")
        updates = await last_updates(send.fn, visit, "I am sad.")
    assert "another process writes" in updates["hef-understood"]


async def test_the_language_of_the_reply_is_the_characters_and_is_shown(tmp_path: Path) -> None:
    from hef.ui.page_events import create_page

    mei = Character(id="mei", name="Mei", persona="a calm friend", language="zh")
    async with page_host(tmp_path, ScriptedChat(script=["好。"]), characters={"mei": mei}) as host:
        visit = await Visit.begin(host, "en")
        choose = next(each for each in create_page(host).fns.values() if each.name == "set_character")
        for character, language in (("mei", "zh"), ("", "")):
            updates = await last_updates(choose.fn, visit, character)
            assert (visit.conversation.context.language or "") == language
            assert updates["hef-reply-language"]["value"] == language


async def test_what_is_said_after_retention_was_set_is_remembered_so_long_and_the_memory_says_until_when(
    tmp_path: Path,
) -> None:
    from hef.ui.page_events import create_page

    async with page_host(tmp_path, ScriptedChat(script=["I am sorry."] * 6)) as host:
        visit = await Visit.begin(host, "en")
        handlers = {each.name: each.fn for each in create_page(host).fns.values()}
        for words, days in (("I am sad.", 0), ("I am angry.", 7), ("I am glad.", 0)):
            await last_updates(handlers["set_retention"], visit, days)
            await last_updates(handlers["send"], visit, words)
        updates = await last_updates(handlers["show_memories"], visit)
        kept = {turn.text: turn.expires for turn in await alist_turns(host.kept.store, host.context.user_id)}
    assert (kept["I am sad."], kept["I am glad."]) == (None, None)
    week = datetime.fromtimestamp(kept["I am angry."])
    assert timedelta(days=6.9) < week - datetime.now() < timedelta(days=7.1)
    assert updates["hef-memories"].count("until ") == 1
    assert f"until <time>{week:%Y-%m-%d}</time>" in updates["hef-memories"]


@pytest.mark.parametrize(("days", "shown"), [(None, 0), (7.0, 7.0), (14.0, 14.0), (0.5, 0.5)])
async def test_the_page_shows_the_retention_that_it_was_started_with(
    tmp_path: Path, days: float | None, shown: float
) -> None:
    from hef.ui.page_events import create_page

    async with page_host(tmp_path, ScriptedChat(script=["I am sorry."])) as host:
        host = replace(host, context=host.context.model_copy(update={"remember_for": days}))
        visit = await Visit.begin(host, "en")
        change = next(each.fn for each in create_page(host).fns.values() if each.name == "set_language")
        updates = await last_updates(change, visit, "zh")
    choices = dict(map(reversed, updates["hef-retention"]["choices"]))
    assert (updates["hef-retention"]["value"], choices[0]) == (shown, "一直记着")
    assert shown in choices


async def test_the_memory_is_read_after_a_turn_only_while_it_is_before_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hef.ui.page_events import create_page

    reads: list[str] = []

    async def count(store: Any, user: str) -> list[Any]:
        reads.append(user)
        return await alist_turns(store, user)

    monkeypatch.setattr(visit_module, "alist_turns", count)
    async with page_host(tmp_path, ScriptedChat(script=["I am sorry."] * 3)) as host:
        visit = await Visit.begin(host, "en")
        handlers = {each.name: each.fn for each in create_page(host).fns.values()}
        counts = []
        for before in (handlers["leave_memories"], handlers["show_memories"], handlers["leave_memories"]):
            await last_updates(before, visit)
            reads.clear()
            updates = await last_updates(handlers["send"], visit, "I am sad.")
            counts.append((len(reads), "turns are remembered" in updates.get("hef-memories", "")))
    assert counts == [(0, False), (1, True), (0, False)]


async def test_what_was_said_before_is_not_drawn_again_for_each_word_of_a_reply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hef.ui import page_view
    from hef.ui.page_events import create_page

    model = NumberedChat(script=["."])
    async with page_host(tmp_path, model) as host:
        visit = await Visit.begin(host, "en")
        send = next(each.fn for each in create_page(host).fns.values() if each.name == "send")
        drawn: list[bool] = []
        history_html = page_view.history_html

        def count(*inputs: Any) -> str:
            live = visit.conversation.live
            drawn.append(bool(live and live.turn.reply))
            return str(history_html(*inputs))

        monkeypatch.setattr(page_view, "history_html", count)
        updates = [each async for each in send(visit, "I am sad.")]
    assert drawn.count(True) == 1, "with its first word"
    live = [str(update) for each in updates for component, update in each.items() if component.elem_id == "hef-live"]
    assert any("Reply 1 to" in update for update in live)
    assert live[-1] == ""
