"""What all tests share: no network but loopback, one thread, the embedded model, a scripted one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HEF_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["ANONYMIZED_TELEMETRY"] = "False"

import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field


class ScriptedChat(BaseChatModel):
    """A chat model that gives scripted answers in order and keeps the prompts it saw.

    An answer that is an exception is raised. When the script is over it begins again.
    """

    script: list[Any]
    prompts: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _next(self, messages: list[BaseMessage]) -> str:
        self.prompts.append(messages)
        answer = self.script[(len(self.prompts) - 1) % len(self.script)]
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self._next(messages)))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for word in self._next(messages).split(" "):
            chunk = ChatGenerationChunk(message=AIMessageChunk(word + " "))
            if run_manager:
                run_manager.on_llm_new_token(word, chunk=chunk)
            yield chunk


@pytest.fixture
def scripted() -> Any:
    """Return a maker of scripted chat models: `scripted("sad", "I am sorry.")`."""

    def make(*answers: Any) -> ScriptedChat:
        return ScriptedChat(script=list(answers))

    return make


@pytest.fixture
def embedded() -> BaseChatModel:
    """Return the embedded model with short, repeatable answers; its weights are loaded once a process."""
    from hef.llm import resolve_model

    return resolve_model("embedded")


def texts(messages: Sequence[BaseMessage]) -> list[str]:
    """Return the text of each message."""
    return [str(message.text) for message in messages]
