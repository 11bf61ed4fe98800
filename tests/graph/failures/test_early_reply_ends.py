"""Early replies whose LLM ends the call in a way that is no ordinary error: nobody waits for what never comes."""

from __future__ import annotations

import asyncio
from threading import Thread
from typing import Any

import pytest
from hef.graph import HefContext, create_hef
from langchain_core.messages import HumanMessage
from two_calls import WAIT, TwoCallChat

SAID: Any = {"messages": [HumanMessage("My dog died last night.")]}
EARLY_ON = HefContext(early_reply=True, ask="always")


class Ended(TwoCallChat):
    """Judges once the first reply was begun."""

    def model_post_init(self, context: Any) -> None:
        super().model_post_init(context)
        self.judging = self.began


@pytest.mark.parametrize("before_end", [[], ["Oh "]])
async def test_an_llm_that_cancels_its_own_call_is_asked_anew(before_end: list[str]) -> None:
    model = Ended(replies=[[*before_end, asyncio.CancelledError()], ["I ", "hear ", "you."]])
    others = asyncio.all_tasks()

    turn = await asyncio.wait_for(create_hef(model=model).compile().ainvoke(SAID, context=EARLY_ON), 4 * WAIT)

    assert turn["messages"][-1].content == "I hear you."
    assert len(model.prompts) == 2
    assert asyncio.all_tasks() == others


def test_a_thread_that_an_exit_ends_is_not_waited_for() -> None:
    model = Ended(replies=[[SystemExit()], ["I ", "hear ", "you."]])
    hef = create_hef(model=model).compile()
    replies: list[str] = []

    turn = Thread(
        target=lambda: replies.append(hef.invoke(SAID, context=EARLY_ON)["messages"][-1].content), daemon=True
    )
    turn.start()
    turn.join(4 * WAIT)

    assert replies == ["I hear you."]
