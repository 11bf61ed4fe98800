"""What stands for the LLM in a graph that may do without one, on a machine where the embedded one is not installed."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from ..contract import SetupError
from ..contract.chat_model import ChatModel
from .resolve import resolve_model


class MissingModel(BaseChatModel):
    """A chat model that says what is missing as soon as it is asked."""

    reason: str
    """Why there is none, and what to do."""
    model_name: str = "none"

    @property
    def _llm_type(self) -> str:
        return "hef-missing"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise SetupError(f"{self.reason}; or give a model, or read with strategy 'sem_only', which asks none")


def resolve_optional_model(spec: ChatModel | str | None) -> ChatModel:
    """Return the chat model of a specification as `resolve_model` does; without one it may be missing.

    Raises:
        SetupError: A model is named, and it is none or not installed.
    """
    try:
        return resolve_model(spec)
    except SetupError as error:
        if spec is not None:
            raise
        return MissingModel(reason=str(error))
