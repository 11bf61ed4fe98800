"""The messages of a turn, all with a common prefix: the same system message, then the fenced dialogue.

The common part comes first and the question last, so that a local model reads the dialogue once
and a hosted one finds it in its prompt cache. The draft even continues the judgement: its first
messages are the scored question and the answer to it. The note for another agent's own model is here, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from ..contract import Cause, Empathy, Memory, Safety, Turn
from ..contract.dialogue import TextLanguage
from ..contract.settings.recall_limits import token_budget
from .fence import MAX_CAUSE_CHARACTERS, cause_words, fence, label_text, line_length, quoted
from .loader import AFTER_DANGER, Prompts
from .recalled_turns import recalled_lines, remembered
from .spoken_reply import described_persona

SCORE_PREFIX = "The speaker feels"
"""Beginning of the answer to the scored question."""
CONTENT_FREE = ("N/A", "...", "Hello.")
"""Utterances without content; the LLM's scores after them are its bias (Zhao et al., ICML 2021)."""
MAX_CAUSES = 3
"""How many cause words are in the prompt of the reply."""
MAX_EMOTIONS = 3
"""How many emotions are named at most."""
MIN_SHARE = 0.05
"""Probability below which an emotion is not named beside the decided one."""


def system_message(prompts: Prompts, persona: str) -> SystemMessage:
    """Return the system message, the same for judging and drafting.

    A blank persona is the default one; "You are …" at its beginning stands in the template already.
    """
    return SystemMessage(prompts.render("system", persona=described_persona(persona)))


def score_messages(prompts: Prompts, turns: Sequence[Turn], persona: str, limit: int) -> list[BaseMessage]:
    """Return the scored question; the answer begins with `SCORE_PREFIX`.

    Args:
        prompts: The templates.
        turns: The dialogue, oldest first.
        persona: Who the assistant is.
        limit: Characters of dialogue at most; the oldest turns are dropped first.
    """
    return question_messages(prompts, "score", turns, persona, limit)


def content_free_messages(prompts: Prompts, persona: str) -> list[list[BaseMessage]]:
    """Return the scored question about each content-free utterance."""
    return [
        score_messages(prompts, [Turn("speaker", text)], persona, line_length("speaker", text)) for text in CONTENT_FREE
    ]


def question_messages(
    prompts: Prompts, name: str, turns: Sequence[Turn], persona: str, limit: int, **values: str
) -> list[BaseMessage]:
    """Return the question of a template about a dialogue, with the other values of the template."""
    text = prompts.render(name, dialogue=fence(turns, limit), **values)
    return [system_message(prompts, persona), HumanMessage(text)]


def draft_messages(
    prompts: Prompts,
    turns: Sequence[Turn],
    emotion: str | None,
    words: Sequence[str],
    memories: Sequence[Memory],
    persona: str,
    limit: int,
    distribution: Mapping[str, float] | None = None,
    concern: str = "",
) -> list[BaseMessage]:
    """Return the prompt of the reply for a model that was trained on it; it continues the judgement.

    A template that places `$dialogue` stands alone: nothing was asked before.

    Args:
        prompts: The templates.
        turns: The dialogue, oldest first.
        emotion: What the speaker feels; None leaves the judgement out and asks for the reply at once.
        words: Cause words, the strongest first, of which the first few are shown.
        memories: Past turns that bear on this one.
        persona: Who the assistant is.
        limit: Characters of dialogue at most; the oldest turns are dropped first.
        distribution: Probability of each emotion, for a template that places it.
        concern: What is said before the task where somebody may be at risk, see `concern_note`.
    """
    task = prompts.render(
        "draft",
        memories="\n".join(map(remembered, memories)),
        causes=", ".join(filter(None, map(cause_words, words[:MAX_CAUSES]))),
        persona=described_persona(persona),
        emotion=emotion or "",
        distribution=likely_emotions(emotion, distribution or {}),
        dialogue=fence(turns, limit),
    )
    task = f"{concern}\n\n{task}" if concern else task
    if "dialogue" in prompts.placeholders("draft"):
        return [system_message(prompts, persona), HumanMessage(task)]
    if emotion is None:
        text = f"<dialogue>\n{fence(turns, limit)}\n</dialogue>\n\n{task}"
        return [system_message(prompts, persona), HumanMessage(text)]
    judgement = score_messages(prompts, turns, persona, limit)
    return [*judgement, AIMessage(f"{SCORE_PREFIX} {emotion}."), HumanMessage(task)]


