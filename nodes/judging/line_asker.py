"""The judgement as a line beside an early reply: the emotion, and the person's words that show it."""

from __future__ import annotations

from langchain_core.runnables import RunnableConfig
from langgraph.constants import TAG_NOSTREAM
from langgraph.errors import GraphBubbleUp

from ...contract import SetupError
from ...contract.chat_model import ChatModel
from ...contract.errors import error_text
from ...prompts import Prompts
from ...prompts.feeling_line import Feeling, LineReader
from ...prompts.label_parser import NONE
from ...prompts.loader import FEELING_LINE
from ...prompts.thoughts import answer_text
from ...sem import Taxonomy
from ..calling.llm_calls import LlmCalls, is_transient
from ..support.draft_prompt import feeling_line_prompt
from ..support.node_record import record_suppressed_error
from ..support.turn_view import TurnView
from .ask_in_words import QUESTION
from .form_tries import FormTries


class LineAsker:
    """Asks an LLM for the line; one that leaves it out several times in a row is asked for it only now and then.

    Args:
        taxonomy: The labels, with what they are called in other languages, and their synonyms.
        prompts: The graph's templates.
    """

    def __init__(self, taxonomy: Taxonomy, prompts: Prompts) -> None:
        self._taxonomy, self._prompts = taxonomy, prompts
        named = {name: label for names in taxonomy.names.values() for label, name in names.items()}
        self._read = LineReader(taxonomy.labels, {**named, **taxonomy.synonyms})
        self._tries = FormTries()

    async def ask(self, calls: LlmCalls, model: ChatModel, turn: TurnView) -> tuple[Feeling | None, str]:
        """Return what the line says, and what failed.

        There is none where the LLM is not asked for it, left it out, or the call failed.
        """
        if NONE in map(str.lower, self._taxonomy.labels) or not self._tries.is_due(model):
            return None, ""
        config: RunnableConfig = {"tags": [TAG_NOSTREAM], "metadata": {QUESTION: FEELING_LINE}}
        try:
            prompt = feeling_line_prompt(turn, self._prompts, self._taxonomy)
            feeling = self._read(answer_text(await calls.invoke(model, prompt, config)))
        except Exception as error:
            if isinstance(error, GraphBubbleUp | SetupError):
                raise
            record_suppressed_error(error)
            if not is_transient(error):
                self._tries.note(model, kept=False)
            return None, f"the LLM's line about the feeling failed ({error_text(error)}): it was asked for the label"
        self._tries.note(model, kept=feeling is not None)
        return feeling, ""
