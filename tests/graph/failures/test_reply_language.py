"""An LLM that does not write the person's language says so, in Chinese where that is Chinese."""

from __future__ import annotations

from typing import Any

import pytest
from hef.graph import HefContext, create_hef
from langchain_core.messages import HumanMessage
from scripted_chat import ScriptedChat


class EnglishChat(ScriptedChat):
    @property
    def written_languages(self) -> tuple[str, ...]:
        return ("en",)


def degraded(text: str, model: Any, **settings: Any) -> str | None:
    hef = create_hef(model=model).compile()
    context = HefContext(strategy="sem_only", **settings)
    result: str | None = hef.invoke({"messages": [HumanMessage(text)]}, context=context)["empathy"].degraded
    return result


def test_it_says_in_chinese_which_setting_brings_a_model_that_writes_chinese() -> None:
    fault = degraded("我的狗昨晚死了。", EnglishChat(script=["I am sorry."])) or ""

    assert "只会写英文" in fault
    assert "HefContext.model" in fault
    assert "--model" in fault


def test_a_set_language_counts_before_the_persons() -> None:
    assert "只会写英文" in (degraded("My dog died.", EnglishChat(script=["I am sorry."]), language="zh") or "")
    assert "只会写英文" not in (degraded("我的狗昨晚死了。", EnglishChat(script=["Sorry."]), language="en") or "")


def test_of_another_language_it_says_it_in_english() -> None:
    fault = degraded("Mi perro murió anoche.", EnglishChat(script=["I am sorry."])) or ""

    assert "writes English alone, and the person wrote in Spanish" in fault


@pytest.mark.parametrize("language", ["German", "de", "en español", "日本語"])
def test_a_set_language_that_it_does_not_write_is_said(language: str) -> None:
    fault = degraded("My dog died.", EnglishChat(script=["I am sorry."]), language=language) or ""
    assert f"writes English alone, and the setting language is {language!r}" in fault
    assert degraded("My dog died.", ScriptedChat(script=["Es tut mir leid."]), language=language) is None


@pytest.mark.parametrize("language", ["en", "en-GB", "English", "British English", "英语"])
def test_english_is_written_however_it_is_named(language: str) -> None:
    assert degraded("My dog died.", EnglishChat(script=["I am sorry."]), language=language) is None


def test_a_model_that_says_nothing_of_its_languages_may_write_all() -> None:
    assert "English alone" not in (degraded("Mi perro murió anoche.", ScriptedChat(script=["Lo siento."])) or "")
    assert degraded("My dog died.", EnglishChat(script=["I am sorry."])) is None


class EnglishTranscriptChat(EnglishChat):
    """As the embedded LLM: it reads and writes English alone, in the form that it was trained on."""

    @property
    def draft_form(self) -> str:
        return "transcript"


def reply(*texts: str, **settings: Any) -> str:
    hef = create_hef(model=EnglishTranscriptChat(script=["How old was he?"])).compile()
    context = HefContext(strategy="sem_only", **settings)
    result: str = hef.invoke({"messages": [HumanMessage(text) for text in texts]}, context=context)["messages"][-1].text
    return result


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("我的狗昨晚死了。", "只会用英文"),
        ("Mi perro murió anoche.", "solo sé responder en inglés"),
        ("Mein Hund ist gestern Abend gestorben.", "nur Englisch"),
        ("Мой пёс умер вчера.", "I only know English"),
    ],
)
def test_a_model_that_reads_english_alone_says_so_in_the_persons_language(text: str, answer: str) -> None:
    assert answer in reply(text)


def test_what_is_english_with_words_of_another_language_is_replied_to() -> None:
    for text in ("My dog Señor Fluff died.", "My mom made 麻婆豆腐 today!", "ok", "My abuela died last night."):
        assert reply(text) == "How old was he?", text


def test_a_set_language_is_that_of_the_fixed_reply() -> None:
    assert "I only know English" in reply("我的狗昨晚死了。", language="en")
    assert "I only know English" not in reply("我的狗昨晚死了。")


def test_a_chat_model_replies_itself_whatever_it_writes() -> None:
    hef = create_hef(model=EnglishChat(script=["I am sorry about your dog."])).compile()
    out = hef.invoke({"messages": [HumanMessage("我的狗昨晚死了。")]}, context=HefContext(strategy="sem_only"))
    assert out["messages"][-1].text == "I am sorry about your dog."
