"""The generated judgement: structured output where the LLM has it, text otherwise, two calls at most."""

from __future__ import annotations

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.constants import TAG_NOSTREAM

from ...llm import model_name
from ...prompts.label_parser import parse_choice
from ...prompts.thoughts import answer_text
from ...sem import Taxonomy
from ..support.llm_calls import LlmCalls, must_propagate
from .judgement_prompt import JudgementPrompt
from .structured_output import gives_structure, judgement_schema, read_structure

_NO_STREAM: RunnableConfig = {"tags": [TAG_NOSTREAM]}
"""A judgement is not part of the reply: its tokens do not reach the stream of messages."""


class LabelAsker:
    """Ask an LLM for a label and parse its answer.

    A chat model whose structured output failed is asked for text from then on.

    Args:
        taxonomy: The labels and their synonyms.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._text_only: set[tuple[type, str]] = set()

    async def ask(self, model: BaseChatModel, prompt: JudgementPrompt, calls: LlmCalls) -> str | None:
        """Return the label that the LLM names, None when it names none twice."""
        key = (type(model), model_name(model))
        if key in self._text_only or not gives_structure(model):
            return await self._ask_for_text(model, prompt, calls)
        structure_failed = False
        try:
            structured = model.with_structured_output(judgement_schema(prompt))
            answer = await calls.invoke(structured, prompt.messages, _NO_STREAM)
            if label := read_structure(answer, self._taxonomy):
                return label
        except Exception as error:
            if must_propagate(error):
                raise
            structure_failed = True
        # Two calls at most: this one has no repair.
        label = self._parse(await calls.invoke(model, prompt.messages, _NO_STREAM))
        if structure_failed:  # and text did not: it is the structure that this model cannot give
            self._text_only.add(key)
        return label

    async def _ask_for_text(self, model: BaseChatModel, prompt: JudgementPrompt, calls: LlmCalls) -> str | None:
        answer = await calls.invoke(model, prompt.messages, _NO_STREAM)
        if label := self._parse(answer):
            return label
        repair = prompt.repair_messages(answer_text(answer))
        return self._parse(await calls.invoke(model, repair, _NO_STREAM))

    def _parse(self, answer: BaseMessage) -> str | None:
        return parse_choice(answer_text(answer), self._taxonomy.labels, self._taxonomy.synonyms)
