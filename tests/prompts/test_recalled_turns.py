"""The lines about past turns in a note: their day, how long ago it was, and the reply."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hef.contract import Empathy, Memory
from hef.prompts import ChatDraft, Prompts, chat_draft_messages, empathy_note, recalled_lines, remembered
from hef.prompts.recalled_turns import MAX_REPLY_CHARACTERS, time_ago
from langchain_core.messages import HumanMessage

NOW = datetime(2026, 11, 28, 9).timestamp()
THEN = datetime(2026, 11, 20, 23).timestamp()
PAST = Memory(id="1", text="My dog is ill.", emotion="anxious", time=THEN, reply="Did you see a vet?")
LINE = 'On 2026-11-20 (8 days ago) they said: "My dog is ill." (felt anxious); you answered: "Did you see a vet?"'


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
