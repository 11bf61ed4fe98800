"""The turns after danger: an LLM for the transcript does not reply in the first two, a chat model does."""

from __future__ import annotations

from typing import Any

import pytest
from hef.contract import Safety
from hef.graph import HefContext, create_hef
from hef.safety import after_danger_text
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from safety_judges import CONCERN, DANGER, DANGER_ZH, FOUND, judge
from scripted_chat import ScriptedChat

US = HefContext(region="US", strategy="sem_only")
THREAD: Any = {"configurable": {"thread_id": "t"}}
TACTLESS = "I wish you luck."


class Transcribed(ScriptedChat):
    """A scripted chat model that was trained on HEF's transcript."""

    draft_form: str = "transcript"


def said(*texts: str) -> dict[str, Any]:
    """Return a conversation that the person begins."""
    kinds = (HumanMessage, AIMessage)
    return {"messages": [kinds[place % 2](text) for place, text in enumerate(texts)]}


def test_the_first_two_turns_after_danger_are_answered_by_texts_with_the_number_and_then_the_llm_replies() -> None:
    model = Transcribed(script=[TACTLESS])
    hef = create_hef(model=model, safety=judge).compile(checkpointer=InMemorySaver())
    hef.invoke(said(DANGER), THREAD, context=US)

    turns = ("Can I talk to you about my mother?", "Thanks for listening.", "I bought a bicycle.")
    outs = [hef.invoke(said(text), THREAD, context=US) for text in turns]

    first, second, third = (out["messages"][-1].text for out in outs)
    assert "- 988 Suicide & Crisis Lifeline: " in first
    assert "- 911" in first
    assert "988" in second
    assert first != second
    assert third == TACTLESS
    assert len(model.prompts) == 1
    assert ["did not write this reply" in (out["empathy"].degraded or "") for out in outs] == [True, True, False]
    assert [out["empathy"].sem is None for out in outs] == [False, False, False]
    assert [out["empathy"].safety.after_danger for out in outs] == [True, False, False]


def test_a_chat_model_replies_itself() -> None:
    model = ScriptedChat(script=["I am glad that you are here."])
    hef = create_hef(model=model, safety=judge).compile()

    out = hef.invoke(said(DANGER, "Please call.", "Can I talk to you about my mother?"), context=US)

    assert out["messages"][-1].text == "I am glad that you are here."
    assert out["empathy"].degraded is None


@pytest.mark.parametrize("check", [judge, None])
def test_without_danger_before_or_without_the_check_the_llm_replies(check: Any) -> None:
    earlier = "My dog died." if check else DANGER
    hef = create_hef(model=Transcribed(script=[TACTLESS]), safety=check).compile()

    out = hef.invoke(said(earlier, "Oh.", "Can I talk to you about my mother?"), context=US)

    assert out["messages"][-1].text == TACTLESS


def test_a_turn_of_concern_after_danger_gets_the_text_and_the_contact_once() -> None:
    hef = create_hef(model=Transcribed(script=[TACTLESS]), safety=judge).compile()

    out = hef.invoke(said(DANGER, "Please call.", CONCERN), context=US)

    assert out["empathy"].safety.level == "concern"
    assert out["messages"][-1].text == after_danger_text(FOUND[DANGER], "US")
    assert out["messages"][-1].text.count("988 Suicide") == 1


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_the_text_is_streamed_word_by_word_as_one_message(mode: str) -> None:
    hef = create_hef(model=Transcribed(script=[TACTLESS]), safety=judge).compile()
    arguments: dict[str, Any] = {"context": US, "stream_mode": ["messages", "values"]}
    conversation = said(DANGER, "Please call.", "Ok.")

    if mode == "sync":
        parts = list(hef.stream(conversation, **arguments))
    else:
        parts = [part async for part in hef.astream(conversation, **arguments)]

    tokens = [data[0] for kind, data in parts if kind == "messages"]
    reply = [data for kind, data in parts if kind == "values"][-1]["messages"][-1]
    assert len(tokens) > 30
    assert all(isinstance(token, AIMessageChunk) for token in tokens)
    assert {token.id for token in tokens} == {reply.id}
    assert "".join(token.text for token in tokens) == reply.text


def test_in_chinese_the_text_and_the_reason_are_chinese() -> None:
    hef = create_hef(model=Transcribed(script=[TACTLESS]), safety=judge).compile()

    out = hef.invoke(
        said(DANGER_ZH, "请打电话。", "我可以和你说说我妈妈吗？"), context=US.model_copy(update={"region": "CN"})
    )

    assert "12356" in out["messages"][-1].text
    assert not any(letter.isascii() and letter.isalpha() for letter in out["messages"][-1].text)
    assert "这条回复不是模型" in (out["empathy"].degraded or "")


def test_a_run_may_replace_the_texts_and_one_without_a_contact_is_refused() -> None:
    hef = create_hef(model=Transcribed(script=[TACTLESS]), safety=judge).compile()
    page = "# after_danger\n\nOur night desk is awake: 555 0100"

    out = hef.invoke(said(DANGER, "Please call.", "Ok."), context=US.model_copy(update={"prompt_danger_en": page}))

    assert out["messages"][-1].text == "Our night desk is awake: 555 0100"
    with pytest.raises(ValueError, match="'after_danger' names nobody to call"):
        HefContext(prompt_danger_en="# after_danger\n\nGo on.")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_contact_is_that_of_the_danger_and_no_text_follows_itself(language: Any) -> None:
    for kind, number in {"abuse": "1-800-799-7233", "overdose": "1-800-222-1222", "medical": "911"}.items():
        danger = Safety.model_validate({"level": "danger", "kind": kind, "language": language})
        texts: list[str] = []
        for _ in range(3):
            texts.append(after_danger_text(danger, "US", earlier=texts))
        assert len(set(texts)) == 3
        assert all(number in text and "$" not in text for text in texts), (kind, texts)
