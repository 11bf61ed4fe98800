"""How an LLM is asked for the reply of a turn: its prompt, in the form that it was trained on, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage, SystemMessage
from langchain_core.runnables import Runnable

from ...contract import Empathy
from ...contract.chat_model import ChatModel, draft_form, is_hosted
from ...contract.dialogue import turn_language
from ...contract.settings.dialogue_limit import question_limit
from ...contract.settings.model_settings import check_client_settings
from ...contract.settings.recall_limits import token_budget
from ...memory.broad_question import asks_for_all
from ...prompts import (
    ChatDraft,
    Prompts,
    causes_of_last_turn,
    chat_draft_messages,
    concern_note,
    draft_messages,
    is_wish,
    newest,
)
from ...prompts.loader import FEELING_LINE
from ...prompts.spoken_reply import brief_persona, described_persona
from ...sem import Taxonomy
from ..deciding.decision import UNCERTAIN_BELOW
from .conversation import chat_messages, host_instructions
from .dialogue_window import reply_limit, shown_dialogue
from .fixed_text import turn_help_line
from .tool_results import tool_results
from .turn_view import TurnView, is_served

MILDEST = "content"
"""The label that a model for the transcript is told where nothing is felt."""


def early_reply_prompt(llm: ChatModel, turn: TurnView, prompts: Prompts, taxonomy: Taxonomy) -> list[BaseMessage]:
    """Return the prompt of a reply before the decision: nothing is noted of the person's feeling."""
    return draft_prompt(llm, turn, _undecided(taxonomy), prompts, taxonomy)


def feeling_line_prompt(turn: TurnView, prompts: Prompts, taxonomy: Taxonomy) -> list[BaseMessage]:
    """Return the prompt of the line that says what the person feels: the conversation, and nothing of how to reply.

    What the host, a wish or a character says of replies would be said of the line, too.
    """
    settings = turn.settings
    shown, _ = newest(turn.conversation, question_limit(settings.dialogue_limit))
    task = prompts.replaced(settings.templates).render(FEELING_LINE, labels=", ".join(taxonomy.labels))
    persona = described_persona(brief_persona(settings.persona))
    return [SystemMessage(f"{persona}\n\n{task}"), *chat_messages(turn.state["messages"], shown)]


def _undecided(taxonomy: Taxonomy) -> Empathy:
    labels = taxonomy.labels
    return Empathy(emotion=labels[0], distribution=dict.fromkeys(labels, 1 / len(labels)), uncertain=True)


def draft_prompt(
    llm: ChatModel, turn: TurnView, empathy: Empathy, prompts: Prompts, taxonomy: Taxonomy
) -> list[BaseMessage]:
    """Return the prompt of the reply.

    Args:
        llm: The LLM, which is asked in its own form, see `hef.contract.chat_model.draft_form`.
        turn: The turn.
        empathy: What was understood.
        prompts: The graph's templates; those of the run go before them.
        taxonomy: The labels, with what they are called in other languages.
    """
    settings = turn.settings
    prompts = prompts.replaced(settings.templates)
    line = turn_help_line(turn, prompts)
    line_after, line_before = (line.text, "") if line.is_due else ("", line.text)
    concern = concern_note(prompts, turn.safety, line_after=line_after, line_before=line_before)
    memories = turn.state.get("memories", [])
    facts = [memory for memory in memories if not is_wish(memory)]
    emotion = None if empathy.uncertain else empathy.emotion
    limit = reply_limit(settings, llm)
    if draft_form(llm) == "transcript":
        return draft_messages(
            prompts,
            turn.dialogue,
            _transcript_emotion(empathy, taxonomy),
            [cause.text for cause in empathy.causes],
            facts,  # the embedded model cannot keep to a wish
            settings.persona,
            limit,
            empathy.distribution,
            concern,
        )
    messages = turn.state["messages"]
    shown, _ = shown_dialogue(turn, llm)
    language = turn_language(settings.language, turn.dialogue)
    draft = ChatDraft(
        conversation=chat_messages(messages, shown),
        turns=shown,
        emotion=emotion,
        distribution=empathy.distribution,
        causes=[cause.text for cause in causes_of_last_turn(empathy, turn.conversation, turn.earlier_turns)],
        memories=memories,
        lacks_memory=not memories and asks_for_all(turn.dialogue[-1].text),
        memory_budget=token_budget(settings.memory_budget, is_hosted=is_hosted(llm)),
        instructions=host_instructions(messages),
        persona=settings.persona,
        concern=concern,
        limit=limit,
        tool_results=tool_results(messages, question_limit(settings.dialogue_limit)),
        reply_language=settings.language,
        language=language,
        names=taxonomy.names.get(language, {}),
        reads_wish=reads_wish(turn, llm),
    )
    return chat_draft_messages(prompts, draft)


def reads_wish(turn: TurnView, llm: ChatModel) -> bool:
    """Return whether an LLM is to say what the person asks for from now on: a hosted one, where it is remembered."""
    settings = turn.settings
    return turn.has_store and settings.user_id is not None and settings.remember and is_hosted(llm)


def _transcript_emotion(empathy: Empathy, taxonomy: Taxonomy) -> str | None:
    """Return what the embedded model is told that the speaker feels.

    Its adapter never saw a turn without a feeling, and condoles where it is told none: on 14 of 18 neutral turns, on 8
    where it is told the mildest label.
    """
    if not empathy.uncertain:
        return empathy.emotion
    is_flat = empathy.neutral or empathy.distribution[empathy.emotion] < UNCERTAIN_BELOW
    return MILDEST if is_flat and MILDEST in taxonomy else None


def reply_model(llm: ChatModel, settings: Mapping[str, Any]) -> Runnable[Any, BaseMessage]:
    """Return the LLM with the settings of the run's reply.

    Raises:
        SetupError: A client of this server may not give one of them.
    """
    if not settings:
        return llm
    if is_served():
        check_client_settings(settings)
    return llm.bind(**settings)
