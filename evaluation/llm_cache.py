"""Keep an LLM's answers in a file, and count what they cost: an equal question is not asked twice.

A run that was stopped goes on where it stood, and strategies share what they have in common.
Calls, tokens and seconds of a kept answer count as if it had been given anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    MessageLikeRepresentation,
    convert_to_messages,
    message_to_dict,
    messages_from_dict,
)
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import BaseModel, ConfigDict, ValidationError

from ..llm import ChoiceScorer, calibrated, model_name


@dataclass(frozen=True, slots=True)
class Usage:
    """What questions to an LLM cost."""

    calls: int = 0
    """How many there were."""
    prompt_tokens: int | None = 0
    """Tokens it read; None where it does not say."""
    completion_tokens: int | None = 0
    """Tokens it wrote."""
    spared: float = 0.0
    """Seconds that kept answers took when they were given, and not now."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            _sum(self.prompt_tokens, other.prompt_tokens),
            _sum(self.completion_tokens, other.completion_tokens),
            self.spared + other.spared,
        )


class Answer(BaseModel):
    """One kept answer."""

    model_config = ConfigDict(frozen=True)

    key: str
    """Hash of the model, its settings and the whole question."""
    seconds: float
    """How long it took."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    scores: dict[str, float] | None = None
    """Log-probability of each choice, of a scored question."""
    messages: list[dict[str, Any]] | None = None
    """What was written, of any other question."""


class Answers(BaseCache):
    """The answers of one LLM, as LangChain's cache of it.

    Args:
        model: Name of the LLM.
        path: File of JSON lines; None keeps them in memory only.
    """

    def __init__(self, model: str, path: Path | None = None) -> None:
        self._model = model
        self._path = path
        self._held: dict[str, Answer] = {}
        self._usage = Usage()
        self._asked = 0.0
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._held = _read(path)

    def take(self) -> Usage:
        """Return what was used since this was last asked."""
        used, self._usage = self._usage, Usage()
        return used

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Let what is asked within count neither as calls nor as tokens."""
        before = self._usage
        try:
            yield
        finally:
            self._usage = before

    def find(self, *question: str) -> Answer | None:
        """Return the kept answer to a question; it counts as a call."""
        found = self._held.get(self._key(*question))
        self._asked = time.perf_counter()
        if found:
            self._usage += _cost(found, spared=found.seconds)
        return found

    def keep(self, *question: str, **answer: Any) -> None:
        """Keep the answer to the question that was just looked for."""
        made = Answer(key=self._key(*question), seconds=time.perf_counter() - self._asked, **answer)
        self._usage += _cost(made)
        self.add([made])

    def all(self) -> list[Answer]:
        """Return all that is kept, in the order in which it was given."""
        return list(self._held.values())

    def add(self, answers: Iterable[Answer]) -> None:
        """Keep answers that were given here or elsewhere; they cost nothing until they are found."""
        new = [answer for answer in answers if answer.key not in self._held]
        self._held |= {answer.key: answer for answer in new}
        if self._path and new:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(answer.model_dump_json(exclude_none=True) + "\n" for answer in new)

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """Return what the LLM wrote to this prompt before."""
        found = self.find(prompt, llm_string)
        if found is None or found.messages is None:
            return None
        return [ChatGeneration(message=message) for message in messages_from_dict(found.messages)]

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Keep what the LLM wrote."""
        messages = [one.message for one in return_val if isinstance(one, ChatGeneration)]
        used = [message.usage_metadata for message in messages if isinstance(message, AIMessage)]
        read, written = (
            sum(held[side] for held in used if held) if used and all(used) else None
            for side in ("input_tokens", "output_tokens")
        )
        self.keep(
            prompt,
            llm_string,
            messages=[message_to_dict(message) for message in messages],
            prompt_tokens=read,
            completion_tokens=written,
        )

    def clear(self, **kwargs: Any) -> None:
        """Forget all answers, in the file as well."""
        self._held.clear()
        if self._path:
            self._path.unlink(missing_ok=True)

    def _key(self, *question: str) -> str:
        return hashlib.sha256(json.dumps([self._model, *question]).encode()).hexdigest()


class CachedScorer(BaseChatModel):
    """A scoring chat model whose scores are kept as well as its texts.

    Scores about nothing are kept by themselves, so that taking them off or not costs no question;
    they count neither as calls nor as tokens, as a model remembers them for all turns.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    inner: Any
    """The model that is asked."""
    answers: Answers
    """What it said before."""
    model_name: str
    """Its name."""

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
        self, messages: Sequence[MessageLikeRepresentation], choices: Sequence[str], **named: Any
    ) -> dict[str, float]:
        """Do the same without blocking the event loop."""
        return await asyncio.to_thread(self.score_choices, messages, choices, **named)

    def _scores(
        self, messages: Sequence[MessageLikeRepresentation], choices: Sequence[str], prefix: str
    ) -> dict[str, float]:
        question = self._question(messages, choices, prefix)
        if (found := self.answers.find(question)) and found.scores:
            return found.scores
        scores: dict[str, float] = self.inner.score_choices(messages, choices, prefix=prefix)
        read = _count(self.inner, convert_to_messages(messages))
        self.answers.keep(question, scores=scores, prompt_tokens=read, completion_tokens=0)
        return scores

    def _question(self, messages: Sequence[MessageLikeRepresentation], choices: Sequence[str], prefix: str) -> str:
        about = sorted((name, str(held)) for name, held in self.inner._identifying_params.items())
        return json.dumps(["score", about, _plain(messages), list(choices), prefix])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.inner.invoke(messages, stop=stop, **kwargs))])


def with_cache(model: BaseChatModel, path: Path | None = None) -> tuple[BaseChatModel, Answers]:
    """Return a model that keeps its answers, and where it keeps them.

    Args:
        model: Any chat model; one that scores still does.
        path: File of JSON lines; None keeps them in memory only.
    """
    answers = Answers(model_name(model), path)
    kept = model.model_copy(update={"cache": answers})
    if isinstance(model, ChoiceScorer):
        return CachedScorer(inner=kept, answers=answers, model_name=model_name(model), cache=False), answers
    return kept, answers


def _cost(answer: Answer, spared: float = 0.0) -> Usage:
    return Usage(1, answer.prompt_tokens, answer.completion_tokens, spared)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _count(model: BaseChatModel, messages: list[BaseMessage]) -> int | None:
    """Return the tokens of a prompt by the model's own count; LangChain's is another model's."""
    if type(model).get_num_tokens_from_messages is BaseChatModel.get_num_tokens_from_messages:
        return None
    return model.get_num_tokens_from_messages(messages)


def _plain(held: Any) -> Any:
    """Return messages, alone or in lists of them, as what can be compared."""
    if isinstance(held, BaseMessage):
        return [held.type, held.text]
    return [_plain(one) for one in held] if isinstance(held, list | tuple) else held


def _read(path: Path) -> dict[str, Answer]:
    """Return the answers of a file; a line that a killed run left half written is cut off."""
    found: dict[str, Answer] = {}
    if not path.exists():
        return found
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text.endswith("\n"):
        path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")
    for line in text.splitlines():
        with suppress(ValidationError):
            answer = Answer.model_validate_json(line)
            found[answer.key] = answer
    return found
