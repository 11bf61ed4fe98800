"""The texts for somebody in danger: what each kind says, whom it names, and that no two in a row are the same."""

from __future__ import annotations

import itertools
from typing import Any, get_args

import pytest
from hef.contract import HefContext, Safety, SetupError, Turn
from hef.contract.safety import SafetyKind
from hef.graph import create_hef
from hef.prompts import Prompts
from hef.safety import all_resources, assess, contact_text, crisis_text, help_line, resources_for
from hef.safety.helplines.contacts import _contact_line

KINDS = [kind for kind in get_args(SafetyKind) if kind]
LANGUAGES = ["en", "zh"]
EMERGENCIES = {"US": "911", "GB": "999", "CN": "120", "DE": "112", "AU": "000"}


def danger(kind: str = "suicide", language: str = "en") -> Safety:
    return Safety.model_validate({"level": "danger", "kind": kind, "language": language})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_names_whom_to_call_in_every_region_and_without_one(kind: str, language: str) -> None:
    for region, emergency in EMERGENCIES.items():
        text = crisis_text(danger(kind, language), region)
        assert emergency in text
        assert "$" not in text
    text = crisis_text(danger(kind, language))
    assert "112" in text
    assert kind == "medical" or "findahelpline.com" in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["suicide", "self_harm", "violence", "other_person"])
def test_the_crisis_line_of_a_region_is_named_with_its_hours(kind: str, language: str) -> None:
    for region, number in {"US": "988", "GB": "116 123", "CN": "12356"}.items():
        lines = [line for line in crisis_text(danger(kind, language), region).splitlines() if number in line]
        assert any(("day and night" if language == "en" else "小时") in line for line in lines), (region, lines)


