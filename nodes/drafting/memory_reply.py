"""The reply of an LLM for the transcript to "What do you remember about me?": a fixed text.

A chat model tells what is in its note. The form of prompt that the embedded model was trained on has past turns beside
the dialogue, as something to reply by; asked for them it talks of something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from langchain_core.messages import BaseMessage

from ...contract import Memory, Turn
from ...contract.chat_model import ChatModel, draft_form
from ...contract.dialogue import TextLanguage, turn_language
from ...memory import STALE_VECTORS
from ...memory.broad_question import asks_for_all
from ...prompts import is_wish, one_line, quoted
from ...prompts.recalled_turns import PHRASES, local_day, speaker_name
from ..calling.llm_calls import LlmCalls
from ..checking.check_calls import Assess, judge
from ..support.conversation import shown_name
from ..support.fixed_text import NOT_REMEMBERED, say
from ..support.message_text import message_role
from ..support.turn_view import TurnView
from .unwritten_language import language_fault

MAX_TOLD = 5
"""How many past turns are told."""
_MAX_CHARACTERS = 200
"""Characters of each of them."""
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, slots=True)
class _Texts:
    """What is said of what is remembered, in one language; names in braces are filled in."""

    told: str = "You told me: "
    told_some: str = "You told me, among other things: "
    told_by_several: str = "I was told: "
    turn: str = '{when}: "{text}"'
    turn_by: str = '{when}, {name}: "{text}"'
    earlier: str = "earlier"
    today: str = "today"
    yesterday: str = "yesterday"
    later: str = "later that day"
    day: str = "on {weekday}, {day} {month_name}"
    day_of_year: str = "on {weekday}, {day} {month_name} {year}"
    between: str = " "
    nothing: str = "Nothing yet. Tell me something about yourself, I'm glad to listen."
    unwritten: str = (
        "Nothing: what you tell me here isn't written down, so I only know what you say in this conversation."
    )
    failed: str = "I can't look into my memory right now. Please ask me again a little later."


_TEXTS: Mapping[TextLanguage, _Texts] = {
    "en": _Texts(),
    "zh": _Texts(
        told="你跟我说过：",
        told_some="你跟我说过的有：",
        told_by_several="你们跟我说过：",
        turn="{when}：“{text}”",
        turn_by="{when}，{name}：“{text}”",
        earlier="以前",
        today="今天",
        yesterday="昨天",
        later="同一天后来",
        day="{month}月{day}日{weekday}",
        day_of_year="{year}年{month}月{day}日{weekday}",
        between="；",
        nothing="还没有。跟我说说你自己吧，我很愿意听。",
        unwritten="没有：你在这里说的话没有写下来，我只知道你在这次对话里说的。",
        failed="我现在看不了自己的记忆，请过一会儿再问我一次。",
    ),
}


def is_told_memory(llm: ChatModel, turn: TurnView) -> bool:
    """Return whether the reply of a turn is what is remembered, by a fixed text."""
    return draft_form(llm) == "transcript" and asks_for_all(turn.dialogue[-1].text)


async def reply_about_memory(
    assess: Assess | None, llm: ChatModel, turn: TurnView, calls: LlmCalls
) -> tuple[BaseMessage, str] | None:
    """Return the reply and the fault of its language; None where the LLM is to reply.

    Args:
        assess: What judges whether somebody is in danger: what was said in danger is not told. None where that is
            switched off.
        llm: The LLM of the run.
        turn: The turn.
        calls: The calls of the run.
    """
    if not is_told_memory(llm, turn):
        return None
    language = turn_language(turn.settings.language, turn.conversation)
    memories = [memory for memory in turn.state.get("memories", []) if not await _is_danger(assess, memory, calls)]
    text = _told(memories, language, _name(turn)) if memories else _nothing_told(turn, language)
    reply = await say(calls, text)
    # What is told here may be forgotten one day, and is not to live on in the memory of this turn.
    reply = reply.model_copy(update={"response_metadata": {**reply.response_metadata, NOT_REMEMBERED: True}})
    return reply, "" if language == "zh" else language_fault(llm, turn)


async def _is_danger(assess: Assess | None, memory: Memory, calls: LlmCalls) -> bool:
    finding, _ = await judge(assess, [Turn("speaker", memory.text)], calls)
    return finding.level == "danger"


def _nothing_told(turn: TurnView, language: TextLanguage) -> str:
    texts, settings = _TEXTS[language], turn.settings
    if not turn.has_store or settings.user_id is None or not settings.remember:
        return texts.unwritten
    fault = turn.state.get("faults", {}).get("recall", "")
    return texts.failed if fault.replace(STALE_VECTORS, "") else texts.nothing


def _told(memories: Sequence[Memory], language: TextLanguage, speaker: str) -> str:
    """Return past turns in words, in the order of time; wishes where there is room beside what was told.

    Args:
        memories: The turns, those first that are told first.
        language: Language of what is said about them.
        speaker: Name of who asks, where people are named.
    """
    texts, today = _TEXTS[language], date.today()
    by_id: dict[str, Memory] = {}
    for memory in sorted(memories, key=is_wish):
        by_id.setdefault(memory.id, memory)
    lines: list[str] = []
    before = ""
    others = False
    for memory in sorted(list(by_id.values())[:MAX_TOLD], key=lambda memory: memory.time):
        day = _day(memory, today, language)
        when = texts.later if day == before != texts.earlier else day
        name = "" if memory.name == speaker else speaker_name(memory)
        line = (texts.turn_by if name else texts.turn).format(
            when=when, name=name, text=quoted(memory.text, _MAX_CHARACTERS)
        )
        lines.append(line[0].upper() + line[1:] if lines else line)
        before, others = day, others or bool(name)
    beginning = texts.told_some if len(by_id) > MAX_TOLD else texts.told
    return (texts.told_by_several if others else beginning) + texts.between.join(lines)


def _day(memory: Memory, today: date, language: TextLanguage) -> str:
    """Return in words on which day of the computer's own zone a turn was said."""
    texts = _TEXTS[language]
    then = local_day(memory.time) if memory.time else None
    if then is None:
        return texts.earlier
    if then in (today, today - timedelta(days=1)):
        return texts.today if then == today else texts.yesterday
    return (texts.day if then.year == today.year else texts.day_of_year).format(
        weekday=PHRASES[language].weekdays[then.weekday()],
        day=then.day,
        month=then.month,
        month_name=_MONTHS[then.month - 1],
        year=then.year,
    )


def _name(turn: TurnView) -> str:
    """Return the name of who asks, as it is stored with a turn; empty where nobody is named."""
    names = (message.name for message in reversed(turn.state["messages"]) if message_role(message) == "speaker")
    return one_line(shown_name(next(names, None) or "")).strip()
