"""Why a past turn was recalled is said in one wording: on the page, in a terminal, and in Studio's explanation."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from hef.cli.render import print_empathy, summary
from hef.contract import Empathy, Memory, Turn, Why
from hef.nodes.support.explanations import MAIN_REASONS, explain_memories
from hef.ui.views.memory_view import MemoryList, memory_html, near_reason, recall_reasons
from rich.console import Console

DAY = 1_793_608_200.0
WHY = Why(similarity=0.62, recency=0.3, lexical=0.076, length=0.004)
LISBON = Memory(id="1", text="My sister moved to Lisbon.", time=DAY, why=WHY)
EMPATHY = Empathy(emotion="sad", distribution={"sad": 1.0}, memories=("1", "2", "3"))


def printed(*memories: Memory, **options: Any) -> list[str]:
    console = Console(file=StringIO(), width=88)
    print_empathy(console, EMPATHY, [Turn("speaker", "I miss her.")], memories=memories, **options)
    return [line.strip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("why", "english", "chinese"),
    [
        (WHY, "similar meaning 62%, recency 30%, shared words 8%", "意思相近 62%、时间近 30%、相同的词 8%"),
        (Why(by="pinned"), "you pinned it", "是你固定的"),
        (Why(by="broad_question"), "you asked what is remembered", "你问了记得些什么"),
        (Why(by="wish", emotion=0.5), "you asked for it from then on, emotion 50%", "你说过以后要这样、情绪 50%"),
        (Why(), "", ""),
        (None, "", ""),
    ],
)
def test_the_reasons_are_told_strongest_first_and_none_that_counts_for_nothing(
    why: Why | None, english: str, chinese: str
) -> None:
    assert recall_reasons(why, "en") == english
    assert recall_reasons(why, "zh") == chinese
    html = memory_html(LISBON.model_copy(update={"why": why}), MemoryList(), "zh", with_reasons=True)
    assert (f"原因: {chinese}</p>" in html) is bool(chinese)


def test_a_terminal_tells_day_beginning_and_the_strongest_reasons_of_each_recalled_turn() -> None:
    pinned = Memory(id="2", text="Bello\x1b[2J\n" + "barks " * 40, why=Why(by="pinned"))
    other = Memory(id="9", text="This was recalled in another turn.", why=WHY)

    lines = printed(LISBON, pinned, Memory(id="3", text="My boss resigned.", time=DAY), other)

    assert 'recalled   2026-11-02 "My sister moved to Lisbon." (similar meaning 62%, recency 30%)' in lines
    (shortened,) = (line for line in lines if "Bello" in line)
    assert shortened.startswith('"Bello�[2J barks barks')
    assert '…" (you pinned it)' in " ".join(lines)
    assert '2026-11-02 "My boss resigned."' in lines
    assert not any("another turn" in line for line in lines)
    assert "想起       2026-11-02“My sister moved to Lisbon.”（意思相近 62%、时间近 30%）" in printed(
        LISBON, language="zh"
    )


def test_where_the_turns_are_no_longer_known_their_number_is_told() -> None:
    assert "recalled   3 earlier turns" in printed()
    assert "想起       以前的 3 轮对话" in printed(language="zh")


def test_the_summary_of_a_turn_tells_the_first_recalled_turn_where_it_fits() -> None:
    neutral = EMPATHY.model_copy(update={"uncertain": True, "neutral": True})

    long = EMPATHY.model_copy(update={"agreed": False, "hypothesis": "devastated"})

    told = summary(EMPATHY, "en", [LISBON]).plain
    assert told == 'sad 100% · recalled "My sister moved to Lisb…" (similar meaning 62%)'
    narrow = [summary(long, "en", [LISBON], columns).plain for columns in (90, 66, 60)]
    assert narrow[0].endswith('devastated · recalled "My sister mov…" (similar meaning 62%)')
    assert narrow[1:] == [
        'sad 100% · the LLM thought of devastated · recalled "My sister m…"',
        "sad 100% · the LLM thought of devastated",
    ]
    assert summary(EMPATHY, "zh", [LISBON]).plain.endswith(" · 想起“My sister moved to Lisb…”（意思相近 62%）")
    shorter = summary(neutral, "en", [LISBON]).plain
    assert shorter == 'no feeling in what was said · recalled "My sister m…" (similar meaning 62%)'
    moved = LISBON.model_copy(update={"text": "我妹妹上个月搬到里斯本去了，我很想念她，也很担心。"})
    assert summary(neutral, "zh", [moved]).cell_len <= 75
    assert "想起“我妹妹" in summary(neutral, "zh", [moved]).plain
    assert summary(EMPATHY, "en", [LISBON.model_copy(update={"id": "9"})]).plain == "sad 100%"


def test_studio_names_the_main_reason_in_the_same_words() -> None:
    for part, words in MAIN_REASONS.items():
        assert recall_reasons(Why(**{part: 1.0}), "en") == f"{words} 100%"
        memory = LISBON.model_copy(update={"why": Why(**{part: 1.0})})
        assert explain_memories([memory]) == f'"My sister moved to Lisbon." ({words} 100%)'
    felt = LISBON.model_copy(update={"emotion": "sad", "why": Why(by="pinned")})
    assert explain_memories([felt]) == '"My sister moved to Lisbon." (sad) (pinned)'
    assert explain_memories([LISBON.model_copy(update={"why": Why()})]) == '"My sister moved to Lisbon."'


def test_a_search_names_why_it_lists_a_turn() -> None:
    assert [near_reason(True), near_reason(False), near_reason(True, "zh")] == [
        "shared words",
        "similar meaning",
        "相同的词",
    ]
