"""Which prompt an LLM gets for the reply, and what of the host's messages reaches it."""

from __future__ import annotations

from typing import Any

import pytest
from hef.contract.chat_model import draft_form
from hef.graph import HefContext, create_hef, trim_history
from hef.graph.studio import context_with
from hef.llm import LocalChat
from hef.prompts import Prompts, shipped_chat_draft
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver
from scripted_chat import ScriptedChat


class Transcribed(ScriptedChat):
    """A scripted chat model that was trained on HEF's transcript."""

    draft_form: str = "transcript"


def reply_prompt(messages: list[Any], model: ScriptedChat | None = None, **settings: Any) -> list[Any]:
    model = model or ScriptedChat(script=["I hear you."])
    context = HefContext(strategy="sem_only", **settings)
    create_hef(model=model).compile().invoke({"messages": messages}, context=context)
    return model.prompts[-1]


def said(prompt: list[Any]) -> list[tuple[str, str]]:
    return [(message.type, message.text) for message in prompt[1:]]


def test_only_the_embedded_model_with_its_adapter_was_trained_on_the_transcript() -> None:
    assert draft_form(LocalChat()) == "transcript"
    assert draft_form(LocalChat(model_id="embedded-plain")) == draft_form(LocalChat(model_id="/somewhere")) == "chat"
    assert draft_form(ScriptedChat(script=[])) == draft_form(object()) == "chat"


def test_a_model_gets_the_form_that_it_was_trained_on() -> None:
    *_, judged, task = reply_prompt([HumanMessage("My dog died.")], Transcribed(script=["I hear you."]))

    assert judged.text.startswith("The speaker feels ")
    assert task.text.endswith("one or two short sentences about the speaker's own words.")
    assert said(reply_prompt([HumanMessage("My dog died.")])) == [("human", "My dog died.")]


def test_the_hosts_system_messages_stand_first_all_of_them_in_order() -> None:
    messages = [
        SystemMessage("  You are the support of ACME.\n- Be brief. "),
        HumanMessage("My dog died."),
        ChatMessage("Answer in French.", role="developer"),
    ]

    assert reply_prompt(messages)[0].text.startswith(
        "You are the support of ACME.\n- Be brief.\n\nAnswer in French.\n\nA private note"
    )


def test_the_hosts_text_is_told_once_and_outlives_a_trimmed_thread() -> None:
    model = ScriptedChat(script=["I hear you."])
    hef = trim_history(create_hef(model=model), 2).compile(checkpointer=InMemorySaver())
    rules = SystemMessage("Answer in French.")

    for said in ("My dog died.", "He was twelve.", "His name was Bello."):
        turn: Any = {"messages": [rules, HumanMessage(said)]}
        hef.invoke(turn, {"configurable": {"thread_id": "1"}}, context=HefContext(strategy="sem_only"))

    assert model.prompts[-1][0].text.count("Answer in French.") == 1
    create = {"messages": [HumanMessage("I miss him so much.")]}
    hef.invoke(create, {"configurable": {"thread_id": "1"}}, context=HefContext(strategy="sem_only"))  # type: ignore[arg-type]
    assert model.prompts[-1][0].text.startswith("Answer in French.\n\nA private note")


def test_the_conversation_keeps_its_newest_turns_within_the_limit() -> None:
    messages = [HumanMessage("a" * 150), AIMessage("b" * 150), HumanMessage("c" * 40), HumanMessage("d" * 9)]

    assert said(reply_prompt(messages, dialogue_limit=220)) == [("ai", "b" * 150), ("human", f"{'c' * 40}\n{'d' * 9}")]
    assert said(reply_prompt([HumanMessage("x" * 300 + "end")], dialogue_limit=209)) == [("human", f"{'x' * 197}end")]
    burst = [HumanMessage("x" * 300), HumanMessage("y" * 150)]
    assert said(reply_prompt(burst, dialogue_limit=209)) == [("human", f"{'x' * 49}\n{'y' * 150}")]


