"""Whether the language of a turn is one that a SEM reads."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hef.contract import Turn
from hef.sem.language import NAMES, unread_language

TURNS = json.loads((Path(__file__).parents[1] / "support" / "turns_by_language.json").read_text(encoding="utf-8"))
EN_ZH = ("en", "zh")


def unread(*texts: str, languages: tuple[str, ...] = EN_ZH) -> str:
    return unread_language([Turn("speaker", text) for text in texts], languages)


@pytest.mark.parametrize("language", [name for name in TURNS if name != "en"])
def test_nine_of_ten_short_turns_in_another_language_are_told(language: str) -> None:
    found = [unread(text) for text in TURNS[language]]

    assert sum(map(bool, found)) >= 0.9 * len(found)
    named = [name for name in found if name.startswith("this") is False and name]
    assert set(named) == {NAMES[language.partition("-")[0]]}


def test_short_english_with_slang_typos_and_names_is_read() -> None:
    assert [text for text in TURNS["en"] if unread(text)] == ["c'est la vie, my flight is delayed"]


@pytest.mark.parametrize("text", ["我的狗昨晚死了。", "今天 overtime 到 10 点 真的累", "😭", "👍", "...", "", "12:30"])
def test_chinese_and_what_is_no_word_are_read_by_a_sem_for_english_and_chinese(text: str) -> None:
    assert not unread(text)


@pytest.mark.parametrize("text", ["昨日、犬が死んだ。", "Моя собака умерла.", "내 강아지가 죽었어", "मेरा कुत्ता मर गया"])
def test_another_script_is_not_read(text: str) -> None:
    assert unread(text) == "this script"


def test_chinese_is_not_read_by_a_sem_for_english_alone() -> None:
    assert unread("我的狗昨晚死了。", languages=("en",)) == "this script"


@pytest.mark.parametrize("last", ["ok", "no", "Miguel", "😭", "jaja", "…"])
def test_a_turn_without_a_language_of_its_own_is_in_that_of_the_turns_before(last: str) -> None:
    assert unread("Mi perro murió anoche.", last) == "Spanish"
    assert not unread("My dog died last night.", last.replace("jaja", "haha"))


def test_who_changes_to_english_is_read() -> None:
    assert not unread("Mi perro murió anoche.", "Sorry, my dog died last night.")


def test_what_the_listener_writes_does_not_count() -> None:
    turns = [Turn("speaker", "my dog died"), Turn("listener", "Lo siento mucho, ¿cómo estás?"), Turn("speaker", "ok")]

    assert not unread_language(turns, EN_ZH)


def test_a_sem_for_spanish_reads_spanish_and_no_english() -> None:
    assert not unread("Mi perro murió anoche.", languages=("es",))
    assert unread("My dog died last night, and nobody was there.", languages=("es",)) == "English"


def test_of_a_sem_for_many_or_unknown_languages_nothing_is_said() -> None:
    assert not unread("Mi perro murió anoche.", languages=("mul",))
    assert not unread("昨日、犬が死んだ。", languages=("en", "xx"))


@pytest.mark.parametrize("text", ["I love Los Angeles", "Las Vegas was fun", "José called", "LOS ANGELES", "my café"])
def test_names_with_foreign_words_are_no_other_language(text: str) -> None:
    assert not unread(text)


def test_a_turn_is_checked_in_less_than_a_millisecond_and_a_long_one_in_few() -> None:
    unread("warm up")
    start = time.process_time()
    for text in TURNS["en"] * 10:
        unread(text)
    assert (time.process_time() - start) / (10 * len(TURNS["en"])) < 0.001

    start = time.process_time()
    unread("Mi perro murió anoche. " * 10_000)
    assert time.process_time() - start < 0.02
