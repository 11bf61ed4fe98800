"""The generated judgement: structured output where the LLM has it, text otherwise, two calls at most."""

from __future__ import annotations

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.constants import TAG_NOSTREAM

from ...contract.errors import error_text
from ...llm import model_name
from ...prompts.label_parser import parse_choice
from ...prompts.thoughts import answer_text
from ...sem import Taxonomy
from ..support.llm_calls import LlmCalls, must_propagate
from ..support.node_record import record_suppressed_error
from .judgement_prompt import JudgementPrompt
from .structured_output import gives_structure, judgement_schema, read_structure

_NO_STREAM: RunnableConfig = {"tags": [TAG_NOSTREAM]}
"""A judgement is not part of the reply: its tokens do not reach the stream of messages."""


STRUCTURE_TRIES = 3
"""Failures in a row after which a chat model is asked in words at once."""
STRUCTURE_RETRY = 20
"""Number of judgements in words after which its structured output is tried again."""


class LabelAsker:
    """Ask an LLM for a label and parse its answer.

    A chat model whose structured output failed several times in a row, for whatever turns, is asked in words, and now
    and then for structure again. A busy server and a single answer without structure do not count as such.

    Args:
        taxonomy: The labels and their synonyms.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._failures: dict[tuple[type, str], int] = {}

    async def ask(self, model: BaseChatModel, prompt: JudgementPrompt, calls: LlmCalls) -> tuple[str | None, str]:
        """Return the label that the LLM names, None when it names none twice, and what failed on the way."""
        key = (type(model), model_name(model))
        failures = self._failures.get(key, 0)
        if not gives_structure(model):
            return await self._ask_for_text(model, prompt, calls), ""
        if failures >= STRUCTURE_TRIES and (failures - STRUCTURE_TRIES) % STRUCTURE_RETRY != STRUCTURE_RETRY - 1:
            self._failures[key] = failures + 1
            return await self._ask_for_text(model, prompt, calls), ""
        fault = ""
        try:
            structured = model.with_structured_output(judgement_schema(prompt))
            label = read_structure(await calls.invoke(structured, prompt.messages, _NO_STREAM), self._taxonomy)
        except Exception as error:
            if must_propagate(error):
                raise
            record_suppressed_error(error)
            label, fault = None, f"the LLM's structured output failed ({error_text(error)}): it was asked in words"
        if label is None:  # Two calls at most: this one has no repair.
            label = self._parse(await calls.invoke(model, prompt.messages, _NO_STREAM))
        # Where the text failed as well, nothing was learned about the structure.
        self._failures[key] = failures + 1 if fault else 0
        return label, fault

    async def _ask_for_text(self, model: BaseChatModel, prompt: JudgementPrompt, calls: LlmCalls) -> str | None:
        answer = await calls.invoke(model, prompt.messages, _NO_STREAM)
        if label := self._parse(answer):
            return label
        repair = prompt.repair_messages(answer_text(answer))
        return self._parse(await calls.invoke(model, repair, _NO_STREAM))

    def _parse(self, answer: BaseMessage) -> str | None:
        return parse_choice(answer_text(answer), self._taxonomy.labels, self._taxonomy.synonyms)
