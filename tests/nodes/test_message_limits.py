"""How much of a message is read: its end, whatever its length."""

from __future__ import annotations

from time import process_time

import pytest
from hef.contract.dialogue import MAX_TURN_CHARACTERS
from hef.nodes.support.message_text import MAX_PARTS, message_text, unseen_parts
from hef.nodes.support.transcript import length_fault
from langchain_core.messages import AIMessage, AnyMessage, ChatMessage, HumanMessage


@pytest.mark.parametrize(
    "message",
    [
        AIMessage("<" * 10_000_000),
        AIMessage("<think>" * 1_000_000),
        AIMessage(["</think>[" * 500_000, "<" * 3_000_000]),
        AIMessage([{"type": "text", "text": "a"}] * 300_000),
        ChatMessage(role="assistant", content="<|channel|>" * 500_000),
        HumanMessage([{"type": "text", "text": "a"}] * 300_000),
        HumanMessage([{"type": "image"}] * 300_000),
    ],
    ids=range(7),
)
def test_a_message_without_limit_is_cut_before_it_is_read(message: AnyMessage) -> None:
    start = process_time()

    for _ in range(3):
        message_text(message)
        unseen_parts(message)

    assert process_time() - start < 2


def test_the_end_of_a_long_answer_and_of_many_parts_is_read() -> None:
    many = HumanMessage([{"type": "text", "text": "x"}, *[{"type": "text", "text": "a "}] * MAX_PARTS])

    assert message_text(AIMessage("x" + "a" * MAX_TURN_CHARACTERS)) == "a" * MAX_TURN_CHARACTERS
    assert message_text(many) == "a " * MAX_PARTS
    assert length_fault([many]) == "the last message has 10001 parts: only its last 10000 were read"
    assert length_fault([HumanMessage([{"type": "text", "text": "a "}] * MAX_PARTS)]) == ""
