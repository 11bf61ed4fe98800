"""Node `draft_response`: reads everything, writes `messages` (one AIMessage)."""

from __future__ import annotations

import re
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable
from langgraph.runtime import Runtime

from ..contract import HefState, ModelError, Safety
from ..contract.chat_model import ChatModel
from ..contract.dialogue import MAX_TURN_CHARACTERS
from ..contract.state import LONG_DIALOGUE, degraded_empathy
from ..prompts import Prompts
from ..prompts.spoken_reply import spoken_reply
from ..prompts.thoughts import with_text
from ..prompts.wish_line import read_wish
from ..sem import Taxonomy
from .calling.llm_calls import LlmCalls, fault_or_raise, llm_node
from .calling.spoken_stream import spoken_stream
from .checking.check_calls import Assess
from .drafting.after_danger import reply_after_danger
from .drafting.early_replies import EarlyReplies
from .drafting.early_reply import EarlyReply
from .drafting.memory_reply import reply_about_memory
from .drafting.unwritten_language import language_fault, reply_in_unread_language
from .support.dialogue_window import reply_limit, shown_dialogue
from .support.draft_prompt import draft_prompt, early_reply_prompt, reads_wish, reply_model
from .support.fixed_text import say_after, turn_help_line
from .support.turn_view import TurnView, Update, turn_view, with_agent_name

TRIES = 2
"""How often a reply is asked for before an empty one counts as none."""
REPLY_LIMIT = 4000
"""Maximum characters of a reply; a longer one is cut after its last complete sentence."""
_SENTENCE_END = re.compile(r"[.!?…。!?][\"'”’)\]]*(?=\s)")
_EMPTY = "the LLM could not draft a reply: what it wrote was empty, or thoughts alone"


def draft_response_node(
    model: ChatModel, prompts: Prompts, replies: EarlyReplies, taxonomy: Taxonomy, assess: Assess | None
) -> Runnable[HefState, Update]:
    """Return the node in which the LLM writes the reply, token by token.

    Thoughts, markers of chat templates and a role before the reply are left out, of the stream as well. What the LLM
    began to write before the decision is the reply, unless more is known of danger since. Soon after danger an LLM that
    cannot be told of it, as the embedded one, is not asked: the reply is a fixed text (`assess` judges those turns).
    Nor is the embedded one asked what is remembered of the person, or to reply to a language that it does not read.

    Raises `ModelError`, with all that was understood, where there is no reply. With a checkpointer
    the turn can then be resumed from here: invoke again with None.
    """

    async def draft_response(state: HefState, runtime: Runtime[Any], calls: LlmCalls) -> Update:
        """Write the reply from dialogue, emotion, cause words and memories."""
        turn = turn_view(state, runtime)
        early = replies.take(state.get("verdict"))
        try:
            llm = await calls.model_for_run(model, turn.settings)
            if fixed := await _fixed_reply(assess, llm, turn, prompts, calls):
                return fixed
            messages = (
                early_reply_prompt(llm, turn, prompts, taxonomy)
                if replies.is_plain(llm, turn)
                else draft_prompt(llm, turn, state["empathy"], prompts, taxonomy)
            )
            llm_of_run = reply_model(llm, turn.settings.model_settings)
            first_try = await _early_try(early, llm_of_run, state["empathy"].safety)
            for asked, prompt in [first_try or (llm_of_run, messages), *[(llm_of_run, messages)] * (TRIES - 1)]:
                with spoken_stream(turn.settings.persona) as config:
                    answer = await calls.invoke(asked, prompt, config)
                if reply := _as_said(answer, turn.settings.persona):
                    reply, reply_fault = _truncate_reply(reply, len(str(answer.text)))
                    fault = "; ".join(
                        filter(None, [_dialogue_fault(llm, turn), language_fault(llm, turn), reply_fault])
                    )
                    wish = read_wish(str(answer.text), turn.dialogue[-1].text) if reads_wish(turn, llm) else ""
                    return _update(turn, await _with_help(calls, reply, turn, prompts), fault, wish)
        except Exception as error:
            raise _no_reply_error(state, fault_or_raise(error, runtime, "draft a reply")) from None
        finally:
            if early:
                await early.stop()
        raise _no_reply_error(state, _EMPTY)

    return llm_node(draft_response)


