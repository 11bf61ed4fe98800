"""What a terminal says about a turn, in English and Chinese, and of a turn without a feeling."""

from __future__ import annotations

from io import StringIO
from typing import Any

from hef.cli.perceive import _perceive, _show
from hef.cli.render import print_empathy, summary
from hef.contract import Cause, Empathy, Reading, Turn
from hef.sem import EMPATHETIC_DIALOGUES, SemDescription
from hef.ui.turn_words import llm_opinion
from rich.console import Console

EMPATHY = Empathy(
    emotion="devastated",
    distribution={"devastated": 0.6, "sad": 0.4},
    primary=("devastated",),
    hypothesis="sad",
    sem="minilm",
    memories=("1", "2"),
    causes=(Cause(text="死了", turn=0, start=1, end=3, weight=1.0),),
    degraded="x",
)
NEUTRAL = EMPATHY.model_copy(update={"uncertain": True, "neutral": True, "causes": ()})


def printed(empathy: Empathy, **options: Any) -> str:
    console = Console(file=StringIO(), width=88)
    print_empathy(console, empathy, [Turn("speaker", "狗死了")], **options)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_a_turn_is_told_in_chinese() -> None:
    text = printed(EMPATHY, language="zh")

    for words in ("情绪", "悲痛", "难过", "判断", "大模型倾向于难过", "原因", "以前的 2 轮对话", "未完成"):
        assert words in text
    assert summary(EMPATHY, "zh").plain == "悲痛 60% · 死了"


def test_of_a_turn_without_a_feeling_no_emotion_is_shown() -> None:
    assert "no feeling in what was said" in printed(NEUTRAL)
    assert "话里没有流露情绪" in printed(NEUTRAL, language="zh")
    assert "devastated" not in printed(NEUTRAL)
    assert summary(NEUTRAL).plain == "no feeling in what was said"
    assert summary(NEUTRAL.model_copy(update={"neutral": False})).plain == "nothing certain was read"


def test_the_opinion_of_the_llm_after_a_requery_is_told_in_chinese() -> None:
    disagreed = EMPATHY.model_copy(update={"agreed": False, "requeries": 2})

    assert llm_opinion(disagreed, "zh") == "大模型认为是难过（再读 2 次之后）；在其余情绪中决定"


class Reader:
    description = SemDescription("reader", EMPATHETIC_DIALOGUES)

    def read(self, dialogues: Any, *, views: Any = None) -> list[Reading]:
        return [
            Reading(distribution={"sad": 1.0}, neutral=0.8 if "time" in dialogue[-1].text else 0.1)
            for dialogue in dialogues
        ]

    def causes(self, dialogues: Any, emotions: Any) -> list[tuple[Cause, ...]]:
        return [() for _ in dialogues]


def test_perceive_tells_a_neutral_turn_and_a_language_that_is_not_read(capsys: Any) -> None:
    dialogues = [[Turn("speaker", text)] for text in ("What time is it?", "Mi perro murió anoche.", "my dog died")]
    neutral, spanish, english = _perceive(Reader(), dialogues, causes=False, top=None)

    assert (neutral["neutral"], spanish["unread_language"]) == (0.8, "Spanish")
    assert "unread_language" not in english
    for turns, row in zip(dialogues, (neutral, spanish, english), strict=True):
        _show(turns, row, 5)
    shown = capsys.readouterr().out
    assert "no feeling in what was said (80%)" in shown
    assert "the SEM was not trained on Spanish: this is a guess" in shown
    assert shown.count("100%") == 2
