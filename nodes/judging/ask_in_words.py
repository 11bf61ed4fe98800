"""The generated judgement: structured output where the LLM has it, text otherwise, two calls at most."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.constants import TAG_NOSTREAM

from ...llm import model_name
from ...prompts.label_parser import parse_choice
from ...sem import Taxonomy
from .judgement_prompt import JudgementPrompt
from .llm_selection import must_propagate
from .structured_output import gives_structure, judgement_schema, read_structure

_QUIET: RunnableConfig = {"tags": [TAG_NOSTREAM]}
"""What is judged is no part of the reply: its tokens do not reach the stream of messages."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the LLM."""

    messages: list[BaseMessage]
    """The prompt."""
    schema: dict[str, Any] | None = None
    """What the answer must look like; None asks for text."""


CallSequence: TypeAlias = Generator[Call, Any, str | None]
"""The calls of one judgement, which are sent their answers, and the label at its end."""


class LabelAsker:
    """Ask a question and read a label out of the answer.

    A chat model whose structured output failed is asked for text from then on.

    Args:
        taxonomy: The labels and their synonyms.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._text_only: set[tuple[type, str]] = set()

    def ask(self, model: BaseChatModel, question: JudgementPrompt) -> str | None:
        """Return the label that the LLM names, None when it names none twice."""
        dialog = self._dialog(model, question)
        call = next(dialog)
        try:
            while True:
                try:
                    answer = _asked(model, call).invoke(call.messages, _QUIET)
                except Exception as error:
                    call = dialog.throw(error)
                else:
                    call = dialog.send(answer)
        except StopIteration as end:
            return _label(end)

    async def aask(self, model: BaseChatModel, question: JudgementPrompt) -> str | None:
        """Return the label without blocking."""
        dialog = self._dialog(model, question)
        call = next(dialog)
        try:
            while True:
                try:
                    answer = await _asked(model, call).ainvoke(call.messages, _QUIET)
                except Exception as error:
                    call = dialog.throw(error)
                else:
                    call = dialog.send(answer)
        except StopIteration as end:
            return _label(end)

    def _dialog(self, model: BaseChatModel, question: JudgementPrompt) -> CallSequence:
        key = (type(model), model_name(model))
        if key not in self._text_only and gives_structure(model):
            return self._structured(key, question)
        return self._text(question)

    def _structured(self, key: tuple[type, str], question: JudgementPrompt) -> CallSequence:
        """Ask for structure; where it fails, for text, which must then do without a repair."""
        failed = False
        try:
            if label := read_structure((yield Call(question.messages, judgement_schema(question))), self._taxonomy):
                return label
        except Exception as error:
            if must_propagate(error):
                raise
            failed = True
        label = self._read((yield Call(question.messages)))
        if failed:  # and text did not: it is the structure that this model cannot give
            self._text_only.add(key)
        return label

    def _text(self, question: JudgementPrompt) -> CallSequence:
        answer = yield Call(question.messages)
        if label := self._read(answer):
            return label
        return self._read((yield Call(question.again(str(answer.text)))))

    def _read(self, answer: BaseMessage) -> str | None:
        return parse_choice(str(answer.text), self._taxonomy.labels, self._taxonomy.synonyms)


def _asked(model: BaseChatModel, call: Call) -> Runnable[Any, Any]:
    return model if call.schema is None else model.with_structured_output(call.schema)


def _label(end: StopIteration) -> str | None:
    value: str | None = end.value
    return value
