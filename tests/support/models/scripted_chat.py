"""Scripted chat models: a queue of answers, errors and interrupted replies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field


class Broken(Exception):
    """An interrupted answer: some words, then an error."""

    def __init__(self, text: str, error: Exception) -> None:
        self.text, self.error = text, error


class ScriptedChat(BaseChatModel):
    """A chat model that returns scripted answers in order and records the prompts.

    An answer that is an exception is raised; a `Broken` one raises its error after its words were streamed.
    At its end the script starts again.
    """

    script: list[Any]
    prompts: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _next(self, messages: list[BaseMessage]) -> Any:
        self.prompts.append(messages)
        answer = self.script[(len(self.prompts) - 1) % len(self.script)]
        if isinstance(answer, Exception) and not isinstance(answer, Broken):
            raise answer
        return answer

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        answer = self._next(messages)
        if isinstance(answer, Broken):
            raise answer.error
        return ChatResult(generations=[ChatGeneration(message=self._message(answer, kwargs.get("tools")))])

    def _message(self, answer: Any, tools: Any) -> AIMessage:
        return AIMessage(answer)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        answer = self._next(messages)
        for word in (answer.text if isinstance(answer, Broken) else answer).split(" "):
            chunk = ChatGenerationChunk(message=AIMessageChunk(word + " "))
            if run_manager:
                run_manager.on_llm_new_token(word, chunk=chunk)
            yield chunk
        if isinstance(answer, Broken):
            raise answer.error


class StructuredChat(ScriptedChat):
    """A scripted chat model with structured output: a scripted mapping is returned as a tool call."""

    schemas: list[Any] = Field(default_factory=list)
    """The tool bound in each call; None where text was requested."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=list(tools))

    def _message(self, answer: Any, tools: Any) -> AIMessage:
        self.schemas.append(tools and tools[0])
        if not isinstance(answer, dict):
            return AIMessage(answer)
        return AIMessage("", tool_calls=[{"name": tools[0]["title"], "args": answer, "id": "1", "type": "tool_call"}])


class AgentChat(ScriptedChat):
    """A scripted chat model that calls tools: an answer may be an `AIMessage` with tool calls."""

    bound: list[Any] = Field(default_factory=list)
    """The tools of each call."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        self.bound.append(list(tools))
        return self

    def _message(self, answer: Any, tools: Any) -> AIMessage:
        return answer.model_copy() if isinstance(answer, AIMessage) else AIMessage(answer)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        if isinstance(self.script[len(self.prompts) % len(self.script)], AIMessage):
            called = self._next(messages)
            yield ChatGenerationChunk(message=AIMessageChunk(called.content, tool_calls=called.tool_calls))
        else:
            yield from super()._stream(messages, stop, run_manager, **kwargs)


def calling(tool: str, **arguments: Any) -> AIMessage:
    """Return the answer of a model that calls a tool."""
    return AIMessage("", tool_calls=[{"name": tool, "args": arguments, "id": f"call-{tool}", "type": "tool_call"}])
