"""An LLM and a SEM that answer an equal question from a cache, for runs that differ in what follows it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, MessageLikeRepresentation, convert_to_messages
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict

from ..contract import Cause, Dialogue, Reading, Turn, View
from ..contract.chat_model import DraftForm
from ..llm import ChoiceScorer, calibrated, draft_form, model_name
from ..sem import Sem, SemDescription
from ..sem.protocol import resolve_views
from .llm_cache import AnswerCache


def with_cache(model: BaseChatModel, path: Path | None = None) -> tuple[BaseChatModel, AnswerCache]:
    """Return a model that caches its answers, and the cache.

    Args:
        model: Any chat model; one that scores choices still does.
        path: File of JSON lines; None caches in memory only.
    """
    cache = AnswerCache(model_name(model), path)
    cached = model.model_copy(update={"cache": cache})
    if isinstance(model, ChoiceScorer):
        return CachedScorer(inner=cached, answers=cache, model_name=model_name(model), cache=False), cache
    return cached, cache


class CachedScorer(BaseChatModel):
    """A chat model that scores choices, whose scores are cached as well as its texts.

    Content-free scores are cached separately, so that subtracting them or not asks no further question;
    they count neither as calls nor as tokens, since a model remembers them for all turns.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    inner: Any
    """The cached model."""
    answers: AnswerCache
    """Its answers."""
    model_name: str
    """Its name."""

    @property
    def draft_form(self) -> DraftForm:
        """The form of prompt that the cached model was trained on."""
        return draft_form(self.inner)

    @property
    def _llm_type(self) -> str:
        return str(self.inner._llm_type)

    def score_choices(
        self,
        messages: Sequence[MessageLikeRepresentation],
        choices: Sequence[str],
        *,
        prefix: str = "",
        content_free: Sequence[Sequence[MessageLikeRepresentation]] = (),
    ) -> dict[str, float]:
        """Return the log-probability of each choice; see `ChoiceScorer`."""
        with self.answers.uncounted():
            neutral = [list(self._scores(empty, choices, prefix).values()) for empty in content_free]
        scores = self._scores(messages, choices, prefix)
        return calibrated(list(scores), list(scores.values()), neutral)

    async def ascore_choices(
        self, messages: Sequence[MessageLikeRepresentation], choices: Sequence[str], **kwargs: Any
    ) -> dict[str, float]:
        """Score without blocking the event loop."""
        return await asyncio.to_thread(self.score_choices, messages, choices, **kwargs)

    def _scores(
        self, messages: Sequence[MessageLikeRepresentation], choices: Sequence[str], prefix: str
    ) -> dict[str, float]:
        settings = sorted((name, str(value)) for name, value in self.inner._identifying_params.items())
        question = json.dumps(["score", settings, _comparable(messages), list(choices), prefix])
        if (answer := self.answers.find(question)) and answer.scores:
            return answer.scores
        scores: dict[str, float] = self.inner.score_choices(messages, choices, prefix=prefix)
        tokens = _count_tokens(self.inner, convert_to_messages(messages))
        self.answers.store(question, scores=scores, prompt_tokens=tokens, completion_tokens=0)
        return scores

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.inner.invoke(messages, stop=stop, **kwargs))])


class CachingSem:
    """A SEM that reads each dialogue once per view."""

    def __init__(self, sem: Sem) -> None:
        self._sem = sem
        self._readings: dict[Hashable, Reading] = {}
        self._causes: dict[Hashable, tuple[Cause, ...]] = {}

    @property
    def description(self) -> SemDescription:
        """Description of the SEM that reads."""
        return self._sem.description

    def read(self, dialogues: Sequence[Dialogue], *, views: Sequence[View] | None = None) -> list[Reading]:
        """Return one reading per dialogue; see `Sem`."""
        keys: list[tuple[tuple[Turn, ...], View]] = [
            (tuple(turns), view) for turns, view in zip(dialogues, resolve_views(dialogues, views), strict=True)
        ]
        if new := [key for key in dict.fromkeys(keys) if key not in self._readings]:
            readings = self._sem.read([turns for turns, _ in new], views=[view for _, view in new])
            self._readings |= zip(new, readings, strict=True)
        return [self._readings[key] for key in keys]

    def causes(self, dialogues: Sequence[Dialogue], emotions: Sequence[str]) -> list[tuple[Cause, ...]]:
        """Return the cause words of each dialogue; see `Sem`."""
        keys = [(tuple(turns), emotion) for turns, emotion in zip(dialogues, emotions, strict=True)]
        if new := [key for key in dict.fromkeys(keys) if key not in self._causes]:
            causes = self._sem.causes([turns for turns, _ in new], [emotion for _, emotion in new])
            self._causes |= zip(new, causes, strict=True)
        return [self._causes[key] for key in keys]


def _count_tokens(model: BaseChatModel, messages: list[BaseMessage]) -> int | None:
    """Count the tokens of a prompt by the model's own tokenizer; LangChain's default is another model's."""
    if type(model).get_num_tokens_from_messages is BaseChatModel.get_num_tokens_from_messages:
        return None
    return model.get_num_tokens_from_messages(messages)


def _comparable(messages: Any) -> Any:
    """Return messages, alone or in nested lists, as JSON values."""
    if isinstance(messages, BaseMessage):
        return [messages.type, messages.text]
    return [_comparable(item) for item in messages] if isinstance(messages, list | tuple) else messages
