"""What the browser keeps of a visitor's choices: read again, whatever it is by then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hef.ui.kept_choices import KeptChoices
from hef.ui.visit import Visit
from page_hosts import page_host
from scripted_chat import ScriptedChat


@pytest.mark.parametrize("stored", [None, "", [], "{}", 7, {"is_private": None}, {"unknown": True}, {"region": 5}])
def test_what_no_page_has_kept_is_no_choice(stored: Any) -> None:
    assert KeptChoices.read(stored).settings == {}
    assert not KeptChoices.read(stored).is_private


def test_a_choice_that_cannot_be_read_takes_no_other_along() -> None:
    stored = {
        "is_private": True,
        "region": "gb",
        "strategy": "<script>",
        "remember_for": -1,
        "language": "x" * 99,
        "page_language": "fr",
    }
    choices = KeptChoices.read(stored)
    assert (choices.is_private, choices.settings, choices.page_language) == (True, {"region": "GB"}, None)


async def test_choices_hold_for_the_next_visit_and_what_was_not_chosen_is_the_hosts(tmp_path: Path) -> None:
    async with page_host(tmp_path, ScriptedChat(script=["."])) as host:
        visit = await Visit.begin(host, "en")
        assert visit.kept_choices.stored() == {"is_private": False}
        await visit.conversation.set_private(True)
        visit.language, visit.has_chosen_language = "zh", True
        visit.set_region("cn")
        visit.set_retention(30)
        visit.set_reply_language("")

        again = await Visit.begin(host, "en", KeptChoices.read(visit.kept_choices.stored()))
        assert (again.language, again.conversation.is_private) == ("zh", True)
        context = again.conversation.context
        assert (context.region, context.remember_for, context.language) == ("CN", 30.0, None)
        assert context.strategy == host.context.strategy
        assert again.kept_choices == visit.kept_choices
