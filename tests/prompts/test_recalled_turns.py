"""The lines about past turns in a note: their day, how long ago it was, and the reply."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hef.contract import Empathy, Memory, Why
from hef.prompts import ChatDraft, Prompts, chat_draft_messages, empathy_note, recalled_lines, remembered
from hef.prompts.recalled_turns import MAX_REPLY_CHARACTERS, time_ago
from langchain_core.messages import HumanMessage

NOW = datetime(2026, 11, 28, 9).timestamp()
THEN = datetime(2026, 11, 20, 23).timestamp()
PAST = Memory(id="1", text="My dog is ill.", emotion="anxious", time=THEN, reply="Did you see a vet?")
LINE = (
    'On Friday, 2026-11-20 (8 days ago) they said: "My dog is ill." (felt anxious); you answered: "Did you see a vet?"'
)


def test_a_past_turn_has_its_day_its_age_and_the_reply() -> None:
    assert recalled_lines([PAST], 400, NOW) == LINE


def test_what_is_not_known_is_left_out() -> None:
    assert recalled_lines([Memory(id="1", text="My dog is ill.")], 400, NOW) == 'Earlier they said: "My dog is ill."'
    assert recalled_lines([Memory(id="1", text="x", time=253_402_300_799.0)], 400, NOW).endswith('they said: "x"')
    assert recalled_lines([], 400, NOW) == ""


@pytest.mark.parametrize(
    ("days", "words"),
    [
        *[(-3, "today"), (0, "today"), (1, "yesterday"), (2, "2 days ago"), (13, "13 days ago"), (14, "2 weeks ago")],
        *[(60, "9 weeks ago"), (61, "2 months ago"), (365, "12 months ago"), (730, "2 years ago")],
        *[(4000, "11 years ago")],
    ],
)  # fmt: skip
def test_an_age_is_told_in_words(days: int, words: str) -> None:
    today = date(2026, 11, 28)

    assert time_ago(today - timedelta(days=days), today) == words


def test_replies_are_told_while_the_budget_lasts() -> None:
    other = PAST.model_copy(update={"id": "2", "reply": "Oh."})
    words_alone = len(recalled_lines([PAST, other], 0, NOW))

    lines = recalled_lines([PAST, other], -(-(words_alone + len('; you answered: "Oh."')) // 4), NOW).splitlines()

    assert [line.partition("; you answered")[2] for line in lines] == ["", ': "Oh."']
    (long,) = recalled_lines([PAST.model_copy(update={"reply": "z" * 1000})], 400, NOW).splitlines()
    assert long.count("z") == MAX_REPLY_CHARACTERS - 1


def test_both_notes_tell_it_and_the_embedded_models_line_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hef.prompts.recalled_turns.time.time", lambda: NOW)
    empathy = Empathy(emotion="sad", distribution={"sad": 1.0})
    draft = ChatDraft([HumanMessage("Hi.")], [], "sad", memories=[PAST])

    assert LINE in empathy_note(empathy, [PAST]).splitlines()[1]
    assert f": {LINE}\n" in chat_draft_messages(Prompts(), draft)[0].text
    assert "answered" not in empathy_note(empathy, [PAST], memory_budget=0)
    assert remembered(PAST) == 'Earlier, the speaker said: "My dog is ill." (felt anxious)'


def told(number: int, days: float, **fields: Any) -> Memory:
    return Memory(id=str(number), text=f"turn {number}", time=NOW - days * 86_400, **fields)


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "en",
            [
                'On Wednesday, 2026-11-25 (3 days ago) they asked of you: "no advice" (keep to it',
                'Earlier they said: "turn 5"',
                'On Tuesday, 2026-11-24 (4 days ago) they said: "turn 2"',
                'Later that day they said: "turn 1"',
                'On Wednesday, 2026-11-25 (3 days ago) they said: "turn 3"',
            ],
        ),
        (
            "zh",
            [
                "2026-11-25 星期三（3天前）对方请你",
                "以前对方说",
                "2026-11-24 星期二（4天前）",
                "同一天后来对方说",
                "2026-11-25",
            ],
        ),
    ],
)
def test_past_turns_are_told_in_the_order_of_time_behind_what_was_asked_for(language: Any, lines: list[str]) -> None:
    wish = told(4, 3, wish="no advice", why=Why(by="wish"))
    turns = [wish, told(1, 4), told(3, 3.1), told(2, 4.1), Memory(id="5", text="turn 5")]
    shown = recalled_lines(turns, 400, NOW, language=language).splitlines()
    assert [line.startswith(start) for line, start in zip(shown, lines, strict=True)] == [True] * 5


def test_a_turn_of_the_day_of_a_wish_is_not_said_to_be_later() -> None:
    turns = [told(1, 3, wish="no advice", why=Why(by="wish")), told(1, 3), told(2, 2.9)]
    shown = recalled_lines(turns, 400, NOW).splitlines()
    assert [line.partition(" they ")[0] for line in shown] == [
        *["On Wednesday, 2026-11-25 (3 days ago)"] * 2,
        "Later that day",
    ]


def test_what_the_most_relevant_turn_was_answered_is_told_first_though_it_is_the_newest() -> None:
    turns = [told(1, 1, reply="Of course."), told(2, 9, reply="Oh no, not the cat.")]
    room = len(recalled_lines([each.model_copy(update={"reply": ""}) for each in turns], 400, NOW))
    shown = recalled_lines(turns, (room + len('; you answered: "Of course."') + 4) // 4, NOW).splitlines()
    assert ["you answered" in line for line in shown] == [False, True]
