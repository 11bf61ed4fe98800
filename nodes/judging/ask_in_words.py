"""The generated judgement: its prompt, and the answer as structured output where the LLM has it, as text otherwise.

Two calls are made at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase
from langgraph.constants import TAG_NOSTREAM

from ...contract import HefContext, ModelError, Reading, Turn
from ...contract.chat_model import ChatModel, chat_models
from ...contract.errors import error_text
from ...contract.settings.dialogue_limit import question_limit
from ...prompts import Prompts, cause_words, question_messages
from ...prompts.label_parser import NONE, parse_choice
from ...prompts.spoken_reply import brief_persona
from ...prompts.thoughts import answer_text
from ...sem import Taxonomy
from ..calling.llm_calls import LlmCalls, must_propagate
from ..support.node_record import record_suppressed_error
from .form_tries import FormTries

HINTED_LABELS = 2
"""How many emotions strategy `one_prompt` calls more likely."""
_ANSWER_CHARACTERS = 300
"""Characters of an answer without a label that the LLM is shown again."""
QUESTION = "hef_question"
"""Key in the metadata of a judgement's calls: the name of the question's template."""


@dataclass(frozen=True, slots=True)
class JudgementPrompt:
    """One question to the LLM, ready to be sent."""

    name: str
    """Name of its template."""
    messages: list[BaseMessage]
    """The prompt."""
    offered: tuple[str, ...]
    """The labels that it may answer at once."""
    labels: tuple[str, ...]
    """The labels that it may answer at all, at once or as its own hypothesis."""
    allows_none: bool
    """Whether "none" alone is an answer: the speaker's last message shows no feeling of their own."""
    repair: str
    """The message that is sent once when its answer holds none of the labels."""

    @property
    def config(self) -> RunnableConfig:
        """The configuration of its calls: a judgement is not part of the reply, its tokens stay out of the stream."""
        return {"tags": [TAG_NOSTREAM], "metadata": {QUESTION: self.name}}

    def repair_messages(self, answer: str) -> list[BaseMessage]:
        """Return the prompt that asks again after an answer without a label."""
        return [*self.messages, AIMessage(answer.strip()[:_ANSWER_CHARACTERS] or "…"), HumanMessage(self.repair)]


def judgement_prompt(
    prompts: Prompts,
    taxonomy: Taxonomy,
    turns: Sequence[Turn],
    readings: Sequence[Reading],
    settings: HefContext,
    *,
    is_requery: bool = False,
) -> JudgementPrompt:
    """Return the question of a turn.

    It asks which of all emotions it is: without a reading, and at first where `first_question` is "open". Else it asks
    whether a primary emotion fits, or (`one_prompt`) which of all it is, with the likeliest ones named.
    """
    labels = taxonomy.labels
    name, offered, values = "all_labels", labels, {"labels": ", ".join(labels)}
    if readings and settings.strategy == "one_prompt":
        name = "one_prompt"
        values["likely"] = ", ".join(readings[-1].ranked[:HINTED_LABELS])
    elif readings and (is_requery or settings.first_question == "primary"):
        name, offered, values = "coarse", readings[-1].primary, _coarse_values(readings[-1], labels)
    persona = brief_persona(settings.persona)
    messages = question_messages(prompts, name, turns, persona, question_limit(settings.dialogue_limit), **values)
    repair = prompts.render("repair", labels=", ".join(labels))
    return JudgementPrompt(name, messages, offered, labels, allows_none=name == "all_labels", repair=repair)


def _coarse_values(reading: Reading, labels: Sequence[str]) -> dict[str, str]:
    others = ", ".join(label for label in labels if label not in reading.primary)
    return {"primary": ", ".join(reading.primary), "others": others or "none", "evidence": _evidence_text(reading)}


def _evidence_text(reading: Reading) -> str:
    evidence = reading.evidence
    if evidence is None:
        return ""
    words_for, words_against = (
        ", ".join(map(cause_words, words)) or "none" for words in (evidence.words_for, evidence.words_against)
    )
    return (
        f"Before, you thought of {evidence.hypothesis}. On a second look "
        f"the small model gives it rank {evidence.rank}; "
        f"words for it: {words_for}; words for {reading.ranked[0]}: {words_against}."
    )