def empathy_note(
    empathy: Empathy,
    memories: Sequence[Memory] = (),
    *,
    prompts: Prompts | None = None,
    memory_budget: int | None = None,
    now: float | None = None,
    contact: str = "",
    query: str = "",
    language: TextLanguage = "en",
    names: Mapping[str, str] | None = None,
) -> str:
    """Return a note about the person for the system message of any agent's own model.

    It holds the likely emotions with their shares, the cause words, and past turns with their day, how long ago that
    was, and the reply. The person's own words are quoted and cannot leave their quotation. Of an uncertain reading past
    turns alone are told; without any the note is empty. Where somebody is in danger, it says that and nothing else;
    where somebody may be at risk, it says so first.

    Args:
        empathy: What was understood.
        memories: Past turns that bear on it, the most relevant first.
        prompts: The templates, whose `note` it is; by default the shipped ones.
        memory_budget: Tokens of past turns at most; by default as many as a hosted LLM is told.
        now: Unix time in seconds from which their age is told; by default the present.
        contact: Who helps in the person's region, for the reply: in danger that of `hef.safety.contact_text`, else that
            of `hef.safety.help_line`.
        query: What the person said last: of a long past turn the part that bears most on it is quoted.
        language: Language of the shipped note, `en` or `zh`; see `hef.contract.dialogue.turn_language`.
        names: What emotions are called in it, such as `taxonomy.names["zh"]`; by default as their labels.
    """
    templates = prompts or Prompts()
    if empathy.safety.level == "danger":
        return danger_note(templates, empathy.safety, contact)
    concern = concern_note(templates, empathy.safety, contact=contact)
    budget = token_budget(memory_budget, is_hosted=True)
    lines = recalled_lines(memories, budget, now, query=query, language=language, names=names)
    feelings = _feelings_note(templates, empathy, lines, language, names)
    return "\n\n".join(filter(None, [concern, feelings]))


def causes_of_last_turn(empathy: Empathy, turns: Sequence[Turn], earlier_turns: int = 0) -> tuple[Cause, ...]:
    """Return the cause words in what the person said since the last reply, the strongest first.

    A note speaks of what they said last; words of an earlier subject would mislead whoever reads it.

    Args:
        empathy: What was understood.
        turns: The newest turns, oldest first.
        earlier_turns: How many came before.
    """
    first = max((index + 1 for index, turn in enumerate(turns) if turn.role == "speaker"), default=0)
    while first and turns[first - 1].role == "speaker":
        first -= 1
    return tuple(cause for cause in empathy.causes if cause.turn >= earlier_turns + first)


def concern_note(
    prompts: Prompts, safety: Safety, *, line_after: str = "", line_before: str = "", contact: str = ""
) -> str:
    """Return what an LLM is told where somebody may be at risk, or was a turn ago; empty where nobody is.

    Args:
        prompts: The templates.
        safety: What was found.
        line_after: The line that follows its reply by itself.
        line_before: The same line, where the person was shown it a moment ago.
        contact: The line that it is to write itself.
    """
    if safety.after_danger:
        return prompts.render(prompts.in_language(AFTER_DANGER, safety.language))
    if safety.level != "concern":
        return ""
    name = prompts.in_language("concern", safety.language)
    if line_before and "said" not in prompts.placeholders(name):
        line_after, line_before = line_before, ""  # a host's template that knows one line alone is not to be left empty
    words = _safety_words(safety)
    return prompts.render(name, words=words, shown=line_after, said=line_before, contact=contact)


def danger_note(prompts: Prompts, safety: Safety, contact: str) -> str:
    """Return what an LLM is told that answers somebody in danger itself.

    Args:
        prompts: The templates.
        safety: What was found.
        contact: Whom it is to name, see `hef.safety.contact_text`.
    """
    name = prompts.in_language("danger_note", safety.language)
    return prompts.render(name, words=_safety_words(safety), contact=contact)


def _safety_words(safety: Safety) -> str:
    words = [f'"{quoted(words, MAX_CAUSE_CHARACTERS)}"' for words in safety.words[:MAX_CAUSES]]
    return ", ".join(words) or "what they said last"


def _feelings_note(
    prompts: Prompts, empathy: Empathy, lines: str, language: TextLanguage, names: Mapping[str, str] | None
) -> str:
    """Return what a note says of emotion, cause words and past turns; empty where nothing is known."""
    if empathy.uncertain and not lines:
        return ""
    causes = [] if empathy.uncertain else empathy.causes[:MAX_CAUSES]
    return prompts.render(
        prompts.in_language("note", language),
        emotions="" if empathy.uncertain else likely_emotions(empathy.emotion, empathy.distribution, names),
        causes=", ".join(f'"{quoted(cause.text, MAX_CAUSE_CHARACTERS)}"' for cause in causes),
        memories=lines,
    )


def likely_emotions(
    emotion: str | None, distribution: Mapping[str, float], names: Mapping[str, str] | None = None
) -> str:
    """Return the decided emotion and then the most probable others with their shares, empty without an emotion.

    The decided one need not be the most probable. An emotion that has a name in `names` is called so.
    """
    if emotion is None:
        return ""
    labels = named_emotions(emotion, distribution)
    called = [(names or {}).get(label) or label_text(label) for label in labels]
    return ", ".join(
        f"{name} {distribution[label]:.0%}" if label in distribution else name
        for label, name in zip(labels, called, strict=True)
    )


def named_emotions(emotion: str, distribution: Mapping[str, float]) -> list[str]:
    """Return the emotions that are named in a prompt: the decided one, then the most probable others."""
    others = [label for label in distribution if label != emotion and distribution[label] >= MIN_SHARE]
    return [emotion, *sorted(others, key=lambda label: (-distribution[label], label))][:MAX_EMOTIONS]