@pytest.mark.parametrize("kind", ["overdose", "medical"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_emergency_names_its_number_before_any_other(kind: str, language: str) -> None:
    for region, emergency in EMERGENCIES.items():
        text = crisis_text(danger(kind, language), region)
        numbers = [record.contact for record in all_resources() if record.region == region]
        first = min((number for number in numbers if number in text), key=text.index)
        assert first == emergency


def test_police_stand_first_where_somebody_is_harmed_and_the_ambulance_elsewhere() -> None:
    violence, overdose = crisis_text(danger("violence"), "CN"), crisis_text(danger("overdose"), "CN")

    assert violence.index("110") < violence.index("120")
    assert overdose.index("120") < overdose.index("110")


def test_a_child_is_named_the_line_for_children() -> None:
    for region in ("US", "GB", "CN"):
        (line,) = resources_for(region, "child")[:1]
        assert line.contact in crisis_text(danger("abuse"), region)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_follows_itself_however_long_the_danger_lasts(kind: str, language: str) -> None:
    said: list[str] = []
    for _ in range(7):
        said.append(crisis_text(danger(kind, language), "US", earlier=said))

    assert all(one != next_one for one, next_one in itertools.pairwise(said))
    assert len(set(said[:3])) == 3


def test_a_text_that_a_client_wrapped_anew_counts_as_said() -> None:
    first = crisis_text(danger(), "US")

    assert crisis_text(danger(), "US", earlier=[" ".join(first.split())]) != first


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_asks_anything_or_quotes_the_person(language: str) -> None:
    texts = [text for texts in Prompts().danger_texts(language).values() for text in texts]

    assert not [text for text in texts if "?" in text or "？" in text or "$words" in text]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_concern_is_one_line_with_a_contact(language: str) -> None:
    for kind in ("suicide", "other_person", "abuse", "medical"):
        safety = danger(kind, language).model_copy(update={"level": "concern"})
        for region in ("US", None):
            line = help_line(safety, region)
            assert "\n" not in line
            assert any(character.isdigit() for character in line) or "findahelpline.com" in line
    assert help_line(Safety(), "US") == help_line(danger(), "US") == ""


@pytest.mark.parametrize(("language", "region", "numbers"), [
    ("zh", "CN", ("12355", "12338")), ("zh", None, ("12355", "12338")),
    ("en", "US", ("1-800-422-4453", "1-800-799-7233")),
])  # fmt: skip
def test_abuse_may_be_a_childs_or_a_grown_ups(language: str, region: str | None, numbers: tuple[str, str]) -> None:
    line = help_line(danger("abuse", language).model_copy(update={"level": "concern"}), region)

    assert [number in line for number in numbers] == [True, True], line


@pytest.mark.parametrize(("kind", "language", "wrong"), [
    ("medical", "en", "speak with a person"), ("medical", "zh", "聊聊"),
    ("overdose", "en", "speak with a person"), ("overdose", "zh", "聊聊"),
])  # fmt: skip
def test_a_concern_for_somebodys_body_offers_no_talk(kind: str, language: str, wrong: str) -> None:
    safety = danger(kind, language).model_copy(update={"level": "concern"})

    assert wrong not in help_line(safety, "TW")
    assert wrong in help_line(safety.model_copy(update={"kind": "suicide"}), "TW")


@pytest.mark.parametrize(
    ("said", "is_traditional"),
    [
        ("我不想活了，撐不下去了", True),
        ("我不想活了，撑不下去了", False),
        ("我想死", False),
        ("我今天真的不想活了，沒有人會在乎，後面的路", True),
    ],
)
def test_who_writes_traditional_characters_is_answered_in_them(said: str, is_traditional: bool) -> None:
    safety = assess([Turn("speaker", said)])
    assert (safety.level, safety.traditional) == ("danger", is_traditional)
    for region in ("TW", "HK", None):
        text = crisis_text(safety, region)
        assert ("謝謝你願意告訴我" in text, "谢谢你愿意告诉我" in text) == (is_traditional, not is_traditional)
    assert "1925" in crisis_text(safety, "TW")


def test_what_was_said_before_decides_where_the_last_words_do_not_tell() -> None:
    turns = [Turn("speaker", "我好累，這個家沒有人聽我說話"), Turn("listener", "我在聽。"), Turn("speaker", "我想死")]
    assert assess(turns).traditional


def test_a_text_in_traditional_characters_is_not_said_twice() -> None:
    safety = danger(language="zh").model_copy(update={"traditional": True})
    first = crisis_text(safety, "TW")
    assert crisis_text(safety, "TW", earlier=[first]) != first


def test_what_a_region_does_not_have_falls_back_to_what_it_has() -> None:
    assert "findahelpline.com" in crisis_text(danger(), "ZW")
    assert "911" in help_line(Safety(level="concern", kind="medical"), "US")


def test_a_language_that_is_not_spoken_there_is_said() -> None:
    assert "German" in contact_text(danger(), "DE")
    assert "German" not in contact_text(danger(language="zh"), "US")


PAGE = "# suicide\n\nWe are here. Call $help or our house at 555 0100.\n\n# concern\n\nOur house: 555 0100\n"


def test_a_replaced_page_takes_the_place_of_the_kinds_that_it_names() -> None:
    prompts = Prompts({"danger_en": PAGE})

    assert crisis_text(danger(), "US", prompts=prompts).startswith("We are here. Call")
    assert crisis_text(danger("overdose"), "US", prompts=prompts) == crisis_text(danger("overdose"), "US")
    assert help_line(Safety(level="concern", kind="suicide"), "US", prompts=prompts) == "Our house: 555 0100"
    assert crisis_text(danger(language="zh"), "US", prompts=prompts) == crisis_text(danger(language="zh"), "US")


def test_a_page_without_headings_answers_every_kind_and_the_next_turn_is_another_text() -> None:
    prompts = Prompts({"danger_en": "Our night desk answers: 555 0100."})
    for kind in KINDS:
        first = crisis_text(danger(kind), "US", prompts=prompts)
        assert first == "Our night desk answers: 555 0100."
        assert crisis_text(danger(kind), "US", prompts=prompts, earlier=[first]) != first


WRONG = [
    ("Be strong, it will pass.", "names nobody to call"),
    ("# suicide\n\nCall $help.\n\n# abuse\n\nTell somebody.", "the text for 'abuse' names nobody to call"),
    ("# suicidal\n\nCall 988.", "there are suicide, self_harm"),
    ("# suicide\n\nCall $number.", "may only name the placeholders"),
    ("# suicide\n\n# abuse\n\nCall 988.", "is empty"),
]


@pytest.mark.parametrize(("page", "complaint"), WRONG)
def test_a_page_that_would_leave_somebody_alone_is_refused_in_words(page: str, complaint: str, scripted: Any) -> None:
    with pytest.raises(SetupError, match=complaint):
        create_hef(model=scripted("x"), prompts={"danger_en": page})
    with pytest.raises(SetupError, match=complaint):
        HefContext(prompt_danger_en=page)


@pytest.mark.parametrize("page", ["Call 988.", "Call 0800 1110 111", "See https://example.org/help", "Ask $help"])
def test_any_contact_will_do(page: str) -> None:
    assert HefContext(prompt_danger_zh=page).prompt_danger_zh == page


def test_a_region_is_read_as_the_settings_read_it() -> None:
    assert crisis_text(danger(), " us ") == crisis_text(danger(), "US")
    assert crisis_text(danger(), "uk") == crisis_text(danger(), "GB")
    assert crisis_text(danger(), "") == crisis_text(danger())


def test_europe_has_no_crisis_line_of_its_own_and_names_the_directory_beside_its_number() -> None:
    text = crisis_text(danger(), "EU")

    assert "findahelpline.com" in text
    assert "112" in text
    assert "116 111" in crisis_text(danger("abuse"), "EU")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_lines_to_call_are_a_list_that_no_sentence_runs_into(kind: str, language: str) -> None:
    for region in ("US", "DE", None):
        said: list[str] = []
        for _ in range(3):
            said.append(crisis_text(danger(kind, language), region, earlier=said))
            for line, below in itertools.pairwise([*said[-1].split("\n"), ""]):
                assert not line.startswith("- ") or not below or below.startswith("- "), said[-1]
            assert "\n\n\n" not in said[-1]


def test_an_emergency_number_says_who_comes_in_the_persons_language_and_each_service_once() -> None:
    assert "995 (ambulance, fire) or 999 (police)" in crisis_text(danger("medical"), "SG")
    assert "119（急救、消防）或110（警察）" in crisis_text(danger("medical", "zh"), "JP")
    assert "112 (police, fire, ambulance)." in crisis_text(danger("overdose"), "IE")
    assert "999" not in crisis_text(danger("overdose"), "IE")


def test_the_hours_of_every_line_are_told_in_chinese_too() -> None:
    for record in all_resources():
        if record.hours and record.kind not in ("emergency", "directory"):
            line = _contact_line(record, "zh")
            assert "小时" in line or "时间" in line or "工作日" in line or ":00" in line, (record.name, record.hours)