class LabelAsker:
    """Ask an LLM for a label and parse its answer.

    A chat model whose structured output failed several times in a row, for whatever turns, is asked in words, and now
    and then for structure again. A busy server and a single answer without structure do not count as such.

    Args:
        taxonomy: The labels and their synonyms.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._tries = FormTries()

    async def ask(self, model: ChatModel, prompt: JudgementPrompt, calls: LlmCalls) -> tuple[str | None, str]:
        """Return the label that the LLM names and what failed on the way.

        The label is `NONE` where the question allows that answer, and None when no label was named twice.
        """
        if not gives_structure(model) or not self._tries.is_due(model):
            return await self._ask_for_text(model, prompt, calls), ""
        fault = ""
        try:
            structured = with_structure(model, judgement_schema(prompt))
            answer = await calls.invoke(structured, prompt.messages, prompt.config)
            label = read_structure(answer, self._taxonomy, allows_none=prompt.allows_none)
        except Exception as error:
            if must_propagate(error):
                raise
            record_suppressed_error(error)
            label, fault = None, f"the LLM's structured output failed ({error_text(error)}): it was asked in words"
        if label is None:  # Two calls at most: this one has no repair.
            label = self._parse(await calls.invoke(model, prompt.messages, prompt.config), prompt)
        # Where the text failed as well, nothing was learned about the structure.
        self._tries.note(model, kept=not fault)
        return label, fault

    async def _ask_for_text(self, model: ChatModel, prompt: JudgementPrompt, calls: LlmCalls) -> str | None:
        answer = await calls.invoke(model, prompt.messages, prompt.config)
        if label := self._parse(answer, prompt):
            return label
        repair = prompt.repair_messages(answer_text(answer))
        return self._parse(await calls.invoke(model, repair, prompt.config), prompt)

    def _parse(self, answer: BaseMessage, prompt: JudgementPrompt) -> str | None:
        text = answer_text(answer)
        if label := parse_choice(text, self._taxonomy.labels, self._taxonomy.synonyms):
            return label
        return NONE if prompt.allows_none and _is_none(text) else None


def gives_structure(model: ChatModel) -> bool:
    """Return whether a chat model, and each of its fallbacks, can give structured output.

    The profile decides; a model without one can if it has its own `with_structured_output`
    or `bind_tools`: the base class only refuses.
    """
    return all(map(_gives_structure, chat_models(model)))


def with_structure(model: ChatModel, schema: dict[str, Any]) -> Runnable[Any, Any]:
    """Return a chat model with structured output inside of the wrappers around it.

    Raises:
        NotImplementedError: A chat model has none.
    """
    if isinstance(model, RunnableBindingBase):
        return model.model_copy(update={"bound": with_structure(model.bound, schema)})
    if isinstance(model, RunnableWithFallbacks):
        first, *others = (with_structure(wrapped, schema) for wrapped in model.runnables)
        return model.model_copy(update={"runnable": first, "fallbacks": others})
    (inner,) = chat_models(model)
    structured: Runnable[Any, Any] = inner.with_structured_output(schema)
    return structured


def _gives_structure(model: BaseChatModel) -> bool:
    profile = model.profile or {}
    capabilities = [bool(profile[key]) for key in ("structured_output", "tool_calling") if key in profile]
    kind = type(model)
    is_implemented = (
        kind.with_structured_output is not BaseChatModel.with_structured_output
        or kind.bind_tools is not BaseChatModel.bind_tools
    )
    return is_implemented and (any(capabilities) or not capabilities)


def judgement_schema(prompt: JudgementPrompt) -> dict[str, Any]:
    """Return the JSON schema of an answer: an offered label or "none", and then the label that fits best.

    Where all labels are offered, there is no second one: a hosted LLM needs a tenth of a second to write it.
    """
    properties = {
        "emotion": {
            "type": "string",
            "enum": list(dict.fromkeys([*prompt.offered, NONE])),
            "description": "How the speaker feels; none where no word of these fits",
        },
        "hypothesis": {
            "type": "string",
            "enum": list(dict.fromkeys([*prompt.labels, NONE])),
            "description": "Where the emotion is none, the word that fits best; else none",
        },
    }
    if set(prompt.offered) >= set(prompt.labels):
        del properties["hypothesis"]
    return {
        "title": "Judgement",
        "description": "How the speaker feels",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _is_none(text: str) -> bool:
    return text.strip(" \n.\"'*`").lower() == NONE


def read_structure(answer: object, taxonomy: Taxonomy, *, allows_none: bool = False) -> str | None:
    """Return the label of an answer; where it names none, `NONE` if that is an answer, else None.

    Raises:
        ModelError: The answer does not have the form of the schema.
    """
    if not isinstance(answer, Mapping) or not isinstance(answer.get("emotion"), str):
        raise ModelError("the LLM's structured output has no text under `emotion`")
    texts = [answer["emotion"], answer.get("hypothesis")]
    labels = [parse_choice(text, taxonomy.labels, taxonomy.synonyms) for text in texts if isinstance(text, str)]
    escape = NONE if allows_none and _is_none(answer["emotion"]) else None
    return next((label for label in labels if label), escape)
