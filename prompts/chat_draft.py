"""The prompt of a chat model's reply: who it is and a private note as the system message, then the real conversation.

A model that was trained on a transcript has another prompt, see `messages`; which of both a model gets says
`hef.contract.chat_model.draft_form`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from ..contract import HefContext, Memory, Turn
from ..contract.dialogue import TextLanguage
from ..contract.settings.dialogue_limit import QUESTION_CHARACTERS
from ..contract.settings.recall_limits import HOSTED_TOKENS
from ..contract.text import LANGUAGE_NAMES
from .fence import MAX_CAUSE_CHARACTERS, fence, quoted
from .loader import GUIDANCE, LANGUAGE, NO_MEMORY, NOTE, TOOLS, WISH, Prompts
from .messages import MAX_CAUSES, likely_emotions
from .recalled_turns import recalled_lines
from .spoken_reply import described_persona

_ENDS = (".", "!", "?", "…", "。", "！", "？")


@dataclass(frozen=True, slots=True)
class ChatDraft:
    """What the prompt of a chat model's reply is made of."""

    conversation: Sequence[BaseMessage]
    """What was said, as chat messages, oldest first; the person's last turn is the last."""
    turns: Sequence[Turn]
    """The same as turns, for a template that places it as text."""
    emotion: str | None = None
    """What the person feels; None leaves the note out."""
    distribution: Mapping[str, float] = field(default_factory=dict)
    """Probability of each emotion; may be empty."""
    causes: Sequence[str] = ()
    """Cause words, the strongest first, of which the first few are shown."""
    memories: Sequence[Memory] = ()
    """Past turns that bear on this one."""
    lacks_memory: bool = False
    """Whether the person asks what is remembered of them, and nothing is recalled."""
    memory_budget: int = HOSTED_TOKENS
    """Tokens of past turns at most."""
    instructions: str = ""
    """The host's own system messages; with them the persona is told only where it was set."""
    persona: str = ""
    """Who the assistant is; blank is the default one."""
    concern: str = ""
    """What the LLM is told where somebody may be at risk, see `concern_note`; empty in all other turns."""
    tool_results: Sequence[str] = ()
    """What the host's tools returned, a line each, quoted."""
    limit: int = QUESTION_CHARACTERS
    """Characters of dialogue at most where a template places it."""
    reply_language: str | None = None
    """The language that is set for the reply; None is the person's."""
    language: TextLanguage = "en"
    """Language of the shipped note and guidance."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What emotions are called in it, where they have a name beside their label."""
    reads_wish: bool = False
    """Whether the LLM is to say in a last line what the person asks for from now on."""


def chat_draft_messages(prompts: Prompts, draft: ChatDraft) -> list[BaseMessage]:
    """Return the prompt: the host's text or the persona, note and guidance, then the conversation.

    A template `draft` that replaces note and guidance stands in their place; one with `$dialogue` is sent as the
    person's message, and the conversation is not repeated.
    """
    values = _values(draft)
    has_dialogue = prompts.is_replaced("draft") and "dialogue" in prompts.placeholders("draft")
    task = (
        prompts.render("draft", **values)
        if prompts.is_replaced("draft")
        else _note_and_guidance(prompts, draft, values)
    )
    language = prompts.render(LANGUAGE, language=_language_name(draft.reply_language or ""))
    tools = prompts.render(TOOLS, results="\n".join(draft.tool_results)) if draft.tool_results else ""
    shown_task = "" if has_dialogue else task
    system = [
        draft.instructions,
        _persona(prompts, draft),
        shown_task,
        prompts.render(prompts.in_language(NO_MEMORY, draft.language)) if draft.lacks_memory else "",
        draft.concern,
        tools,
        language,
        prompts.render(WISH) if draft.reads_wish else "",
    ]
    conversation = [HumanMessage(task)] if has_dialogue else draft.conversation
    text = "\n\n".join(filter(None, system))
    return [*([SystemMessage(text)] if text else []), *conversation]


def _note_and_guidance(prompts: Prompts, draft: ChatDraft, values: Mapping[str, str]) -> str:
    """Return note and guidance; without an emotion nothing was read, and past turns alone are noted."""
    note, guidance = (prompts.in_language(name, draft.language) for name in (NOTE, GUIDANCE))
    if not values["emotion"]:
        if not values["memories"]:
            return ""
        values = {**values, "distribution": "", "causes": ""}
    return f"{prompts.render(note, **values)}\n\n{prompts.render(guidance, **values)}"


def _language_name(language: str) -> str:
    """Return how a language is named in a prompt: of a common code its English name, else as it was set."""
    return LANGUAGE_NAMES.get(language.lower(), language)


def _values(draft: ChatDraft) -> dict[str, str]:
    """Return the value of each placeholder of a template `draft`; what the person said is quoted or fenced."""
    query = draft.turns[-1].text if draft.turns else ""
    return {
        "persona": described_persona(draft.persona),
        "emotion": draft.emotion or "",
        "distribution": likely_emotions(draft.emotion, draft.distribution, draft.names),
        "causes": ", ".join(f'"{quoted(cause, MAX_CAUSE_CHARACTERS)}"' for cause in draft.causes[:MAX_CAUSES]),
        "memories": recalled_lines(
            draft.memories, draft.memory_budget, query=query, language=draft.language, names=draft.names
        ),
        "dialogue": fence(draft.turns, draft.limit),
    }


def _persona(prompts: Prompts, draft: ChatDraft) -> str:
    """Return who the assistant is, as a text of its own; empty where the host or the template says it.

    A persona of several lines that does not begin as "You are" stands as it was written.
    """
    described = described_persona(draft.persona)
    if prompts.is_replaced("system"):
        return prompts.render("system", persona=described)
    is_default = described == HefContext().persona
    is_placed = prompts.is_replaced("draft") and "persona" in prompts.placeholders("draft")
    if is_placed or (is_default and draft.instructions):
        return ""
    if "\n" in draft.persona.strip() and draft.persona.strip().startswith(described):
        return draft.persona.strip()
    return f"You are {described}" if described.endswith(_ENDS) else f"You are {described}."
