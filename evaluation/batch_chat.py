"""An LLM that answers from a folder: what nobody has answered yet is written there for a provider's batch interface.

A round is one pass over all samples. What it asks for the first time (a judgement, then a re-query or a repair, then a
reply) is unanswered, and that sample ends there; the next round goes on with the answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict

from ..contract import SetupError
from .batch_answers import BatchAnswer, read_answers

SCHEME = "batch:"
QUESTIONS, ANSWERS, REQUEST = "questions.jsonl", "answers*.jsonl", "request.json"
DEFAULT_REQUEST = {"model": "gpt-4o-mini", "max_tokens": 200, "temperature": 0}
"""Fields of each request beside its messages."""
_ROLES = {"human": "user", "ai": "assistant"}


class UnansweredQuestion(SetupError):
    """A question has no answer yet; where the run asks others, it goes on with them first."""


class BatchFolder:
    """Questions and answers of one LLM in a folder, which is created.

    Args:
        path: Holds `request.json` with fields of the requests, if any, and `answers*.jsonl`.

    Raises:
        SetupError: It is no folder, or `request.json` is not an object with a model's name.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"{path} is not a folder for questions ({error.strerror}); give batch:FOLDER") from error
        self.path = path
        self.request = _read_request(path / REQUEST)
        answers, self.broken = read_answers(sorted(path.glob(ANSWERS)))
        self._answers = {answer.custom_id: answer for answer in answers if answer.text is not None}
        self._failures = {answer.custom_id: answer.failure for answer in answers if answer.text is None}
        self._unanswered: dict[str, list[dict[str, str]]] = {}

    def answer(self, messages: Sequence[BaseMessage]) -> BatchAnswer:
        """Return the answer to a question.

        Raises:
            UnansweredQuestion: It has none yet.
        """
        chat = [{"role": _ROLES.get(message.type, message.type), "content": str(message.text)} for message in messages]
        key = _custom_id(str(self.request["model"]), chat)
        if key in self._answers:
            return self._answers[key]
        self._unanswered[key] = chat
        raise UnansweredQuestion(f"a question to the LLM has no answer in {self.path} yet")

    def write_questions(self) -> str:
        """Write what is unanswered, in the form of OpenAI's batch interface, and return what to do now."""
        model, questions = self.request["model"], self.path / QUESTIONS
        lines = [
            {
                "custom_id": key,
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {**self.request, "messages": chat},
            }
            for key, chat in self._unanswered.items()
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        questions.write_text(text, encoding="utf-8")
        failures = [self._failures[key] for key in self._unanswered if key in self._failures]
        failed = f"; {len(failures):,} of them failed before, the first with {failures[0]!r}" if failures else ""
        return (
            f"{len(lines):,} questions for {model} have no answer yet{failed}. They are in {questions}, in the form of "
            f"OpenAI's batch interface: have them answered, append the answers to {self.path / 'answers.jsonl'} and "
            f"run the same command again. ({self.path / REQUEST} may name another model.)"
        )


class BatchChat(BaseChatModel):
    """A chat model that answers from a `BatchFolder`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model_name: str
    """Name of the LLM that answers the batches; a fit for it is found by this name in a conversation, too."""
    folder: Any
    """Its `BatchFolder`."""

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Whose key it needs: a provider answers it, so it counts as hosted."""
        return {"provider": "PROVIDER_API_KEY"}

    @property
    def _llm_type(self) -> str:
        return "batch"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return dict(self.folder.request)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        answer: BatchAnswer = self.folder.answer(messages)
        message = AIMessage(answer.text or "", usage_metadata=answer.usage)
        return ChatResult(generations=[ChatGeneration(message=message)])


def batch_chat(spec: str | None) -> BatchChat | None:
    """Return the chat model of a specification `batch:FOLDER`, None where it names another model.

    Raises:
        SetupError: There is no such folder to write to, or its `request.json` is wrong.
    """
    spec = (spec or "").strip()
    if not spec.startswith(SCHEME):
        return None
    path = spec.removeprefix(SCHEME).strip()
    if not path:
        raise SetupError("the model is 'batch:'; give batch:FOLDER, where questions are written and answers are read")
    folder = BatchFolder(Path(path).expanduser())
    return BatchChat(model_name=str(folder.request["model"]), folder=folder)


def _read_request(path: Path) -> dict[str, Any]:
    """Return the fields of a request; null in the file leaves one out."""
    own: Any = {}
    if path.is_file():
        try:
            own = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise SetupError(f"{path} is not JSON ({error})") from error
    fields = {**DEFAULT_REQUEST, **own} if isinstance(own, Mapping) else {}
    name = fields.get("model")
    if not isinstance(name, str) or not name.strip():
        raise SetupError(f"{path} holds no fields of a request; write such as {json.dumps(DEFAULT_REQUEST)}")
    return {name: value for name, value in fields.items() if value is not None}


def _custom_id(model: str, chat: Sequence[Mapping[str, str]]) -> str:
    """Return a stable id of a question to an LLM, in the characters and the length that all providers take."""
    return "hef-" + hashlib.sha256(json.dumps([model, chat]).encode()).hexdigest()[:40]
