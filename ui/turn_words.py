"""What HEF itself says about a turn, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..contract import Empathy
    from ..contract.dialogue import TextLanguage


@dataclass(frozen=True, slots=True)
class TurnWords:
    """The words of one language; `{label}` and `{count}` are filled in."""

    emotion: str = "emotion"
    judged: str = "judged"
    causes: str = "causes"
    recalled: str = "recalled"
    recalled_turn: str = '{day} "{text}"{because}'
    recalled_first: str = ' · recalled "{text}"{because}'
    because: str = " ({reasons})"
    safety: str = "safety"
    left_out: str = "left out"
    neutral: str = "no feeling in what was said"
    uncertain: str = "nothing certain was read"
    guess: str = "the SEM was not trained on {language}: this is a guess"
    one_earlier_turn: str = "1 earlier turn"
    earlier_turns: str = "{count} earlier turns"
    sem_alone: str = "decided by the SEM alone"
    llm_none: str = "the LLM named no emotion"
    llm_alone: str = "decided by the LLM alone: {label}"
    after_one_requery: str = " after 1 re-query"
    after_requeries: str = " after {count} re-queries"
    llm_disagrees: str = "the LLM thinks of {label}{requeries}; decided among the other emotions"
    llm_agrees: str = "the LLM agrees{requeries}"
    llm_leans: str = "the LLM leans to {label}{requeries}, also a primary emotion"
    llm_thought: str = " · the LLM thought of {label}"
    comma: str = ", "


WORDS: Mapping[TextLanguage, TurnWords] = {
    "en": TurnWords(),
    "zh": TurnWords(
        emotion="情绪",
        judged="判断",
        causes="原因",
        recalled="想起",
        recalled_turn="{day}“{text}”{because}",
        recalled_first=" · 想起“{text}”{because}",
        because="（{reasons}）",
        safety="安全",
        left_out="未完成",
        neutral="话里没有流露情绪",
        uncertain="没有读出确定的情绪",
        guess="小模型没有学过这种语言：这只是猜测",
        one_earlier_turn="以前的 1 轮对话",
        earlier_turns="以前的 {count} 轮对话",
        sem_alone="由小模型单独决定",
        llm_none="大模型没有说出情绪",
        llm_alone="由大模型单独决定：{label}",
        after_one_requery="（再读 1 次之后）",
        after_requeries="（再读 {count} 次之后）",
        llm_disagrees="大模型认为是{label}{requeries}；在其余情绪中决定",
        llm_agrees="大模型同意{requeries}",
        llm_leans="大模型倾向于{label}{requeries}，也是主要情绪之一",
        llm_thought=" · 大模型认为是{label}",
        comma="、",
    ),
}


def emotion_name(label: str, language: TextLanguage) -> str:
    """Return what an emotion is called in a language; its label where it has no name there."""
    if language == "en":
        return label
    from ..sem import EMPATHETIC_DIALOGUES

    return EMPATHETIC_DIALOGUES.display_name(label, language)


def nothing_read(empathy: Empathy, language: TextLanguage = "en") -> str:
    """Return why a turn has no emotion to speak of; empty where it has one."""
    if not empathy.uncertain:
        return ""
    return WORDS[language].neutral if empathy.neutral else WORDS[language].uncertain


def llm_opinion(empathy: Empathy, language: TextLanguage = "en") -> str:
    """Return a sentence on what the LLM thought of the SEM's reading."""
    words = WORDS[language]
    if empathy.hypothesis is None:
        return words.sem_alone if empathy.sem else words.llm_none
    label = emotion_name(empathy.hypothesis, language)
    if empathy.sem is None:
        return words.llm_alone.format(label=label)
    counted = {0: "", 1: words.after_one_requery}
    requeries = counted.get(empathy.requeries, words.after_requeries.format(count=empathy.requeries))
    if not empathy.agreed:
        return words.llm_disagrees.format(label=label, requeries=requeries)
    if empathy.hypothesis == empathy.emotion:
        return words.llm_agrees.format(requeries=requeries)
    return words.llm_leans.format(label=label, requeries=requeries)
