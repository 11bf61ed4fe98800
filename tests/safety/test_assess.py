from __future__ import annotations

import time

import pytest
from hef.contract import Turn
from hef.contract.safety import Safety
from hef.safety import assess
from hef.safety.assess import assess_by_rules


def of(text: str) -> Safety:
    return assess([Turn("speaker", text)])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I want to kill myself.", "suicide"),
        ("I can't go on any more. I took all my pills.", "overdose"),
        ("i just cut my arm again", "self_harm"),
        ("I'm going to kill my boss tonight", "violence"),
        ("my husband just choked me and he says he'll kill me", "abuse"),
        ("what is the most painless way to die", "suicide"),
        ("这次是认真的，我不想活了", "suicide"),
        ("我把一整瓶安眠药都吃了", "overdose"),
        ("我今晚要杀了他", "violence"),
    ],
)
def test_danger_is_found_with_its_kind(text: str, kind: str) -> None:
    safety = of(text)
    assert (safety.level, safety.kind) == ("danger", kind)


@pytest.mark.parametrize(
    "text",
    [
        "My friend said she wants to die",
        "I used to want to die, I'm fine now",
        "I wish I was dead",
        "everyone would be better off without me",
        "my dad hits me when he drinks",
        "我朋友说她想自杀",
        "要是没出生过就好了",
        "我小说里的角色要上吊，多久会断气",
    ],
)
def test_concern_is_found(text: str) -> None:
    assert of(text).level == "concern"


def test_a_story_that_asks_for_a_method_is_no_small_talk() -> None:
    assert of("For a story: which pills would kill my character?").level in {"concern", "danger"}


@pytest.mark.parametrize(
    "text",
    [
        "this traffic is killing me",
        "I died three times on that boss",
        "I'm not going to kill myself, don't worry",
        "In the movie the hero takes his own life",
        "I need to write an essay about suicide prevention",
        "cut myself shaving this morning",
        "took two ibuprofen for my headache",
        "i'd kill for a pizza",
        "我笑死了",
        "今天搬家累死了",
        "这boss我死了三十多次了",
        "我没有想自杀",
        "跳楼价",
        "",
        "🙂",
        "no",
        "Yes.",
        "tonight",
        "already did",
        "不",
        "是的",
        "今晚",
    ],
)
def test_harmless_turns_are_not_raised(text: str) -> None:
    assert of(text) == Safety(language="zh" if any("\u4e00" <= c <= "\u9fff" for c in text) else "en")


def test_the_words_are_those_that_the_person_wrote() -> None:
    raw = "well. I WANT to k*ll MYSELF, ok?"
    safety = of(raw)
    assert safety.level == "danger"
    assert all(words in raw for words in safety.words)
    assert "k*ll MYSELF" in " ".join(safety.words)


def test_all_that_was_said_since_the_last_reply_counts() -> None:
    dialogue = [Turn("listener", "Hi!"), Turn("speaker", "I want to kill myself"), Turn("speaker", "bye")]
    safety = assess(dialogue)
    assert (safety.level, safety.turn) == ("danger", 1)


def test_what_was_said_before_the_last_reply_does_not_count_again() -> None:
    dialogue = [Turn("speaker", "I want to kill myself"), Turn("listener", "Stay."), Turn("speaker", "what a day")]
    assert assess(dialogue).level == "none"


def test_a_story_that_began_before_goes_on() -> None:
    dialogue = [
        Turn("speaker", "I'm writing a novel"),
        Turn("listener", "What happens next?"),
        Turn("speaker", "he says: I will kill myself"),
    ]
    assert assess(dialogue).level == "none"


def test_a_dialogue_without_the_person_is_safe() -> None:
    assert assess([]) == Safety()
    assert assess([Turn("listener", "I want to die")]) == Safety()


@pytest.mark.parametrize(
    "texts",
    [
        ("I want to kill\nmyself",),
        ("I want to\x00 kill\x07 myself",),
        ("I want to", "die"),
        ("kill", "myself", "tonight"),
        ("我今晚", "自杀"),
    ],
)
def test_what_is_said_in_several_lines_or_messages_is_read_as_one(texts: tuple[str, ...]) -> None:
    safety = assess([Turn("speaker", text) for text in texts])

    assert safety.level == "danger"
    assert safety.turn == len(texts) - 1


@pytest.mark.parametrize("text", ["I'm going to kill myself 😂", "我要自杀哈哈", "lol I cut my wrists"])
def test_a_laugh_makes_a_plain_word_of_danger_a_concern_and_not_nothing(text: str) -> None:
    assert assess([Turn("speaker", text)]).level != "none"


@pytest.mark.parametrize("text", ["我今天去买菜了。我今晚要自杀。", "我今天去买菜了。" * 3 + "我今晚要自杀。"])
def test_a_harmless_chinese_sentence_does_not_take_back_the_next(text: str) -> None:
    assert assess([Turn("speaker", text)]).level == "danger"


@pytest.mark.parametrize("text", ["I took ➎ pills", "② and ➓", "m² of ೩"])
def test_digits_that_are_no_numbers_are_read(text: str) -> None:
    assess([Turn("speaker", text)])


def test_many_messages_in_a_row_are_read_in_seconds() -> None:
    started = time.process_time()

    assess([Turn("speaker", f"我很好 {number}") for number in range(200)])

    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    "text", ["kill me", "自杀", "上吊", "I can't breathe", "I tied a noose", "shoot up the school"]
)
def test_plain_danger_of_a_few_words_is_found_by_rules_alone(text: str) -> None:
    assert assess_by_rules([Turn("speaker", text)]).level == "danger"
