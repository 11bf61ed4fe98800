"""The dialogue that a conversation of messages is read as, and the keys of its turns."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest
from hef.contract import InputError, Turn
from hef.nodes.support.message_text import message_text
from hef.nodes.support.transcript import (
    MAX_TURNS,
    count_turns,
    dialogue_context,
    input_fault,
    last_human_index,
    recent_dialogue,
    run_key,
    to_dialogue,
    turn_key,
)
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.graph.message import add_messages

CALL = {"name": "t", "args": {}, "id": "1", "type": "tool_call"}


def test_dialogue_is_what_person_and_assistant_said() -> None:
    messages = [
        SystemMessage("Be kind."),
        HumanMessage("Hi"),
        AIMessage("", tool_calls=[CALL]),  # type: ignore[list-item]
        ToolMessage("x", tool_call_id="1"),
        AIMessage("Hello"),
        HumanMessage(" \n"),
        HumanMessage([{"type": "text", "text": "My dog"}, {"type": "image_url", "image_url": {"url": "data:"}}]),
    ]

    assert to_dialogue(messages) == [Turn("speaker", "Hi"), Turn("listener", "Hello"), Turn("speaker", "My dog")]


def test_context_ends_with_the_persons_last_turn() -> None:
    assert dialogue_context([HumanMessage("a"), AIMessage("b"), HumanMessage("c"), AIMessage("d")])[-1] == Turn(
        "speaker", "c"
    )


@pytest.mark.parametrize("messages", [[], [AIMessage("Hello")], [HumanMessage(" ")], [SystemMessage("x")]])
def test_nothing_to_answer_is_refused(messages: list[Any]) -> None:
    with pytest.raises(InputError, match="nothing to answer"):
        dialogue_context(messages)


BURST = [
    HumanMessage("My dog Bello died last night."),
    HumanMessage("I found him in the garden."),
    AIMessage("One moment.", tool_calls=[CALL]),  # type: ignore[list-item]
    ToolMessage("x", tool_call_id="1"),
    HumanMessage(" "),
    ChatMessage(role="user", content="idk what to do"),
]
LINES = "My dog Bello died last night.\nI found him in the garden.\nidk what to do"


def test_all_that_was_said_since_the_last_reply_is_one_turn() -> None:
    messages = [HumanMessage("Hi"), AIMessage("Hello"), AIMessage("How are you?"), *BURST]

    dialogue = to_dialogue(messages)

    assert dialogue[1:] == [Turn("listener", "Hello"), Turn("listener", "How are you?"), Turn("speaker", LINES)]
    assert recent_dialogue([*messages, AIMessage("Oh no.")], 0) == (dialogue, 0)
    assert (count_turns(messages), count_turns(messages, "speaker"), count_turns(messages, "listener")) == (4, 2, 2)


def test_a_turn_of_many_lines_is_read_whole_and_counted_once() -> None:
    burst = [HumanMessage(f"line {n}") for n in range(2 * MAX_TURNS)]
    before = [kind(f"{n}") for n in range(MAX_TURNS) for kind in (HumanMessage, HumanMessage, AIMessage)]
    messages = [*before, *burst]

    turns, earlier_messages = recent_dialogue(messages, 0)

    assert turns[-1].text.count("\n") == 2 * MAX_TURNS - 1
    assert (len(turns), count_turns(messages[:earlier_messages])) == (MAX_TURNS, 2 * MAX_TURNS + 1 - MAX_TURNS)


@pytest.mark.parametrize(
    ("role", "turns"),
    [
        ("user", [Turn("speaker", "Hi")]),
        ("Human", [Turn("speaker", "Hi")]),
        ("ai", [Turn("listener", "Hi")]),
        ("assistant", [Turn("listener", "Hi")]),
        ("system", []),
        ("critic", []),
    ],
)
def test_a_chat_message_is_said_by_whom_its_role_names(role: str, turns: list[Turn]) -> None:
    message = ChatMessage(role=role, content="Hi")

    assert to_dialogue([message]) == turns
    assert (last_human_index([message]) == 0) == (turns == [Turn("speaker", "Hi")])


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (ChatMessage(role="assistant", content="<think>Hm.</think>Hi"), "Hi"),
        (ChatMessage(role=" AI ", content="[THINK]Hm.[/THINK]Hi"), "Hi"),
        (ChatMessage(role="assistant", content=[{"type": "thinking", "thinking": "Hm."}, "Hi"]), "Hi"),
        (ChatMessage(role="user", content="What does <think>a</think> mean?"), "What does <think>a</think> mean?"),
        (HumanMessage("What does <think>a</think> mean?"), "What does <think>a</think> mean?"),
    ],
)
def test_only_what_the_assistant_thinks_is_unsaid_in_whatever_message(message: Any, said: str) -> None:
    assert message_text(message) == said


def test_what_an_agent_writes_in_the_persons_name_is_nobodys() -> None:
    summary = HumanMessage("They spoke of a dog.", additional_kwargs={"lc_source": "summarization"})

    assert to_dialogue([summary, HumanMessage("I miss him.")]) == [Turn("speaker", "I miss him.")]
    assert last_human_index([HumanMessage("I miss him."), summary]) == 0


def part(text: str, kind: str = "text") -> dict[str, str]:
    return {"type": kind, "text": text}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([part("My dog"), part("died.")], "My dog died."),
        (["My dog", "died."], "My dog died."),
        ([part("My dog "), part("died"), part(".")], "My dog died."),
        ([part("My dog"), part("\n\ndied.")], "My dog\n\ndied."),
        ([part("My dog", "input_text"), {"type": "image"}, part("died.", "output_text")], "My dog died."),
        ([part("He said"), part('"no"'), part(", my dog"), part("'s friend")], 'He said "no", my dog\'s friend'),
        ([part(""), part("My dog")], "My dog"),
        ([{"type": "reasoning", "text": "hm"}, {"text": "My dog"}, 7], "My dog"),
        ([], ""),
    ],
)
def test_the_parts_of_a_message_are_apart(content: Any, text: str) -> None:
    assert message_text(HumanMessage.model_construct(content=content)) == text


def test_the_pieces_of_a_streamed_answer_are_put_together_as_they_came() -> None:
    assert message_text(AIMessage([part("I am un"), part("happy"), part(" too.")])) == "I am unhappy too."


def test_an_image_without_words_is_told_apart_from_a_person_who_said_nothing() -> None:
    with pytest.raises(InputError, match=r"no human message with text; .*\(image\): send words with it"):
        dialogue_context([PHOTO])
    with pytest.raises(InputError, match=r"with text$"):
        recent_dialogue([HumanMessage("")], 0)


def test_turn_key_changes_with_the_next_turn() -> None:
    said = [HumanMessage("Hi", id="1")]
    following = [*said, AIMessage("Hello"), HumanMessage("Hi", id="2")]

    assert len({turn_key(said, "t"), turn_key(following, "t"), turn_key([], "t")}) == 3


SAID = [HumanMessage("Hi"), AIMessage("Hello", id="run-1"), HumanMessage("My dog died.", id="2")]
WORDS = ("Hi", "My dog died.")
SPOKEN = (*WORDS, "Hello")
PHOTO = HumanMessage([{"type": "image_url", "image_url": {"url": "data:"}}])


@pytest.mark.parametrize("before", [SAID[:1], SAID], ids=["first", "later"])
@pytest.mark.parametrize("thread", ["t", ""])
@pytest.mark.parametrize(
    "after",
    [
        [HumanMessage(" ")],
        [PHOTO],
        [AIMessage("Oh no.")],
        [AIMessage("Oh no."), PHOTO],
        [AIMessage("Oh no."), AIMessage("Anything else?"), HumanMessage("")],
        [SystemMessage("Be kind.")],
        [AIMessage("", tool_calls=[CALL]), ToolMessage("x", tool_call_id="1")],  # type: ignore[list-item]
    ],
)
def test_what_comes_after_the_persons_words_leaves_the_turn_the_same(
    after: list[Any], thread: str, before: list[Any]
) -> None:
    before = [message.model_copy(update={"id": message.id or "given"}) for message in before]

    assert turn_key([*before, *after], thread) == turn_key(before, thread)


def with_ids(messages: list[Any]) -> list[Any]:
    """Return the messages as a graph has them: those without an id get one."""
    return add_messages([], [message.model_copy() for message in messages])  # type: ignore[return-value]


MESSAGES = st.one_of(
    st.sampled_from(["Hi", "My dog died.", " "]).map(HumanMessage),
    st.sampled_from([AIMessage("Hello", id="run-1"), AIMessage("Hello"), AIMessage("")]),
    st.sampled_from([SystemMessage("Be kind."), ToolMessage("x", tool_call_id="1"), PHOTO]),
)


@given(st.lists(MESSAGES, max_size=6), st.lists(MESSAGES.filter(lambda message: message.text not in WORDS), max_size=4))
def test_only_words_of_the_person_begin_another_turn(messages: list[Any], after: list[Any]) -> None:
    assert turn_key([*messages, *after], "t") == turn_key(messages, "t")
    assert to_dialogue(messages) == [Turn(role, text) for role, text in runs(messages)]


def runs(messages: list[Any]) -> list[tuple[Any, str]]:
    """Return who said what, with what the person said at once in one text."""
    said = [("listener" if isinstance(m, AIMessage) else "speaker", m.text) for m in messages if m.text in SPOKEN]
    return [
        (role, text)
        for role, group in groupby(said, key=lambda one: one[0])
        for text in (["\n".join(text for _, text in group)] if role == "speaker" else [text for _, text in group])
    ]


@pytest.mark.parametrize("length", [1, 3])
def test_turn_key_is_the_same_when_a_host_without_ids_sends_the_conversation_again(length: int) -> None:
    messages = [HumanMessage("Hi"), AIMessage("Hello"), HumanMessage("My dog died.")][:length]
    other = [*messages[:-1], HumanMessage("My cat died.")]

    first, again = with_ids(messages), with_ids(messages)

    assert first[-1].id != again[-1].id
    assert turn_key(first, "t") == turn_key(again, "t")
    assert turn_key(first, "t") != turn_key(with_ids(other), "t")


def test_turn_key_is_the_same_when_the_turn_is_replayed_with_another_id_or_other_words() -> None:
    before = [HumanMessage("Hi", id="1"), AIMessage("Hello", id="2")]

    assert turn_key([HumanMessage("Hi", id="1")], "t") == turn_key([HumanMessage("Hi", id="7")], "t")
    edited = turn_key([*before, HumanMessage("No", id="8")], "t")
    assert turn_key([*before, HumanMessage("Bye", id="3")], "t") == edited


def test_turn_key_tells_turns_apart_in_a_window_of_alike_messages() -> None:
    windows = [[AIMessage("I hear you.", id=str(n)), HumanMessage("Yes.", id=f"h{n}")] for n in range(3)]

    assert len({turn_key(window, "t") for window in windows}) == 3


def test_the_same_words_said_again_are_another_turn_also_without_ids() -> None:
    messages = with_ids([kind(text) for _ in range(3) for kind, text in ((HumanMessage, "Yes."), (AIMessage, "Oh."))])

    assert len({turn_key(messages[:length], "t") for length in (1, 3, 5)}) == 3


def test_a_greeting_with_an_id_of_its_own_does_not_make_two_sayings_one() -> None:
    greeting = AIMessage("How are you?", id="greeting")

    keys = {turn_key([greeting, HumanMessage(text, id=text)], thread) for text in "ab" for thread in ("t", "")}

    assert len(keys) == 4


def test_the_same_first_words_of_two_conversations_without_a_thread_are_two_turns() -> None:
    first, second = HumanMessage("I am sad.", id="1"), HumanMessage("I am sad.", id="2")

    assert turn_key([first], "") != turn_key([second], "")
    assert turn_key([first], "t") == turn_key([second], "t")


def test_run_key_holds_within_a_run_and_changes_with_a_reply_or_another_message() -> None:
    said = [HumanMessage("Hi", id="1")]
    traced = [*said, AIMessage("", tool_calls=[CALL]), ToolMessage("x", tool_call_id="1")]  # type: ignore[list-item]
    blank = [*said, AIMessage("Hello"), HumanMessage(" ")]

    assert run_key(said) == run_key(traced) == run_key([HumanMessage("Hi", id="7")])
    assert len({run_key(blank[:1]), run_key(blank[:2]), run_key(blank), run_key([])}) == 4


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ([HumanMessage("a")], ""),
        ([AIMessage("b"), HumanMessage("a"), ToolMessage("x", tool_call_id="1")], ""),
        ([HumanMessage("a"), AIMessage("b")], "does not end with the person's turn"),
        ([HumanMessage("a"), HumanMessage(" ")], "the last message is blank"),
        ([HumanMessage("a"), AIMessage("b"), PHOTO], "no words, only what was not seen (image)"),
        ([PHOTO, HumanMessage("a")], "beside their words (image) was not seen"),
        ([HumanMessage([part("a"), {"type": "input_audio"}, {"type": "<b>"}])], "(recording, attachment)"),
        ([PHOTO, AIMessage("b"), HumanMessage("a")], ""),
        ([HumanMessage("a"), AIMessage("", tool_calls=[CALL])], ""),  # type: ignore[list-item]
        ([], ""),
    ],
)
def test_odd_end_of_a_conversation_is_said(messages: list[Any], fault: str) -> None:
    found = input_fault(messages)

    assert fault in found
    assert bool(fault) == bool(found)


def test_the_end_of_a_long_thread_is_read_and_where_it_begins_is_told() -> None:
    messages = [kind(f"{number}") for number in range(300) for kind in (HumanMessage, AIMessage)]

    turns, earlier = recent_dialogue(messages, 0)

    assert (len(turns), earlier) == (MAX_TURNS, 2 * 300 - 1 - MAX_TURNS)
    assert turns == to_dialogue(messages)[earlier : earlier + MAX_TURNS]
    assert len(recent_dialogue(messages, 1_000)[0]) > MAX_TURNS
    assert recent_dialogue(messages, 10_000) == (dialogue_context(messages), 0)
    assert count_turns(messages, "speaker") == 300
    with pytest.raises(InputError):
        recent_dialogue([AIMessage("Hello")], 0)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (["我的狗", "昨晚死了。", "我很难过"], "我的狗昨晚死了。我很难过"),
        (["犬が", "しんだ", "ー！"], "犬がしんだー！"),
        (["我的狗叫", "Bello", "！"], "我的狗叫 Bello！"),
        (["「さよなら」", "Bye"], "「さよなら」Bye"),
        (["내 개가", "죽었어요"], "내 개가 죽었어요"),
        (["My dog", "死了"], "My dog 死了"),
    ],
)
def test_parts_of_scripts_without_spaces_are_put_together_without(parts: list[str], text: str) -> None:
    assert message_text(HumanMessage([{"type": "text", "text": part} for part in parts])) == text
