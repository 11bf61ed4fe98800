"""LocalChat against the tests that LangChain publishes for every chat model."""

from __future__ import annotations

from typing import Any

from hef.llm import LocalChat
from langchain_core.language_models import BaseChatModel
from langchain_tests.unit_tests import ChatModelUnitTests


class TestLocalChat(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return LocalChat

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model_id": "embedded"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"HEF_THREADS": "1"}, {}, {"model_id": "embedded"}