def test_what_nobody_said_is_no_part_of_the_conversation() -> None:
    call = {"name": "transfer_to_hef", "args": {}, "id": "1", "type": "tool_call"}
    messages = [
        AIMessage("Hello, how was your day?"),
        HumanMessage(" "),
        HumanMessage("Here is a summary.", additional_kwargs={"lc_source": "summarization"}),
        HumanMessage("My dog died."),
        AIMessage("<think>Sad.</think>"),
        AIMessage("Passing on.", tool_calls=[call]),
        HumanMessage([{"type": "text", "text": "He was twelve."}, {"type": "image_url", "image_url": {"url": "x"}}]),
        AIMessage("One moment."),
    ]

    assert said(reply_prompt(messages)) == [
        ("ai", "Hello, how was your day?"),
        ("human", "My dog died.\nHe was twelve."),
    ]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_the_reply_of_a_chat_model_streams(asynchronous: bool) -> None:
    hef = create_hef(model=ScriptedChat(script=["I hear you."])).compile()
    turn: Any = {"messages": [HumanMessage("My dog died.")]}
    context = HefContext(strategy="sem_only")

    if asynchronous:
        parts = [part.text async for part, _ in hef.astream(turn, context=context, stream_mode="messages")]
    else:
        parts = [part.text for part, _ in hef.stream(turn, context=context, stream_mode="messages")]

    assert [part for part in parts if part] == ["I ", "hear ", "you. "]


@pytest.mark.parametrize("kind", [ScriptedChat, Transcribed])
def test_a_form_that_sends_the_text_it_shows_changes_nothing(kind: type[ScriptedChat]) -> None:
    turn: Any = {"messages": [HumanMessage("My dog died.")]}
    prompts = []
    for context_schema in (HefContext, context_with(Prompts(), "chat"), context_with(Prompts())):
        model = kind(script=["I hear you."])
        hef = create_hef(model=model, context_schema=context_schema).compile()
        hef.invoke(turn, context={"strategy": "sem_only"})  # type: ignore[arg-type]
        prompts.append([message.text for message in model.prompts[-1]])

    assert prompts[0] == prompts[1] == prompts[2]
    assert context_with(Prompts(), "chat")().model_dump()["prompt_draft"] == shipped_chat_draft()


def test_a_long_persona_reaches_the_prompt_of_the_reply_as_it_is_and_the_question_by_its_beginning() -> None:
    persona = f"Mia, a nurse{' of Lisbon' * 2000}"[:20_000]
    model = ScriptedChat(script=["sad", "I hear you."])

    create_hef(model=model).compile().invoke(
        {"messages": [HumanMessage("My dog died.")]}, context=HefContext(persona=persona)
    )

    question, reply = (prompt[0].text for prompt in model.prompts)
    assert f"You are {persona}." in reply
    assert f"You are {persona[:200]}" in question
    assert persona[:400] not in question


def test_the_embedded_model_replies_as_a_persona_of_three_thousand_characters(embedded: Any) -> None:
    persona = f"Mia, a nurse{' who likes tea and walks by the sea' * 90}"[:3000]

    out = create_hef(model=embedded).compile().invoke(
        {"messages": [HumanMessage("My dog died.")]}, context=HefContext(persona=persona)
    )  # fmt: skip

    assert out["messages"][-1].text
    assert out["empathy"].degraded is None


def test_a_name_is_passed_on_as_providers_take_it() -> None:
    prompt = reply_prompt([HumanMessage("Hi.", name="José da Silva <x>"), HumanMessage("My dog died.", name="小明")])

    assert [message.name for message in prompt[1:]] == ["Jose_da_Silva_x", None]
    assert reply_prompt([HumanMessage("My dog died.", name="x" * 100)])[1].name == "x" * 64
    assert reply_prompt([HumanMessage("My dog died.")])[1].name is None


def test_where_several_people_speak_each_text_says_who() -> None:
    messages = [
        HumanMessage("My dog died.", name="Ana"),
        HumanMessage("He was twelve.", name="Ana"),
        HumanMessage("I am here.", name="小\n明"),
        AIMessage("Oh no.", name="hef"),
        HumanMessage("Thanks."),
        HumanMessage("Me too.", name="Ana"),
    ]

    assert said(reply_prompt(messages)) == [
        ("human", "Ana: My dog died.\nHe was twelve."),
        ("human", "小 明: I am here."),
        ("ai", "Oh no."),
        ("human", "Thanks."),
        ("human", "Ana: Me too."),
    ]


def test_one_persons_name_is_not_in_their_text() -> None:
    messages = [HumanMessage("Hi.", name="Ana"), AIMessage("Hello.", name="hef"), HumanMessage("My dog died.")]

    assert said(reply_prompt(messages)) == [("human", "Hi."), ("ai", "Hello."), ("human", "My dog died.")]
