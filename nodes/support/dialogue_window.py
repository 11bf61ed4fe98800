"""How much of the conversation an LLM is shown for its reply.

A question about the newest turn needs the newest talk alone. A reply needs what the person may come back to, and a
capable LLM reads all of it, as it would without HEF.
"""

from __future__ import annotations

from ...contract import HefContext, Turn
from ...contract.chat_model import ChatModel, chat_models, draft_form, is_hosted
from ...contract.settings.dialogue_limit import QUESTION_CHARACTERS, REPLY_CHARACTERS
from ...prompts import newest
from ..calling.context_overflow import known_window
from .transcript import count_turns, recent_dialogue
from .turn_view import TurnView


def reply_limit(settings: HefContext, llm: ChatModel | None) -> int:
    """Return how many characters of dialogue an LLM is shown for its reply.

    Where the run does not say it, a hosted LLM gets `REPLY_CHARACTERS`, or one character for each token that its
    profile says it reads if that is less; any other `QUESTION_CHARACTERS`, as its context window may be small.

    Args:
        settings: Settings of the run.
        llm: The LLM; None is that of a host's agent, which counts as hosted.
    """
    limit = settings.dialogue_limit
    if llm is None:
        return REPLY_CHARACTERS if limit is None else limit
    if limit is None:
        limit = QUESTION_CHARACTERS
        if is_hosted(llm) and draft_form(llm) == "chat":
            limit = min([REPLY_CHARACTERS, *_input_tokens(llm)])
    return min(limit, known_window(llm) or limit)


def shown_dialogue(turn: TurnView, llm: ChatModel | None) -> tuple[list[Turn], int]:
    """Return the newest turns that an LLM is shown for its reply, and how many older ones it is not, or only in part.

    Args:
        turn: The turn.
        llm: The LLM; None is that of a host's agent.

    Raises:
        InputError: The person has not said anything yet.
    """
    limit, messages = reply_limit(turn.settings, llm), turn.state["messages"]
    recent, earlier_messages = recent_dialogue(messages, limit)
    shown, hidden = newest(recent, limit)
    return shown, hidden + count_turns(messages[:earlier_messages])


def _input_tokens(llm: ChatModel) -> list[int]:
    """Return how many tokens the models of an LLM read, as far as their profiles say it."""
    profiles = (getattr(model, "profile", None) or {} for model in chat_models(llm))
    tokens = (profile.get("max_input_tokens") for profile in profiles)
    return [count for count in tokens if isinstance(count, int) and count > 0]
