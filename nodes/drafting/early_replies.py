"""The early replies of a graph's runs: which turns have one, its prompt, and where it is kept until it is said."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ...contract import Verdict
from ...contract.chat_model import ChatModel, chat_models, draft_form, is_hosted
from ...llm import ChoiceScorer
from ...prompts import Prompts
from ...sem import Taxonomy
from ..calling.llm_calls import LlmCalls
from ..calling.spoken_stream import EVENT_STREAMS
from ..support.draft_prompt import early_reply_prompt
from ..support.turn_view import TurnView
from .early_reply import EarlyPrompt, EarlyReply, handlers
from .repeated_call import can_repeat


class EarlyReplies:
    """The early replies of one graph's runs, each known by the verdict of its turn, the very object in the state.

    Two runs never have the same object, a resumed run has another one, and when a run ends, however it ends, its
    verdict goes, and with it a reply that nobody took.

    Args:
        taxonomy: The labels.
        prompts: The graph's templates.
    """

    def __init__(self, taxonomy: Taxonomy, prompts: Prompts) -> None:
        self._taxonomy = taxonomy
        self._prompts = prompts
        self._kept: dict[int, tuple[EarlyReply, weakref.finalize[Any, Any]]] = {}

    @asynccontextmanager
    async def beside(self, calls: LlmCalls, llm: ChatModel, turn: TurnView) -> AsyncIterator[EarlyReply | None]:
        """Let the LLM begin while the body runs, None where the reply waits for the decision.

        An error of the body ends the call.
        """
        reply = EarlyReply(calls, llm, turn, self) if self._is_wanted(llm, turn) else None
        try:
            yield reply
        except BaseException:
            if reply:
                await reply.stop()
            raise

    def keep(self, reply: EarlyReply, verdict: Verdict) -> None:
        """Keep a reply with the verdict of its turn, for the node that says it."""
        finalizer = weakref.finalize(verdict, self._forget, id(verdict))
        finalizer.atexit = False
        self._kept[id(verdict)] = reply, finalizer

    def take(self, verdict: Verdict | None) -> EarlyReply | None:
        """Return the reply of a turn once; None where there is none."""
        reply, finalizer = self._kept.pop(id(verdict), (None, None))
        if finalizer:
            finalizer.detach()
        return reply

    def _forget(self, key: int) -> None:
        reply, _ = self._kept.pop(key, (None, None))
        if reply:
            reply.stop_soon()

    def prompt(self, llm: ChatModel, turn: TurnView) -> EarlyPrompt:
        """Return the prompt of a turn's early reply."""
        return EarlyPrompt(early_reply_prompt(llm, turn, self._prompts, self._taxonomy), turn.safety)

    def is_plain(self, llm: ChatModel, turn: TurnView) -> bool:
        """Return whether the LLM of a turn is told nothing of the feeling, so that its reply need not wait for it.

        One that scores, or was trained on the transcript, is a local one and cannot do both at once; a host's own
        question or text for the reply needs the decision.
        """
        settings = turn.settings
        prompts = self._prompts.replaced(settings.templates)
        return (
            (is_hosted(llm) if settings.early_reply is None else settings.early_reply)
            and (settings.strategy, settings.first_question) == ("two_stage", "open")
            and not settings.confirm_emotion
            and draft_form(llm) == "chat"
            and can_repeat(llm)
            and not any(isinstance(model, ChoiceScorer) for model in chat_models(llm))
            and not any(map(prompts.is_replaced, ("all_labels", "draft")))
        )

    def _is_wanted(self, llm: ChatModel, turn: TurnView) -> bool:
        """Return whether the LLM begins the reply of a turn before the decision."""
        return (
            self.is_plain(llm, turn)
            and turn.safety.level != "danger"
            and turn.disputed_verdict is None
            and not any(isinstance(handler, EVENT_STREAMS) for handler in handlers())
        )
