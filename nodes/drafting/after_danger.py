"""The reply after danger of an LLM for the transcript: a fixed text.

A chat model is told that the person was in danger a turn ago. The form of prompt that the embedded model was trained on
has no place for that, and what it then says by itself is small talk or good luck.
"""

from __future__ import annotations

from langchain_core.messages import BaseMessage

from ...contract.chat_model import ChatModel, model_name
from ...contract.dialogue import turn_language
from ...llm import draft_form
from ...prompts import Prompts
from ...safety import after_danger_text
from ..calling.llm_calls import LlmCalls
from ..checking.check_calls import Assess, earlier_danger
from ..support.fixed_text import say
from ..support.turn_view import TurnView

TURNS = 2
"""How many of the person's turns after one in danger are answered so."""
_FAULTS = {
    "en": (
        "the LLM {model} did not write this reply: so soon after danger it would answer as if nothing had been said, "
        "and it cannot be told. A chat model replies itself: name one by --model, HEF_MODEL or HefContext.model"
    ),
    "zh": (
        "这条回复不是模型 {model} 写的：对方刚刚有过危险，而这个模型无法得知这一点，会答得像什么都没发生过一样。"
        "对话模型会自己回复：请用 --model、HEF_MODEL 或 HefContext.model 指定一个"
    ),
}


async def reply_after_danger(
    assess: Assess | None, llm: ChatModel, turn: TurnView, prompts: Prompts, calls: LlmCalls
) -> tuple[BaseMessage, str] | None:
    """Return the reply and the fault that says why the LLM did not write it; None where the LLM is to reply.

    Args:
        assess: What judges whether somebody is in danger; None where that is switched off.
        llm: The LLM of the run.
        turn: The turn.
        prompts: The graph's templates; those of the run go before them.
        calls: The calls of the run.
    """
    if assess is None or draft_form(llm) != "transcript":
        return None
    danger = await earlier_danger(assess, turn.conversation, calls, turns=TURNS)
    if danger is None:
        return None
    language = turn_language(turn.settings.language, turn.conversation)
    text = after_danger_text(
        danger.model_copy(update={"language": language}),
        turn.settings.region,
        prompts=prompts.replaced(turn.settings.templates),
        earlier=[earlier.text for earlier in turn.conversation if earlier.role == "listener"],
    )
    return await say(calls, text), _FAULTS[language].format(model=model_name(llm))
