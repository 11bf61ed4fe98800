"""An LLM that does not write the language of the reply: what is said of that, and the reply of the embedded one.

A chat model may have understood, and answers in English. The embedded one reads English alone: what it wrote to other
words would be condolence for a birthday.
"""

from __future__ import annotations

import re

from langchain_core.messages import BaseMessage

from ...contract.chat_model import ChatModel, draft_form, model_name, written_languages
from ...contract.dialogue import speaks_chinese, turn_language
from ..calling.llm_calls import LlmCalls
from ..support.fixed_text import say
from ..support.turn_view import TurnView

_NO_CHINESE = (
    "模型 {model} 只会写英文，所以回复不是中文：请用 --model、HEF_MODEL 或 HefContext.model 指定一个会中文的模型，"
    "例如 huggingface:Qwen/Qwen2.5-1.5B-Instruct，或者 <服务商>:<模型名>"
)
_NO_SUCH_LANGUAGE = (
    "the LLM {model} writes English alone, and the person wrote in {language}: name one that writes it by --model, "
    "HEF_MODEL or HefContext.model"
)
_NO_SET_LANGUAGE = (
    "the LLM {model} writes English alone, and the setting language is {language!r}: name a model that writes it by "
    "--model, HEF_MODEL or HefContext.model"
)
_ENGLISH_ALONE = ("en",)
_ENGLISH = re.compile(r"\A\s?en(?:[-_][a-z]{2})?\s?\Z|english|inglés|englisch|英语|英文|英語", re.IGNORECASE)
"""What names English as a language, somewhere in the setting."""
_REPLIES = {
    "Chinese": "抱歉，我现在只会用英文回答，没法用中文好好陪你聊。如果可以，用英文再跟我说一次好吗？",
    "Dutch": "Sorry, ik kan hier alleen Engels, dus ik kan je niet goed antwoorden. Wil je het in het Engels zeggen?",
    "French": "Désolé, je ne sais répondre qu'en anglais ici. Tu veux bien me le dire en anglais ?",
    "German": "Tut mir leid, ich kann hier nur Englisch. Magst du es mir auf Englisch erzählen?",
    "Italian": "Mi dispiace, qui so rispondere solo in inglese. Ti va di raccontarmelo in inglese?",
    "Portuguese": "Desculpa, aqui só sei responder em inglês. Podes contar-me em inglês?",
    "Spanish": "Lo siento, aquí solo sé responder en inglés. ¿Me lo cuentas en inglés?",
}
_ENGLISH_REPLY = "I'm sorry, I only know English here, so I can't answer you well. Could you tell me in English?"


async def reply_in_unread_language(llm: ChatModel, turn: TurnView, calls: LlmCalls) -> BaseMessage | None:
    """Return the fixed reply to what the embedded LLM cannot read; None where the LLM is to reply.

    Args:
        llm: The LLM of the run.
        turn: The turn.
        calls: The calls of the run.
    """
    if draft_form(llm) != "transcript" or not (language := _unwritten_language(llm, turn)):
        return None
    is_in_english = turn.settings.language is not None and _ENGLISH.search(turn.settings.language)
    return await say(calls, _ENGLISH_REPLY if is_in_english else _REPLIES.get(language, _ENGLISH_REPLY))


def language_fault(llm: ChatModel, turn: TurnView) -> str:
    """Return that the LLM does not write the reply's language, in Chinese where it is Chinese; empty where it may."""
    languages = written_languages(llm)
    if "zh" not in languages and turn_language(turn.settings.language, turn.dialogue) == "zh":
        return _NO_CHINESE.format(model=model_name(llm))
    if (reply_language := turn.settings.language) is not None:
        is_written = languages != _ENGLISH_ALONE or _ENGLISH.search(reply_language)
        return "" if is_written else _NO_SET_LANGUAGE.format(model=model_name(llm), language=reply_language)
    if language := turn.unread_language(languages):
        return _NO_SUCH_LANGUAGE.format(model=model_name(llm), language=language)
    return ""


def _unwritten_language(llm: ChatModel, turn: TurnView) -> str:
    """Return the name of the language of what the person said, where the LLM does not write it; else empty."""
    languages = written_languages(llm)
    if "zh" not in languages and speaks_chinese(turn.dialogue):
        return "Chinese"
    return turn.unread_language(languages)