async def _fixed_reply(
    assess: Assess | None, llm: ChatModel, turn: TurnView, prompts: Prompts, calls: LlmCalls
) -> Update | None:
    """Return the reply that no LLM writes, as the embedded one would write nonsense; None where the LLM is to reply."""
    if after_danger := await reply_after_danger(assess, llm, turn, prompts, calls):
        return _update(turn, *after_danger)
    if answer := await reply_about_memory(assess, llm, turn, calls):
        reply, fault = answer
        return _update(turn, await _with_help(calls, reply, turn, prompts), fault)
    if foreign := await reply_in_unread_language(llm, turn, calls):
        return _update(turn, await _with_help(calls, foreign, turn, prompts), language_fault(llm, turn))
    return None


async def _early_try(
    early: EarlyReply | None, llm: ChatModel, safety: Safety
) -> tuple[ChatModel, list[BaseMessage]] | None:
    """Return a chat model that repeats the early reply, and its prompt; None where there is none that serves."""
    if early is None:
        return None
    first_try = await early.use(llm, safety)
    if first_try is None:
        await early.discard()
    return first_try


async def _with_help(calls: LlmCalls, reply: BaseMessage, turn: TurnView, prompts: Prompts) -> BaseMessage:
    """Return a reply with the line after it that says who helps, where somebody may be at risk."""
    line = turn_help_line(turn, prompts.replaced(turn.settings.templates))
    return await say_after(calls, reply, line.text) if line.is_due else reply


def _update(turn: TurnView, reply: BaseMessage, fault: str, wish: str = "") -> Update:
    return {
        "messages": [with_agent_name(reply)],
        "empathy": degraded_empathy(turn.state, "draft_response", fault).model_copy(update={"wish": wish}),
        "faults": {"draft_response": fault},
    }


def _dialogue_fault(llm: ChatModel, turn: TurnView) -> str:
    _, count = shown_dialogue(turn, llm)
    if not count:
        return ""
    limit = reply_limit(turn.settings, llm)
    return f"{LONG_DIALOGUE} {limit} characters: the LLM did not see the oldest {count} turns"


def _no_reply_error(state: HefState, fault: str) -> ModelError:
    """Return the error of a turn without a reply; it carries what was understood."""
    error = ModelError(f"{fault}; try again, or name another model")
    error.empathy = degraded_empathy(state, "draft_response", fault)
    return error


def _as_said(answer: BaseMessage, persona: str) -> BaseMessage | None:
    """Return the reply that an LLM's answer holds; None where it is empty, which is how some models refuse."""
    written = str(answer.text)
    reply_text = spoken_reply(written, persona)
    return with_text(answer, written if reply_text == written.strip() else reply_text) if reply_text else None


def _truncate_reply(message: BaseMessage, written: int) -> tuple[BaseMessage, str]:
    """Return a reply of at most `REPLY_LIMIT` characters, and the fault of one that was cut.

    Args:
        message: The reply, of whose text no more than `MAX_TURN_CHARACTERS` were read.
        written: Characters that the LLM wrote.
    """
    text = str(message.text)
    if len(text) <= REPLY_LIMIT:
        return message, ""
    truncated = _complete_sentences(text[: REPLY_LIMIT + 1])
    length = written if written > MAX_TURN_CHARACTERS else len(text)
    fault = f"the reply had {length} characters: only its first {len(truncated)} were kept"
    return message.model_copy(update={"content": truncated}), fault


def _complete_sentences(text: str) -> str:
    """Return a text up to its last sentence's end, else up to its last word's."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    if ends:
        return text[: ends[-1]]
    head, _, _ = text[:REPLY_LIMIT].rpartition(" ")
    return f"{head or text[: REPLY_LIMIT - 1]}…"
