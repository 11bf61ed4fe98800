"""A conversation of which a front end shows a summary and what was said last keeps all its turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hef.serving.chat_request import ChatMessage
from hef.serving.front_ends.attached_context import split_contexts
from transcript_client import TranscriptClient, spoken

SAID = ("I moved to a new town.", "My neighbour plays the drums.", "They gave my project away.", "Mia called me.")
CARRIED = (
    "<summary>\nThe person moved.\n</summary>\n\nThis is your own checkpoint: you wrote it to preserve context after "
    "compaction. Pick up where you left off based on the summary above. Do not repeat prior tasks, information or "
    "acknowledge this checkpoint message directly."
)


def carried(*texts: str) -> list[ChatMessage]:
    """Return what LibreChat sends in the run of a compaction."""
    return [ChatMessage("user", CARRIED), *spoken(*texts)]


def summed_up(*texts: str) -> list[ChatMessage]:
    """Return what LibreChat sends in later runs, with the summary before a reply or in its place."""
    return [ChatMessage("system", "## Conversation Summary\n\nThe person moved."), *spoken(*texts)]


def langchains(*texts: str) -> list[ChatMessage]:
    """Return what LangChain's middleware sends."""
    heading = "Here is a summary of the conversation to date:\n\nThe person moved."
    return [ChatMessage("user", heading), *spoken(*texts)]


@pytest.mark.parametrize("shown", [carried, summed_up, langchains])
@pytest.mark.parametrize("before", [SAID, SAID[:1]])
async def test_one_turn_after_a_summary_is_the_next_one(
    client: TranscriptClient, shown: Callable[..., list[ChatMessage]], before: Sequence[str]
) -> None:
    await client.talk(*before, chat_id="chat")
    new = ["She visits me in May.", "Should I tell her?", "I will."]
    for text in new:
        messages = [*split_contexts(shown(text))]
        await client.ask(messages=messages, chat_id="chat")
        client.clock.time += 60
        await client.ask(messages=messages, chat_id="chat")  # another reply to the same

    assert client.remembered() == [*enumerate((*before, *new), start=1)]


async def test_a_summary_before_a_reply_and_before_two_turns(client: TranscriptClient) -> None:
    said = await client.talk(*SAID, chat_id="chat")
    summary = ChatMessage("assistant", "The person moved.")
    later = [*split_contexts([*summed_up(), summary, ChatMessage("user", "She visits me.")])]
    reply = await client.ask(messages=later, chat_id="chat")
    two = [*split_contexts(carried(SAID[3], said[-1], "She visits me.", reply, "I am glad."))]
    await client.ask(messages=two, chat_id="chat")

    assert client.remembered() == [*enumerate((*SAID, "She visits me.", "I am glad."), start=1)]


async def test_without_a_summary_the_person_went_back_to_the_beginning(client: TranscriptClient) -> None:
    await client.talk(*SAID, chat_id="chat")
    await client.ask("<summary> is how my boss begins.", chat_id="chat")
    assert [text for _, text in client.remembered()] == ["<summary> is how my boss begins."]


@pytest.mark.parametrize("shown", [carried, summed_up])
async def test_without_a_chat_id_nothing_is_lost_either(
    client: TranscriptClient, shown: Callable[..., list[ChatMessage]]
) -> None:
    await client.talk(*SAID)
    await client.ask(messages=split_contexts(shown("She visits me in May.")))
    assert {text for _, text in client.remembered()} == {*SAID, "She visits me in May."}
