"""What the browser keeps of a visitor's choices: read again, whatever it is by then."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hef.cli.chat.conversation_file import OpenElsewhere, sole_writer
from hef.ui.kept_choices import KeptChoices
from hef.ui.visit import Visit
from page_hosts import page_host
from scripted_chat import ScriptedChat


@pytest.mark.parametrize("stored", [None, "", [], "{}", 7, {"unknown": True}, {"region": 5}])
def test_what_no_page_has_kept_is_no_choice(stored: Any) -> None:
    assert KeptChoices.read(stored).settings == {}


def test_a_choice_that_cannot_be_read_takes_no_other_along() -> None:
    stored = {
        "region": "gb",
        "strategy": "<script>",
        "remember_for": -1,
        "language": "x" * 99,
        "page_language": "fr",
    }
    choices = KeptChoices.read(stored)
    assert (choices.settings, choices.page_language) == ({"region": "GB"}, None)


async def test_choices_hold_for_the_next_visit_and_what_was_not_chosen_is_the_hosts(tmp_path: Path) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["."])) as host:
        visit = await Visit.begin(host, "en")
        assert visit.kept_choices.stored() == {}
        await visit.set_private(True)
        visit.language, visit.has_chosen_language = "zh", True
        visit.set_region("cn")
        visit.set_retention(30)
        visit.set_reply_language("")

        choices = KeptChoices.read(visit.kept_choices.stored())
        again = await Visit.begin(host, "en", choices, wants_private=visit.wants_private)
        assert (again.language, again.conversation.is_private) == ("zh", True)
        context = again.conversation.context
        assert (context.region, context.remember_for, context.language) == ("CN", 30.0, None)
        assert context.strategy == host.context.strategy
        assert again.kept_choices == visit.kept_choices


async def test_the_wish_that_nothing_is_written_down_holds_for_a_conversation_that_is_just_being_opened(
    tmp_path: Path,
) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["."])) as host:
        visit = await Visit.begin(host, "en")
        await asyncio.gather(visit.begin_conversation(""), visit.set_private(True))
        assert visit.conversation.is_private
        await asyncio.gather(visit.set_private(False), visit.begin_conversation(""))
        assert not visit.conversation.is_private


async def test_another_choice_in_another_tab_does_not_undo_the_switch(tmp_path: Path) -> None:
    from hef.ui.page_events import create_page

    async with page_host(tmp_path, ScriptedChat(script=["."])) as host:
        page = create_page(host)
        stored = {}
        for name, value in (("set_private", True), ("set_strategy", "llm_only"), ("set_region", "gb")):
            handler = next(each.fn for each in page.fns.values() if each.name == name)
            updates = await handler(await Visit.begin(host, "en"), value)  # each in a tab of its own
            stored |= {
                component.storage_key: update
                for component, update in updates.items()
                if getattr(component, "storage_key", None)
            }
        assert stored["hef-private"] == {"is_private": True}


async def test_a_tab_that_is_closed_leaves_its_conversation(tmp_path: Path) -> None:
    from hef.ui.page_events import create_page

    async with page_host(tmp_path, ScriptedChat(script=["."])) as host:
        page = create_page(host)
        opening, closing = (
            next(each.fn for each in page.fns.values() if each.name == name) for name in ("open_page", "close_page")
        )
        request = SimpleNamespace(headers={}, session_hash="tab")
        updates = await opening(None, {}, {}, request)
        (visit,) = (value for value in updates.values() if isinstance(value, Visit))
        name = visit.conversation.name
        thread = host.conversations.thread_id(name)
        with pytest.raises(OpenElsewhere), sole_writer(tmp_path, thread, name):
            raise AssertionError("the tab shows it")
        for _ in range(2):
            closing(request)
        with sole_writer(tmp_path, thread, name):
            pass
