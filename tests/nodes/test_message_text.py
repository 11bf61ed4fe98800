"""What is said in an answer of the thread: the same as in a reply, at less cost where nothing is to be cut."""

from __future__ import annotations

import pytest
from hef.nodes.support import message_text as module
from hef.nodes.support.message_text import message_text
from hef.prompts.spoken_reply import spoken_reply
from hypothesis import example, given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

PIECES = (
    *("Listener", "ASSISTANT", "speaker", "User", "Human", "bot", "'s next reply", "’s turn", ":", "：", "**", "_"),
    *(
        "Listener: ",
        "\nUser: ",
        "\n **Speaker**:",
        "### ",
        "Instruction",
        "analysis",
        "assistantfinal",
        "analysisHm",
        "<s>",
        "</think>",
        "<|end|>",
        "[INST]",
    ),
    *(" ", "\n", "\n  ", "hello", "I feel", ".", "`", "```", "a: b"),
)


@example("I hear you.\nSpeaker: Thank you.")
@example("analysisHm.assistantfinalListener: I hear you.")
@example("Assistant：I hear you.")
@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
def test_what_is_cut_of_a_reply_is_cut_of_an_answer_in_the_thread(written: str) -> None:
    assert message_text(AIMessage(written)).strip() == spoken_reply(written)


@pytest.mark.parametrize(
    "written", ["I hear you.", "One thing: breathe.\nThen: rest.", "Two users said: no", "试试看：深呼吸。"]
)
def test_an_answer_that_holds_nothing_to_cut_is_not_searched_for_it(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "spoken_reply", lambda text: pytest.fail(f"searched {text!r}"))

    assert message_text(AIMessage(written)) == written
